// Why: a narrow view is read from the events themselves. This finds the chunks of one CPU that tell what it did in a
// span, with the last switch before it, and goes through them with the gaps where they were.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/report/timeline_track.h"
#include "server/store/timeline_part.h"
#include "server/store/timeline_query.h"
#include "server/store/timeline_rows.h"

namespace wakewatch {

using TimelineDeadline = std::optional<std::chrono::steady_clock::time_point>;
// kDeadline once it has passed.
Status CheckDeadline(const TimelineDeadline& deadline);

// What a walk tells, in the order of time and without holes. Times may lie in front of the span.
class TimelineSink {
 public:
  virtual ~TimelineSink() = default;
  virtual void Stay(uint64_t from_ns, uint64_t to_ns, const CpuTrack& track) = 0;
  // A switch at `ts_ns`, before `track` takes it. False: enough was seen.
  virtual bool Switch(uint64_t ts_ns, const TimelineChunk& chunk, const TimelineChange& change) = 0;
  // From here on nothing is known.
  virtual void Lose(uint64_t ts_ns) = 0;
};

class TimelineWalk {
 public:
  // Chooses what to read for [start_ns, end_ns) of one CPU. `files` in the order of time; *events_left is lowered by
  // what reading it costs, and when it gets negative the walk is of no use. The CPU's last state holds until
  // `known_end_ns`.
  static Result<TimelineWalk> Plan(std::span<TimelineFile* const> files, uint32_t cpu, uint64_t start_ns,
                                   uint64_t end_ns, uint64_t known_end_ns, int64_t* events_left);
  // False: the sink had enough.
  Result<bool> Run(const TimelineDeadline& deadline, TimelineSink* sink) const;

  // A chunk, or a gap.
  struct Item {
    TimelineFile* file = nullptr;
    bool is_gap = false;
    ChunkRow chunk;
    uint64_t gap_ns = 0;
    uint64_t gap_end_ns = 0;  // UINT64_MAX: the file does not say
  };
  // What there is to read in the order of time, from up to kChunksBackMax chunks in front of the span on.
  static constexpr size_t kChunksBackMax = 8;
  const std::vector<Item>& items() const { return items_; }
  uint64_t known_end_ns() const { return known_end_ns_; }

 private:
  Status Choose(std::span<TimelineFile* const> files, uint32_t cpu, int64_t* events_left);
  Status ChooseFrom(TimelineFile* file, uint32_t cpu, std::vector<ChunkRow> chunks, int64_t* events_left);
  Result<size_t> First(const TimelineDeadline& deadline) const;

  uint64_t start_ns_ = 0, end_ns_ = 0, known_end_ns_ = 0;
  std::vector<Item> items_;
};

// The tasks one by one.
class SliceSink : public TimelineSink {
 public:
  // `slices_max`: with more of them, the walk ends.
  SliceSink(uint64_t start_ns, uint64_t end_ns, size_t slices_max)
      : start_ns_(start_ns), end_ns_(end_ns), slices_max_(slices_max) {}
  void Stay(uint64_t from_ns, uint64_t to_ns, const CpuTrack& track) override;
  bool Switch(uint64_t ts_ns, const TimelineChunk& chunk, const TimelineChange& change) override;
  void Lose(uint64_t ts_ns) override;

  std::vector<TimelineSlice> Take() { return std::move(slices_); }

 private:
  void Close(uint64_t ts_ns);

  uint64_t start_ns_, end_ns_;
  size_t slices_max_;
  std::vector<TimelineSlice> slices_;
  std::optional<TimelineSlice> open_;
};

// Bins that are shorter than those of any row.
class BinSink : public TimelineSink {
 public:
  explicit BinSink(const TimelineGrid& grid) : bins_(grid) {}
  void Stay(uint64_t from_ns, uint64_t to_ns, const CpuTrack& track) override {
    bins_.Add(from_ns, to_ns, track.use(), track.pid());
  }
  bool Switch(uint64_t ts_ns, const TimelineChunk&, const TimelineChange&) override {
    bins_.AddSwitch(ts_ns);
    return true;
  }
  void Lose(uint64_t) override {}

  std::vector<TimelineBin> Take() { return bins_.Finish(); }

 private:
  TimelineBins bins_;
};

}  // namespace wakewatch
