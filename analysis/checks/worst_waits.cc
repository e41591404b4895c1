#include "analysis/checks/worst_waits.h"

#include <string>

#include "analysis/checks/delay_cause.h"

namespace wakewatch {
namespace {

constexpr size_t kCompetitorsMax = 5;
constexpr size_t kSwitchesMax = 6;

std::string SwitchTo(const RunLog::Run& run, const SchedModel& model) {
  const Task* const task = run.pid == 0 ? nullptr : model.TaskOf(run.pid);
  const std::string comm = run.pid == 0 ? "swapper" : task == nullptr ? "?" : std::string(task->comm());
  return "sched_switch next_comm=" + comm + " next_pid=" + std::to_string(run.pid);
}

// The switches on the CPU that it waited for, the last of them; between them others ran.
void AddSwitches(const CpuState& cpu, uint64_t start_ns, uint64_t end_ns, const SchedModel& model,
                 std::vector<Evidence>* evidence) {
  std::vector<Evidence> switches;
  cpu.runs.ForEachBack(start_ns, end_ns, [&](const RunLog::Run& run, uint64_t) {
    if (switches.size() < kSwitchesMax) switches.push_back({cpu.cpu, run.start_ns, SwitchTo(run, model)});
  });
  evidence->insert(evidence->end(), switches.begin(), switches.end());
  std::stable_sort(evidence->begin(), evidence->end(),
                   [](const Evidence& a, const Evidence& b) { return a.ts_ns < b.ts_ns; });
}

}  // namespace

WorstWait DescribeWait(const Step& step, const CheckInput& input) {
  const SchedModel& model = input.model;
  const Wait& wait = *step.ended;
  const CpuState& cpu = model.cpu(wait.cpu);
  WorstWait worst;
  worst.start_ns = wait.start_ns;
  worst.wakeup_ns = wait.wakeup_ns;
  worst.in_ns = step.event->ts_ns;
  worst.cpu = step.event->cpu;
  worst.context = wait.context;
  if (wait.context == WakeContext::kTask) {
    worst.waker_pid = wait.waker_pid;
    const Task* const waker = model.TaskOf(wait.waker_pid);
    if (waker != nullptr) worst.waker_comm = waker->comm();
  }
  worst.buckets = wait.buckets;
  worst.cause = ClassOfWait(wait, {wait.buckets, wait.off}, worst.in_ns, cpu);
  worst.excess_ns = input.options.ExcessOf(wait);
  worst.affinity_known = step.next->affinity.known();
  Competitors competitors = CompetitorsOn(cpu, wait.wakeup_ns, worst.in_ns, wait.rank, model);
  worst.competitors = std::move(competitors.tasks);
  worst.competitors_of_ns = competitors.covered_ns;
  if (worst.competitors.size() > kCompetitorsMax) worst.competitors.resize(kCompetitorsMax);
  worst.evidence = EvidenceOf(wait, *step.next, nullptr);
  AddSwitches(cpu, wait.wakeup_ns, worst.in_ns, model, &worst.evidence);
  worst.evidence.push_back(EvidenceOf(wait, *step.next, &step).back());
  worst.chain = input.wakes.Chain(*step.next, worst.in_ns, WakeHistory::kChainMax);
  return worst;
}

}  // namespace wakewatch
