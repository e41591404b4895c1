#include "analysis/checks/starvation.h"

#include "analysis/checks/delay_cause.h"
#include "analysis/checks/open_waits.h"

namespace wakewatch {
const CheckInfo Starvation::kInfo = {
    .name = "starvation",
    .description = "a task was preempted and did not run for twenty latency thresholds, or was woken and never ran",
    .events = {},
    .make = [](const CheckInput& input) -> std::unique_ptr<Check> { return std::make_unique<Starvation>(input); },
    .long_waits = true};

void Starvation::OnLongWait(const Step& step) {
  if (step.ended->kind != WaitKind::kPreempted) return;
  const uint64_t end_ns = step.event->ts_ns;
  if (end_ns - step.ended->start_ns < input_.options.latency_threshold_ns * kTurns) return;
  if (step.next->kind == ThreadKind::kKsoftirqd) return;
  input_.findings.Add(WaitFinding(kInfo.name, *step.ended, *step.next, &step, end_ns, input_.model));
}

void Starvation::Finish(uint64_t end_ns) {
  const uint64_t threshold_ns = input_.options.latency_threshold_ns;
  ForEachOpenWait(input_.model, end_ns, threshold_ns, [&](const Task& task) {
    if (task.kind == ThreadKind::kKsoftirqd) return;
    if (task.wait.kind == WaitKind::kPreempted && end_ns - task.wait.start_ns < threshold_ns * kTurns) return;
    input_.findings.Add(WaitFinding(kInfo.name, task.wait, task, nullptr, end_ns, input_.model));
  });
}

}  // namespace wakewatch
