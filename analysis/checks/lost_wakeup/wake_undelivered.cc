#include "analysis/checks/lost_wakeup/wake_undelivered.h"

#include <algorithm>
#include <utility>

#include "analysis/checks/delay_cause.h"

namespace wakewatch {
namespace {

constexpr EventType kEvents[] = {EventType::kSchedWaking, EventType::kSchedWakeup, EventType::kSchedMigrateTask};
constexpr LostClass kClass = LostClass::kWakeUndelivered;

// A CPU that was away for long may show its first interrupt just before the one that takes the task out: it has to go
// on for this many ticks after that.
constexpr uint64_t kTicksAlive = 4;

}  // namespace

const LostWakeupRuleInfo WakeUndelivered::kInfo = {kEvents,
                                                   [](const LostWakeupInput& input) -> std::unique_ptr<LostWakeupRule> {
                                                     return std::make_unique<WakeUndelivered>(input);
                                                   }};

void WakeUndelivered::OnStep(const Step& step) {
  if (step.event->type == EventType::kSchedWakeup) wakeup_ns_ = step.event->ts_ns;
  const Task* const task = step.task;
  if (task == nullptr || !IsKernelThread(task->kind)) return;
  switch (step.event->type) {
    case EventType::kSchedWaking: return OnWaking(step);
    case EventType::kSchedWakeup: return OnWakeup(step);
    default:
      // Within a wake it is moved before it is put on a list.
      if (Thread* const thread = threads_.Find(task->index); thread != nullptr && thread->waking_ns != 0) {
        thread->target_cpu = step.event->migrate.dest_cpu;
      }
  }
}

void WakeUndelivered::OnWaking(const Step& step) {
  const Task& task = *step.task;
  // On its CPU it is woken there and then; but it may be on its way to sleep, and then its waker waits for that (T5).
  const bool known = task.state == TaskState::kRunningWoken ? task.state_ns != 0
                                                            : task.state == TaskState::kWaking && task.sleep_ns != 0;
  Thread& thread = threads_.Of(task);
  if (thread.waking_ns != 0) End(&thread, Outcome::kVoid);  // its wakeup, or its switch-in, was not seen
  if (!known || task.wait.void_from_start || task.wait.from_unknown) return;
  const Event& event = *step.event;
  input_.ledger.Open(kClass);
  thread.waking_ns = event.ts_ns;
  thread.alive_ns = 0;
  thread.waker_cpu = event.cpu;
  thread.target_cpu = event.wake.target_cpu;
  thread.waker_pid = ContextOf(event) == WakeContext::kTask ? event.pid : -1;
  if (!thread.has_deadline) LookAgain(task.index, &thread, event.ts_ns + DueIn(thread));
}

void WakeUndelivered::OnWakeup(const Step& step) {
  Thread* const thread = threads_.Find(step.task->index);
  if (thread == nullptr || thread->waking_ns == 0) return;
  const uint64_t took_ns = step.event->ts_ns - thread->waking_ns;
  if (input_.check.model.Dark(thread->waking_ns)) return End(thread, Outcome::kVoid);
  const bool in_time = took_ns <= DueIn(*thread);
  thread->delivery.Add(took_ns);
  End(thread, in_time ? Outcome::kDischarged : Outcome::kLate);
}

uint64_t WakeUndelivered::DueIn(const Thread& thread) const {
  return DeadlineOf(thread.delivery, input_.check.options.sleep_threshold_ns);
}

bool WakeUndelivered::AliveSince(int64_t cpu, uint64_t ns) const {
  if (cpu < 0) return false;
  const CpuState& state = input_.check.model.cpu(static_cast<uint32_t>(cpu));
  return state.seen && !state.hotplug && std::max(state.last_tick_ns, state.runs.newest_ns()) > ns;
}

void WakeUndelivered::LookAgain(uint32_t index, Thread* thread, uint64_t ns) {
  thread->has_deadline = true;
  input_.deadlines.Add({ns, input_.number, index});
}

void WakeUndelivered::End(Thread* thread, Outcome outcome) {
  input_.ledger.End(kClass, outcome);
  thread->waking_ns = 0;
}

void WakeUndelivered::OnDeadline(const Deadline& deadline) {
  Thread* const thread = threads_.Find(deadline.key);
  if (thread == nullptr) return;
  thread->has_deadline = false;
  if (thread->waking_ns == 0) return;
  const auto index = static_cast<uint32_t>(deadline.key);
  const uint64_t due_ns = thread->waking_ns + DueIn(*thread);
  if (due_ns > deadline.ns) return LookAgain(index, thread, due_ns);
  const SchedModel& model = input_.check.model;
  const Task* const task = model.tasks().At(index);
  if (task == nullptr || task->state != TaskState::kWaking || model.Dark(thread->waking_ns)) {
    return End(thread, Outcome::kVoid);
  }
  if (!Learned(thread->delivery)) return End(thread, Outcome::kUnlearned);
  const uint64_t since_ns = std::max(thread->waking_ns, thread->alive_ns);
  const uint64_t again_ns = std::max(kTicksAlive * model.tick_period_ns(), uint64_t{1'000'000});
  // Without another's wakeup behind it, it may be that wakeups are no longer recorded.
  const bool recorded = wakeup_ns_ > since_ns;
  if (!recorded || !AliveSince(thread->target_cpu, since_ns) || !AliveSince(thread->waker_cpu, since_ns)) {
    return LookAgain(index, thread, deadline.ns + std::max(again_ns, input_.check.options.sleep_threshold_ns));
  }
  if (thread->alive_ns == 0) {
    thread->alive_ns = deadline.ns;
    return LookAgain(index, thread, deadline.ns + again_ns);
  }
  Accuse(*task, *thread, deadline.ns);
  End(thread, Outcome::kExpired);
}

void WakeUndelivered::Accuse(const Task& victim, const Thread& thread, uint64_t now_ns) {
  const auto target = static_cast<uint32_t>(thread.target_cpu);
  const CpuState& cpu = input_.check.model.cpu(target);
  const uint64_t tick_ns = cpu.last_tick_ns, switch_ns = cpu.runs.newest_ns();
  Verdict verdict;
  verdict.cls = kClass;
  verdict.confidence = Confidence::kProven;
  verdict.waker_pid = thread.waker_pid;
  if (const Task* const waker = input_.check.model.TaskOf(thread.waker_pid)) verdict.waker_comm = waker->comm();
  verdict.evidence = {{thread.waker_cpu, thread.waking_ns,
                       "sched_waking comm=" + std::string(victim.comm()) + " pid=" + std::to_string(victim.pid) +
                           " target_cpu=" + std::to_string(target)},
                      {target, std::max(tick_ns, switch_ns),
                       switch_ns > tick_ns ? "sched_switch: the CPU schedules" : "tick: the CPU takes interrupts"}};
  verdict.explanation = WakerText(verdict) + " woke it, and " + MillisText(now_ns - thread.waking_ns) +
                        " later no sched_wakeup had followed, though CPU " + std::to_string(target) +
                        " took interrupts or scheduled all the while";
  verdict.rule = "sched_waking is followed by sched_wakeup once the target CPU takes an interrupt or schedules.";
  verdict.would_raise = "csd events name the step that is missing.";
  input_.verdicts.Accuse(victim, now_ns, std::move(verdict));
}

void WakeUndelivered::Forget(const Task& task) {
  if (Thread* const thread = threads_.Find(task.index); thread != nullptr && thread->waking_ns != 0) {
    End(thread, Outcome::kVoid);
  }
  threads_.Forget(task);
}

}  // namespace wakewatch
