// Why: quantiles hide single waits; some readers want each of them, with what it was spent on. One wait for a CPU that
// was measured from its begin to the switch to the task.
#pragma once

#include <cstdint>
#include <string_view>

#include "analysis/model/delay_buckets.h"
#include "analysis/model/task.h"

namespace wakewatch {

// Views are valid during the call that hands it over. Times are nanoseconds of the trace clock.
struct MeasuredWait {
  WaitKind kind = WaitKind::kNone;
  int32_t pid = 0;
  std::string_view comm;
  ThreadKind thread = ThreadKind::kUser;
  int32_t prio = 0;
  uint32_t cpu = 0;         // where it ran
  uint64_t start_ns = 0;    // sched_waking; sched_wakeup_new; a preempted wait's switch-out
  bool has_waking = false;  // false of kWake: the trace has no sched_waking, and start_ns is sched_wakeup
  uint64_t wakeup_ns = 0;   // sched_wakeup; start_ns of a preempted wait
  uint64_t in_ns = 0;       // the switch to it
  WakeContext context = WakeContext::kUnknown;
  int32_t waker_pid = -1;  // -1: woken from an interrupt, or not known, or not woken
  std::string_view waker_comm;
  DelayBuckets buckets;         // sum to latency_ns()
  std::string_view cause;       // class of a delay: "real-time"
  uint64_t excess_ns = 0;       // what the reference schedule would have spared it
  bool affinity_known = false;  // where it may run is known; else only CPUs that it was seen on count for excess_ns
  uint64_t slice_bound_ns = 0;  // a fair task's: one slice for each that was queued in front of it; 0: no such bound

  uint64_t latency_ns() const { return in_ns - start_ns; }
};

}  // namespace wakewatch
