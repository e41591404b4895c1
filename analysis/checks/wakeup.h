// Why: quantiles hide single wakes; some readers want each of them. One wakeup that was measured from its waking to the
// switch to the task.
#pragma once

#include <cstdint>
#include <string_view>

#include "analysis/model/task.h"

namespace wakewatch {

// Views are valid during the call that hands it over. Times are nanoseconds of the trace clock.
struct Wakeup {
  int32_t pid = 0;
  std::string_view comm;
  ThreadKind kind = ThreadKind::kUser;
  uint32_t cpu = 0;        // where it ran
  uint64_t waking_ns = 0;  // sched_waking; of a new task sched_wakeup_new
  uint64_t wakeup_ns = 0;
  uint64_t in_ns = 0;  // the switch to it
  WakeContext context = WakeContext::kUnknown;
  int32_t waker_pid = -1;  // -1: woken from an interrupt, or not known
  std::string_view waker_comm;
};

}  // namespace wakewatch
