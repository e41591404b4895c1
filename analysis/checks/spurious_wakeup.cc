#include "analysis/checks/spurious_wakeup.h"

#include "analysis/checks/delay_cause.h"

namespace wakewatch {
namespace {

constexpr EventType kEvents[] = {EventType::kSchedSwitch, EventType::kSchedWaking, EventType::kWorkQueue,
                                 EventType::kKthreadWorkQueue, EventType::kSchedProcessFork};

}  // namespace

const CheckInfo SpuriousWakeup::kInfo = {
    "spurious-wakeup", "a thread whose wakes as a rule lead to something visible was woken and did nothing", kEvents,
    [](const CheckInput& input) -> std::unique_ptr<Check> { return std::make_unique<SpuriousWakeup>(input); }};

void SpuriousWakeup::OnStep(const Step& step) {
  if (step.event->type != EventType::kSchedSwitch) return OnActor(step);
  if (step.prev != nullptr && IsKernelThread(step.prev->kind)) OnLeave(step);
  if (step.next == nullptr || !IsKernelThread(step.next->kind)) return;
  History& history = Of(*step.next);
  const bool woken = step.ended != nullptr && step.measured && step.ended->kind == WaitKind::kWake;
  if (woken) {
    history.wake = *step.ended;
    history.slept_in = step.next->sleep_letter;
    history.acted = false;
  } else if (step.ended == nullptr || step.ended->kind != WaitKind::kPreempted) {
    history.wake.kind = WaitKind::kNone;
  }
}

void SpuriousWakeup::Forget(const Task& task) {
  if (task.index < histories_.size()) histories_[task.index] = History{};
}

// What an interrupt does on top of a task is not the task's doing.
void SpuriousWakeup::OnActor(const Step& step) {
  const Event& event = *step.event;
  const Task* const actor = step.cpu->current;
  if (actor == nullptr || ContextOf(event) != WakeContext::kTask || !IsKernelThread(actor->kind)) return;
  Of(*actor).acted = true;
}

void SpuriousWakeup::OnLeave(const Step& step) {
  const Task& task = *step.prev;
  History& history = Of(task);
  if (history.wake.kind == WaitKind::kNone || task.state != TaskState::kSleeping) return;
  const Wait wake = history.wake;
  history.wake.kind = WaitKind::kNone;
  const bool usually_acts = history.wakes >= kHistoryMin && history.acts * 100 >= history.wakes * kActingPercent;
  ++history.wakes;
  if (history.acted) ++history.acts;
  const uint64_t end_ns = step.event->ts_ns;
  const bool short_run = step.prev_since_ns != 0 && end_ns - step.prev_since_ns <= kShortRunNs;
  if (!usually_acts || history.acted || !short_run || task.sleep_letter != history.slept_in) return;
  if (input_.model.Dark(wake.start_ns, task)) return;
  Finding finding;
  finding.check = kInfo.name;
  finding.cls = "unexplained";
  finding.confidence = Confidence::kSuspicious;
  finding.pid = task.pid;
  finding.comm = task.comm();
  finding.cpu = step.event->cpu;
  finding.start_ns = wake.wakeup_ns;
  finding.end_ns = end_ns;
  finding.waited_ns = end_ns - wake.wakeup_ns;
  SetWaker(wake.context, wake.waker_pid, input_.model, &finding);
  finding.evidence = EvidenceOf(wake, task, nullptr);
  finding.evidence.push_back({step.event->cpu, end_ns,
                              "sched_switch prev_comm=" + finding.comm + " prev_pid=" + std::to_string(task.pid) +
                                  " prev_state=" + std::string(1, task.sleep_letter)});
  finding.explanation = finding.comm + " was woken, ran " + MillisText(end_ns - step.prev_since_ns) +
                        " and slept again without a visible effect; " + std::to_string(history.acts) + " of its " +
                        std::to_string(history.wakes) +
                        " wakes had one. Its condition may also have been met by somebody else";
  input_.findings.Add(std::move(finding));
}

}  // namespace wakewatch
