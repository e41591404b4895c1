// Why: millions of waits are looked at by what they have in common: the thread, its kind, the cause. A group has the
// distributions and sums of its waits; beside it the longest ones, each by itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "analysis/base/histogram.h"
#include "analysis/base/result.h"
#include "analysis/checks/measured_wait.h"
#include "analysis/model/delay_buckets.h"

namespace wakewatch {

inline constexpr size_t kDelayGroupsMax = 50'000;  // of a table; more are an error

struct WaitFilter {
  std::vector<ThreadKind> kinds;   // of the task that waits; empty: all
  std::vector<int32_t> pids;       // empty: all
  std::vector<std::string> tasks;  // pids, or names (whole, or with * at the end); empty: all
  std::vector<WaitKind> waits;     // empty: all

  bool Matches(const MeasuredWait& wait) const;
};
// "kworker"; "wake", "new", "preempted". Nothing: there is no such.
std::optional<ThreadKind> ThreadKindNamed(std::string_view name);
std::optional<WaitKind> WaitKindNamed(std::string_view name);

// What waits are told apart by.
struct DelayKeys {
  bool thread = false, kind = false, cause = false, cpu = false, wait = false;
};

struct DelayGroup {
  // Of what the waits were told apart by; else as it is here.
  int32_t pid = 0;
  std::string comm, cause;
  ThreadKind kind = ThreadKind::kUser;  // also where threads are told apart
  WaitKind wait = WaitKind::kNone;
  uint32_t cpu = 0;

  Histogram latency_ns, excess_ns;
  uint64_t assumed_affinity = 0;  // where the task may run was not known
  uint64_t without_waking = 0;    // the latency begins at sched_wakeup
  DelayBuckets buckets;           // what the sum of the latencies was spent on
};

class DelayTable {
 public:
  explicit DelayTable(const DelayKeys& keys) : keys_(keys) {}

  void Add(const MeasuredWait& wait);
  // The largest sum of excess first, then of latency. Error: kTooLarge, more than kDelayGroupsMax.
  Result<std::vector<DelayGroup>> Finish();

 private:
  const DelayKeys keys_;
  std::unordered_map<std::string, size_t> places_;  // by key
  std::vector<DelayGroup> groups_;
  std::string key_;  // of the wait that is looked up
  bool too_many_ = false;
};

// A wait that outlives the call it was handed over in.
class OwnedWait {
 public:
  explicit OwnedWait(const MeasuredWait& wait)
      : wait_(wait), comm_(wait.comm), waker_comm_(wait.waker_comm), cause_(wait.cause) {}
  // Its views are valid as long as this is.
  MeasuredWait Get() const;
  uint64_t excess_ns() const { return wait_.excess_ns; }
  uint64_t latency_ns() const { return wait_.latency_ns(); }
  uint64_t start_ns() const { return wait_.start_ns; }

 private:
  MeasuredWait wait_;
  std::string comm_, waker_comm_, cause_;
};

// Keeps the longest waits.
class LongestWaits {
 public:
  // `limit` of them, at least one; by excess, or by latency.
  LongestWaits(size_t limit, bool by_excess) : limit_(limit), by_excess_(by_excess) {}

  void Add(const MeasuredWait& wait);
  uint64_t seen() const { return seen_; }
  // The longest first; of two that are equally long the earlier one.
  std::vector<OwnedWait> Finish();

 private:
  // What decides, the larger the better.
  uint64_t Length(const OwnedWait& wait) const { return by_excess_ ? wait.excess_ns() : wait.latency_ns(); }
  bool Before(const OwnedWait& a, const OwnedWait& b) const;

  const size_t limit_;
  const bool by_excess_;
  uint64_t seen_ = 0;
  std::vector<OwnedWait> heap_;  // the least of them in front
};

}  // namespace wakewatch
