#include "analysis/checks/lost_wakeup/timer_cancelled.h"

#include <algorithm>
#include <utility>

#include "analysis/checks/delay_cause.h"
#include "analysis/checks/lost_wakeup/call_text.h"

namespace wakewatch {
namespace {

constexpr EventType kEvents[] = {
    EventType::kSchedWaking,        EventType::kTimerStart,   EventType::kTimerExpireEntry, EventType::kTimerCancel,
    EventType::kHrtimerExpireEntry, EventType::kHrtimerStart, EventType::kHrtimerCancel,    EventType::kWorkQueue,
    EventType::kWorkStart,          EventType::kWorkEnd};
constexpr LostClass kClass = LostClass::kTimerCancelled;

}  // namespace

const LostWakeupRuleInfo TimerCancelled::kInfo = {kEvents,
                                                  [](const LostWakeupInput& input) -> std::unique_ptr<LostWakeupRule> {
                                                    return std::make_unique<TimerCancelled>(input);
                                                  }};

void TimerCancelled::OnStep(const Step& step) {
  const Event& event = *step.event;
  switch (event.type) {
    case EventType::kSchedWaking: return OnWaking(step);
    case EventType::kTimerExpireEntry: return OnExpire(event);
    case EventType::kHrtimerExpireEntry: Of(event.cpu).hrtimer = event.timer.timer; return;
    case EventType::kTimerStart:
    case EventType::kHrtimerStart:
      if (!watched_.empty()) Answer(event.timer.timer);
      return;
    case EventType::kWorkQueue: return OnQueue(event);
    case EventType::kWorkStart: return OnWorkStart(event);
    case EventType::kWorkEnd: work_of_pid_.erase(event.pid); return;
    default:
      if (!watched_.empty()) OnCancel(event);
  }
}

// delayed_work_timer_fn() queues its item and nothing else.
void TimerCancelled::OnExpire(const Event& event) {
  Cpu& cpu = Of(event.cpu);
  cpu.timer = event.timer.timer;
  cpu.queues = event.timer.timer;
}

void TimerCancelled::OnQueue(const Event& event) {
  const auto found = timer_of_work_.find(event.work.work);
  if (found != timer_of_work_.end()) Answer(found->second);
  const uint64_t timer = std::exchange(Of(event.cpu).queues, 0);
  if (timer == 0 || ContextOf(event) != WakeContext::kSoftirq) return;
  // A delayed work's timer lies inside of it, right behind its item: others that queue something are not its own.
  constexpr uint64_t kDelayedWorkBytes = 256;
  if (timer <= event.work.work || timer - event.work.work > kDelayedWorkBytes) return;
  if (timer_of_work_.size() >= kWorksMax) timer_of_work_.clear();
  timer_of_work_[event.work.work] = timer;
}

void TimerCancelled::OnWorkStart(const Event& event) {
  const auto found = timer_of_work_.find(event.work.work);
  if (found == timer_of_work_.end()) {
    work_of_pid_.erase(event.pid);
  } else {
    if (work_of_pid_.size() >= kWorksMax) work_of_pid_.clear();
    work_of_pid_[event.pid] = found->second;
  }
}

uint64_t TimerCancelled::SourceOf(const Step& step) {
  const Event& event = *step.event;
  if (ContextOf(event) == WakeContext::kTask) {
    const auto found = work_of_pid_.find(event.pid);
    return found == work_of_pid_.end() ? 0 : found->second;
  }
  const WakeHistory::Wake* const wake = input_.check.wakes.Last(*step.task);
  if (wake == nullptr || wake->waking_ns != event.ts_ns || timers_.IsTimeout(wake->source_id)) return 0;
  if (wake->source == WakeSource::kTimer) return Of(event.cpu).timer;
  return wake->source == WakeSource::kHrtimer ? Of(event.cpu).hrtimer : 0;
}

void TimerCancelled::OnWaking(const Step& step) {
  if (step.task == nullptr || !MayBeVictim(*step.task)) return;
  Sleeper* known = sleepers_.Find(step.task->index);
  if (known != nullptr && known->cancelled_ns != 0) {
    End(known, input_.check.model.Dark(known->cancelled_ns) ? Outcome::kVoid : Outcome::kDischarged);
  }
  if (step.slept_since_ns == 0) return;
  const uint64_t source = SourceOf(step);
  if (known == nullptr) {
    if (source == 0) return;  // nothing to lose yet
    known = &sleepers_.Of(*step.task);
  }
  // A sleep that somebody else had to end says nothing of how long it sleeps as a rule.
  if (source != 0) known->sleeps.Add(step.event->ts_ns - step.slept_since_ns);
  Learn(*step.task, source, known);
}

void TimerCancelled::Learn(const Task& task, uint64_t source, Sleeper* sleeper) {
  sleeper->sources[sleeper->wakes++ % kWakes] = source;
  const auto count = [sleeper](uint64_t timer) {
    return static_cast<size_t>(std::count(sleeper->sources.begin(), sleeper->sources.end(), timer));
  };
  if (sleeper->usual != 0 && count(sleeper->usual) >= kUsual) return;
  if (const auto at = watched_.find(sleeper->usual); at != watched_.end() && at->second == task.index) {
    watched_.erase(at);
  }
  sleeper->usual = sleeper->wakes >= kWakes && source != 0 && count(source) >= kUsual ? source : 0;
  if (sleeper->usual != 0) watched_[sleeper->usual] = task.index;
}

void TimerCancelled::OnCancel(const Event& event) {
  if (ContextOf(event) != WakeContext::kTask) return;  // expiring begins with it, too
  const auto found = watched_.find(event.timer.timer);
  if (found == watched_.end()) return;
  const Task* const task = input_.check.model.tasks().At(found->second);
  Sleeper* const sleeper = sleepers_.Find(found->second);
  if (task == nullptr || sleeper == nullptr || task->pid == event.pid || sleeper->cancelled_ns != 0) return;
  input_.ledger.Open(kClass);
  sleeper->cancelled_ns = event.ts_ns;
  sleeper->cancelled_cpu = event.cpu;
  sleeper->canceller = event.pid;
  const uint64_t due_ns = DeadlineOf(sleeper->sleeps, input_.check.options.sleep_threshold_ns);
  input_.deadlines.Add({event.ts_ns + due_ns, input_.number, found->second});
}

// The timer is armed, or what it was to do is done at once.
void TimerCancelled::Answer(uint64_t timer) {
  const auto found = watched_.find(timer);
  if (found == watched_.end()) return;
  Sleeper* const sleeper = sleepers_.Find(found->second);
  if (sleeper == nullptr || sleeper->cancelled_ns == 0) return;
  End(sleeper, input_.check.model.Dark(sleeper->cancelled_ns) ? Outcome::kVoid : Outcome::kDischarged);
}

void TimerCancelled::End(Sleeper* sleeper, Outcome outcome) {
  input_.ledger.End(kClass, outcome);
  sleeper->cancelled_ns = 0;
}

void TimerCancelled::OnDeadline(const Deadline& deadline) {
  const auto index = static_cast<uint32_t>(deadline.key);
  Sleeper* const sleeper = sleepers_.Find(index);
  if (sleeper == nullptr || sleeper->cancelled_ns == 0) return;
  const uint64_t due_ns = DeadlineOf(sleeper->sleeps, input_.check.options.sleep_threshold_ns);
  if (sleeper->cancelled_ns + due_ns > deadline.ns) return;  // of an earlier one
  const SchedModel& model = input_.check.model;
  const Task* const task = model.tasks().At(index);
  if (task == nullptr || task->state == TaskState::kDead || task->exiting || model.Dark(sleeper->cancelled_ns)) {
    return End(sleeper, Outcome::kVoid);
  }
  if (task->state != TaskState::kSleeping || task->sleep_ns == 0 || task->sleep_ns + due_ns > deadline.ns) {
    const bool sleeps = task->state == TaskState::kSleeping && task->sleep_ns != 0;
    return input_.deadlines.Add({(sleeps ? task->sleep_ns : deadline.ns) + due_ns, input_.number, index});
  }
  Accuse(*task, *sleeper, deadline.ns);
  End(sleeper, Outcome::kExpired);
}

void TimerCancelled::Accuse(const Task& victim, const Sleeper& sleeper, uint64_t now_ns) {
  const auto usual = static_cast<size_t>(std::count(sleeper.sources.begin(), sleeper.sources.end(), sleeper.usual));
  Verdict verdict;
  verdict.cls = kClass;
  verdict.confidence = Confidence::kSuspicious;
  verdict.waker_pid = sleeper.canceller;
  if (const Task* const task = input_.check.model.TaskOf(sleeper.canceller)) verdict.waker_comm = task->comm();
  verdict.evidence = {{sleeper.cancelled_cpu, sleeper.cancelled_ns, "timer_cancel timer=" + HexText(sleeper.usual)}};
  verdict.explanation = "the timer that " + std::to_string(usual) + " of its last " + std::to_string(kWakes) +
                        " wakes came from was cancelled by " + WakerText(verdict) + " and not armed since, " +
                        MillisText(now_ns - sleeper.cancelled_ns) + " ago (it sleeps for up to " +
                        MillisText(sleeper.sleeps.Quantile(0.9)) +
                        " as a rule, n=" + std::to_string(sleeper.sleeps.n()) + ")";
  verdict.rule = "A timer that wakes a thread again and again is armed anew when another task has cancelled it.";
  verdict.assumption = "The thread still needs that timer.";
  verdict.would_raise = "A snapshot of the thread's stack tells what it waits for.";
  input_.verdicts.Accuse(victim, now_ns, std::move(verdict));
}

void TimerCancelled::Forget(const Task& task) {
  work_of_pid_.erase(task.pid);
  Sleeper* const sleeper = sleepers_.Find(task.index);
  if (sleeper == nullptr) return;
  if (sleeper->cancelled_ns != 0) End(sleeper, Outcome::kVoid);
  const auto at = watched_.find(sleeper->usual);
  if (at != watched_.end() && at->second == task.index) watched_.erase(at);
  sleepers_.Forget(task);
}

}  // namespace wakewatch
