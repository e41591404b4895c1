// Why: what the model believes about one CPU: who runs there, in which context, and since when its events are complete.
#pragma once

#include <cstdint>

#include "analysis/model/cpu_usage.h"
#include "analysis/model/task.h"

namespace wakewatch {

struct CpuState {
  uint32_t cpu = 0;
  bool seen = false;           // it had an event
  bool current_known = false;  // `current` and `current_pid` follow from a switch that was seen
  bool in_softirq = false;     // a vector's handler runs
  uint8_t irq_depth = 0;       // hard interrupt handlers, nested
  uint8_t last_flags = 0;      // common_flags of its last event
  uint8_t flags_before = 0;    // and of the one in front of that
  int32_t current_pid = 0;
  Task* current = nullptr;    // null for the idle task, and when it is not known
  Use task_use = Use::kIdle;  // what the current task counts as
  Use use = Use::kIdle;       // what the time from last_ns on counts as
  uint64_t last_ns = 0;       // its last event
  uint64_t last_tick_ns = 0;  // its last scheduler tick
  uint64_t dark_end_ns = 0;   // end of its last gap; UINT64_MAX: nothing came after it
  CpuUsage usage;             // up to last_ns
  Silences silences;

  // Up to `now_ns`, which may lie behind the last event. Whether a reschedule is pending all that time the next event
  // tells; if so, the part up to now is not the asker's.
  CpuUsage UsageAt(uint64_t now_ns) const {
    CpuUsage at = usage;
    if (!seen || now_ns <= last_ns) return at;
    at.Add(use, now_ns - last_ns);
    if ((last_flags & kFlagNeedResched) != 0) at.Add(Use::kReschedPending, now_ns - last_ns);
    return at;
  }
  // All but its number and who runs there, which are places.
  static void Fields(auto& self, auto& archive) {
    archive(self.seen, self.current_known, self.in_softirq, self.irq_depth, self.last_flags, self.flags_before,
            self.current_pid, self.task_use, self.use, self.last_ns, self.last_tick_ns, self.dark_end_ns, self.usage,
            self.silences);
  }
  bool Idle() const { return current_known && current_pid == 0; }
};

}  // namespace wakewatch
