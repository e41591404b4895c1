#include "analysis/report/worst_wake.h"

namespace wakewatch {

void WorstWakeFinder::OnSwitch(const Step& step) {
  const Wait& wait = *step.ended;
  if (wait.kind != WaitKind::kNew && (wait.kind != WaitKind::kWake || !wait.has_waking)) return;
  const uint64_t in_ns = step.event->ts_ns;
  if (worst_ && in_ns - wait.start_ns <= worst_->in_ns - worst_->waking_ns) return;
  const Task& task = *step.next;
  if (!wanted_(task.pid, task.comm())) return;
  worst_ = {task.pid, std::string(task.comm()), step.event->cpu, wait.start_ns, wait.wakeup_ns,
            in_ns,    wakes_.Chain(task, in_ns)};
}

}  // namespace wakewatch
