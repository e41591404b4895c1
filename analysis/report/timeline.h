// Why: a timeline shows what every CPU did, at any zoom, without a look at the events. The TimelineBuilder is fed the
// events as they come, adds up what each CPU's time went to in bins of fixed length, and packs them into rows to be
// stored; coarser levels are sums of finer ones, so that a view of any length reads a bounded number of bins.
//
// Bins lie on a grid that does not depend on the recording: bin i of level l is [i, i + 1) * TimelineBinNs(l). A CPU's
// time from its first event on is in exactly one use at every moment, by the rules of the scheduler model (see
// CpuState::use): interrupts in front of softirqs, these in front of the task. Time in a gap is unknown until the first
// event after it, and so is time before a CPU's first event; what no row covers is unknown too.
//
// A row is named by (cpu, level, first_bin). A later row of the same name replaces the earlier one, and rows that are
// current never overlap: Flush gives what is unfinished as rows that a later row of the same name will replace. A row
// holds up to kTimelineRowBins bins, or any number of equal ones.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "analysis/base/bytes.h"
#include "analysis/base/result.h"
#include "analysis/trace/event.h"
#include "analysis/trace/reader.h"

namespace wakewatch {

// Coarser than the model's `Use`: every class above the fair one is kRealTime, and off time is the task's.
enum class TimelineUse : uint8_t { kIdle, kFair, kRealTime, kSoftirq, kHardirq, kUnknown };
inline constexpr size_t kTimelineUses = 6;

inline constexpr unsigned kTimelineLevels = 5;        // bins of 1, 17, 268 ms, 4.3 s and 69 s
inline constexpr unsigned kTimelineFinestShift = 20;  // level 0 has bins of 2^20 ns
inline constexpr unsigned kTimelineLevelShift = 4;    // each level's are 16 times as long as the one's below
inline constexpr uint32_t kTimelineRowBins = 256;
inline constexpr uint64_t kTimelineEndNs = INT64_MAX;  // later times are taken for this one

constexpr unsigned TimelineShift(unsigned level) { return kTimelineFinestShift + kTimelineLevelShift * level; }
constexpr uint64_t TimelineBinNs(unsigned level) { return uint64_t{1} << TimelineShift(level); }

struct TimelineBin {
  std::array<uint64_t, kTimelineUses> ns{};  // by TimelineUse; together the bin's length, less where time ends in it
  uint32_t switches = 0;                     // sched_switch events
  // The task that ran for most of the time, interrupts not counted, the lower pid of two; 0: no task ran. Only the
  // first kTimelinePidsMax tasks of a bin are looked at.
  int32_t busiest_pid = 0;
  uint64_t busiest_ns = 0;

  uint64_t& Of(TimelineUse use) { return ns[static_cast<size_t>(use)]; }
  uint64_t Of(TimelineUse use) const { return ns[static_cast<size_t>(use)]; }
  uint64_t TotalNs() const {
    uint64_t total = 0;
    for (const uint64_t part : ns) total += part;
    return total;
  }
  uint64_t TaskNs() const { return Of(TimelineUse::kFair) + Of(TimelineUse::kRealTime); }
  bool operator==(const TimelineBin&) const = default;
};
inline constexpr size_t kTimelinePidsMax = 4096;

// A row of table `timeline`.
struct TimelineRow {
  uint32_t cpu = 0, level = 0;
  uint64_t first_bin = 0;
  uint32_t bins = 0;
  std::vector<uint8_t> bytes;  // see timeline_row.h
};

// Not thread-safe. An event costs the same however long the recording is.
class TimelineBuilder {
 public:
  TimelineBuilder();
  ~TimelineBuilder();
  TimelineBuilder(TimelineBuilder&&) noexcept;
  TimelineBuilder& operator=(TimelineBuilder&&) noexcept;

  // Each CPU's events in order, kGap events among them. How CPUs interleave does not matter. A time that goes back is
  // raised to the latest of that CPU, or of Flush.
  void Push(const Event& event);

  // The rows that were finished since the last call.
  std::vector<TimelineRow> TakeRows();
  // TakeRows, and behind them what is not finished, as of `watermark_ns`: every event up to it must have been pushed.
  // Until then all CPUs' time goes on in the use that they are in. Store all of them in one transaction.
  std::vector<TimelineRow> Flush(uint64_t watermark_ns);

  // All that it knows, rows that were not taken included. Restored, it goes on as if nothing had happened.
  std::vector<uint8_t> Save() const;
  // Errors: kUnsupported (another version), kCorrupt, kTruncated.
  static Result<TimelineBuilder> Restore(Bytes saved);

 private:
  struct Cpu;
  Cpu* Add(uint32_t cpu, uint64_t ts_ns);

  std::vector<std::unique_ptr<Cpu>> cpus_;  // by number; null: no event yet
  std::vector<TimelineRow> finished_;
};

}  // namespace wakewatch
