#include "analysis/checks/hung_task.h"

#include "analysis/checks/delay_cause.h"

namespace wakewatch {
namespace {

constexpr EventType kEvents[] = {EventType::kSchedWaking};

}  // namespace

const CheckInfo HungTask::kInfo = {
    "hung-task", "a task slept uninterruptibly (D) longer than --hung-threshold", kEvents,
    [](const CheckInput& input) -> std::unique_ptr<Check> { return std::make_unique<HungTask>(input); }};

void HungTask::OnStep(const Step& step) {
  if (step.slept_since_ns == 0 || step.task->sleep_letter != 'D') return;
  Report(*step.task, step.slept_since_ns, step.event->ts_ns, step.event);
}

void HungTask::Finish(uint64_t end_ns) {
  input_.model.tasks().ForEach([&](const Task& task) {
    if (task.state != TaskState::kSleeping || task.sleep_letter != 'D' || task.sleep_ns == 0) return;
    if (!input_.model.Dark(task.sleep_ns)) Report(task, task.sleep_ns, end_ns, nullptr);
  });
}

void HungTask::Report(const Task& task, uint64_t start_ns, uint64_t end_ns, const Event* waking) {
  if (end_ns <= start_ns || end_ns - start_ns < input_.options.hung_threshold_ns) return;
  Finding finding;
  finding.check = kInfo.name;
  finding.cls = "unexplained";
  finding.confidence = Confidence::kProven;
  finding.pid = task.pid;
  finding.comm = task.comm();
  finding.cpu = task.cpu;
  finding.start_ns = start_ns;
  finding.end_ns = end_ns;
  finding.waited_ns = end_ns - start_ns;
  const auto cpu = static_cast<uint32_t>(task.cpu < 0 ? 0 : task.cpu);
  finding.evidence.push_back(
      {cpu, start_ns,
       "sched_switch prev_comm=" + finding.comm + " prev_pid=" + std::to_string(task.pid) + " prev_state=D"});
  finding.explanation = finding.comm + " slept uninterruptibly (D) for " + MillisText(finding.waited_ns);
  if (waking != nullptr) {
    SetWaker(ContextOf(*waking), waking->pid, input_.model, &finding);
    finding.evidence.push_back(
        {waking->cpu, end_ns, "sched_waking comm=" + finding.comm + " pid=" + std::to_string(task.pid)});
  } else {
    finding.explanation += " and still did when the trace ended";
  }
  input_.findings.Add(std::move(finding));
}

}  // namespace wakewatch
