#include "analysis/checks/ksoftirqd_starved.h"

#include "analysis/checks/delay_cause.h"
#include "analysis/checks/open_waits.h"

namespace wakewatch {
const CheckInfo KsoftirqdStarved::kInfo = {
    .name = "ksoftirqd-starved",
    .description = "ksoftirqd was runnable, woken or preempted, and did not get its CPU",
    .events = {},
    .make = [](const CheckInput& input) -> std::unique_ptr<Check> { return std::make_unique<KsoftirqdStarved>(input); },
    .long_waits = true};

void KsoftirqdStarved::OnLongWait(const Step& step) {
  if (step.next->kind != ThreadKind::kKsoftirqd) return;
  const uint64_t end_ns = step.event->ts_ns;
  if (end_ns - step.ended->start_ns < input_.options.latency_threshold_ns) return;
  input_.findings.Add(WaitFinding(kInfo.name, *step.ended, *step.next, &step, end_ns, input_.model));
}

void KsoftirqdStarved::Finish(uint64_t end_ns) {
  ForEachOpenWait(input_.model, end_ns, input_.options.latency_threshold_ns, [&](const Task& task) {
    if (task.kind != ThreadKind::kKsoftirqd) return;
    input_.findings.Add(WaitFinding(kInfo.name, task.wait, task, nullptr, end_ns, input_.model));
  });
}

}  // namespace wakewatch
