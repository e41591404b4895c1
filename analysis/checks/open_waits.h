// Why: a wait that is still open when the trace ends has lasted at least until then. Past its threshold that is a fact,
// and worth more than "censored".
#pragma once

#include <cstdint>

#include "analysis/model/sched_model.h"

namespace wakewatch {

// Calls visit(const Task&) for each task that was woken or preempted at least `threshold_ns` before `end_ns`, has not
// run since, and was not touched by a gap.
template <typename Visit>
void ForEachOpenWait(const SchedModel& model, uint64_t end_ns, uint64_t threshold_ns, Visit&& visit) {
  model.tasks().ForEach([&](const Task& task) {
    const Wait& wait = task.wait;
    if (task.state != TaskState::kReady || wait.kind == WaitKind::kNone || wait.void_from_start || wait.from_unknown) {
      return;
    }
    if (wait.start_ns >= end_ns || end_ns - wait.start_ns < threshold_ns) return;
    if (!model.Dark(wait.start_ns, task)) visit(task);
  });
}

}  // namespace wakewatch
