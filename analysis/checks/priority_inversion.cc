#include "analysis/checks/priority_inversion.h"

#include <algorithm>

#include "analysis/checks/delay_cause.h"

namespace wakewatch {
const CheckInfo PriorityInversion::kInfo = {
    .name = "priority-inversion",
    .description = "a real-time task waited for a CPU while a task of lower rank ran there",
    .events = {},
    .make = [](const CheckInput& input) -> std::unique_ptr<Check> {
      return std::make_unique<PriorityInversion>(input);
    },
    .long_waits = true};

void PriorityInversion::OnLongWait(const Step& step) {
  const Wait& wait = *step.ended;
  if (wait.rank >= kFairRank) return;
  const uint64_t lower_ns = wait.buckets.Of(Bucket::kLower);
  const uint64_t least_ns = std::max(input_.options.latency_threshold_ns, kTicks * input_.model.tick_period_ns());
  // The second bound knows of priorities that were lent to whoever ran.
  if (lower_ns < least_ns || wait.place.deserved_ns < least_ns) return;
  const CpuState& cpu = input_.model.cpu(wait.cpu);
  if (input_.model.MayThrottle(cpu)) return;
  const uint64_t end_ns = step.event->ts_ns;
  Finding finding = WaitFinding(kInfo.name, wait, *step.next, &step, end_ns, input_.model);
  std::string runner = "a task of lower rank";
  for (const Competitor& competitor : CompetitorsOn(cpu, wait.wakeup_ns, end_ns, wait.rank, input_.model).tasks) {
    if (competitor.bucket != Bucket::kLower) continue;
    runner = competitor.comm + " (pid " + std::to_string(competitor.pid) + "), which has a lower rank,";
    break;
  }
  finding.explanation = TaskText(*step.next) + " of priority " + std::to_string(wait.prio) + " waited " +
                        MillisText(finding.waited_ns) + "; " + runner + " ran on CPU " + std::to_string(cpu.cpu) +
                        " meanwhile, for " + MillisText(lower_ns) + " in all with preemption on";
  input_.findings.Add(std::move(finding));
}

}  // namespace wakewatch
