#include "analysis/checks/work_conservation.h"

#include "analysis/checks/delay_cause.h"

namespace wakewatch {
const CheckInfo WorkConservation::kInfo = {
    .name = "work-conservation",
    .description = "a kernel thread waited while a CPU that it may run on was idle for a settable span",
    .events = {},
    .make = [](const CheckInput& input) -> std::unique_ptr<Check> { return std::make_unique<WorkConservation>(input); },
    .long_waits = true};

void WorkConservation::OnLongWait(const Step& step) {
  const WaitPlace& place = step.ended->place;
  if (place.idle_streak_ns < input_.options.conservation_span_ns) return;
  const Task& task = *step.next;
  if (!IsKernelThread(task.kind) || !task.affinity.known()) return;
  // Where it waited nobody else ran: its wakeup or the way out of idle was late, which is told as a latency.
  const CpuState& waited_on = input_.model.cpu(step.ended->cpu);
  const uint64_t end_ns = place.idle_streak_start + place.idle_streak_ns;
  const Competitors there = CompetitorsOn(waited_on, place.idle_streak_start, end_ns, step.ended->rank, input_.model);
  if (there.tasks.empty() || place.idle_cpu == static_cast<int32_t>(waited_on.cpu)) return;
  if (IsRealTime(step.ended->rank) && input_.model.MayThrottle(waited_on)) return;
  Finding finding = WaitFinding(kInfo.name, *step.ended, task, &step, step.event->ts_ns, input_.model);
  finding.start_ns = place.idle_streak_start;
  finding.end_ns = end_ns;
  finding.waited_ns = place.idle_streak_ns;
  const Competitor& first = there.tasks.front();
  finding.explanation = TaskText(task) + " waited for CPU " + std::to_string(waited_on.cpu) + ", where " + first.comm +
                        " (pid " + std::to_string(first.pid) + ") ran, while CPU " + std::to_string(place.idle_cpu) +
                        " or another that it may run on was idle for " + MillisText(place.idle_streak_ns) + " on end";
  input_.findings.Add(std::move(finding));
}

}  // namespace wakewatch
