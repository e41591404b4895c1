#include "analysis/checks/lost_wakeup/exclusive_consumed.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "analysis/checks/delay_cause.h"
#include "analysis/checks/lost_wakeup/call_text.h"

namespace wakewatch {
namespace {

constexpr EventType kEvents[] = {EventType::kSchedWaking,       EventType::kProbeWakeUp,
                                 EventType::kProbeComplete,     EventType::kProbeCompleteAll,
                                 EventType::kWorkQueue,         EventType::kProbePrepareExclusive,
                                 EventType::kProbeAddExclusive, EventType::kProbeFinishWait};
constexpr LostClass kClass = LostClass::kExclusiveConsumed;

}  // namespace

const LostWakeupRuleInfo ExclusiveConsumed::kInfo = {
    kEvents, [](const LostWakeupInput& input) -> std::unique_ptr<LostWakeupRule> {
      return std::make_unique<ExclusiveConsumed>(input);
    }};

void ExclusiveConsumed::OnStep(const Step& step) {
  const Event& event = *step.event;
  const bool queue_probe = event.type == EventType::kProbePrepareExclusive ||
                           event.type == EventType::kProbeAddExclusive || event.type == EventType::kProbeFinishWait;
  if (waiters_.empty() && !queue_probe) return;  // no probes, or nobody waits exclusively
  switch (event.type) {
    case EventType::kSchedWaking: return OnWaking(step);
    case EventType::kProbeWakeUp: return OnWakeUp(step);
    case EventType::kProbeComplete:
    case EventType::kProbeCompleteAll: return OnAct(step, ActKind::kComplete);
    case EventType::kWorkQueue: return OnAct(step, ActKind::kQueueWork);
    default: break;
  }
  const Task* const task = step.cpu->current;
  if (task == nullptr || task->pid != event.pid || ContextOf(event) != WakeContext::kTask) return;
  if (event.type == EventType::kProbeFinishWait) return OnLeave(event, task->index);
  OnEnter(event, task->index);
}

void ExclusiveConsumed::OnEnter(const Event& event, uint32_t task) {
  const uint64_t queue = event.probe.object;
  if (waiters_.size() >= kQueuesMax && !waiters_.contains(queue)) waiters_.clear();
  std::vector<uint32_t>& waiters = waiters_[queue];
  if (std::find(waiters.begin(), waiters.end(), task) != waiters.end() || waiters.size() >= kWaitersMax) return;
  waiters.push_back(task);
}

void ExclusiveConsumed::OnLeave(const Event& event, uint32_t task) {
  const auto found = waiters_.find(event.probe.object);
  if (found != waiters_.end()) {
    std::erase(found->second, task);
    if (found->second.empty()) waiters_.erase(found);
  }
  Woken* const woken = woken_.Find(task);
  if (woken == nullptr || woken->wake_ns == 0 || woken->queue != event.probe.object || woken->left_ns != 0) return;
  woken->left_ns = event.ts_ns;
  woken->left_cpu = event.cpu;
}

void ExclusiveConsumed::OnWakeUp(const Step& step) {
  const Event& event = *step.event;
  OnAct(step, ActKind::kWakeQueue);
  if (event.cpu >= calls_.size()) calls_.resize(event.cpu + size_t{1});
  Call& call = calls_[event.cpu];
  call = Call{};
  if (event.probe.value == 1 && waiters_.contains(event.probe.object)) {
    call = {event.probe.object, event.ts_ns, event.pid, ContextOf(event)};
  }
}

void ExclusiveConsumed::OnWaking(const Step& step) {
  const Event& event = *step.event;
  OnAct(step, ActKind::kWakeTask);
  if (event.cpu >= calls_.size() || calls_[event.cpu].queue == 0 || step.task == nullptr) return;
  const Call call = std::exchange(calls_[event.cpu], Call{});
  if (call.pid != event.pid || call.context != ContextOf(event) || step.cpu->runs.newest_ns() > call.ns) return;
  const auto found = waiters_.find(call.queue);
  if (found == waiters_.end()) return;
  const std::vector<uint32_t>& waiters = found->second;
  if (std::find(waiters.begin(), waiters.end(), step.task->index) == waiters.end()) return;
  Woken& woken = woken_.Of(*step.task);
  woken.habit.Begin(event.ts_ns);
  if (woken.wake_ns != 0) {
    if (woken.left_ns == 0 || Acted(woken)) {
      End(&woken, Outcome::kDischarged);  // it waits on, or has done its part
    } else if (!woken.habit.HasUsual()) {
      End(&woken, Outcome::kUnlearned);
    } else {
      woken.over = true;  // it left without an act: that wake is looked into first
      return;
    }
  }
  const Task* const other = OtherOf(waiters, step.task->index);
  if (other == nullptr) return;
  input_.ledger.Open(kClass);
  woken.wake_ns = event.ts_ns;
  woken.queue = call.queue;
  woken.left_ns = 0;
  woken.wake_cpu = event.cpu;
  woken.waker_pid = call.context == WakeContext::kTask ? call.pid : -1;
  woken.other = other->index;
  woken.other_sleep_ns = other->sleep_ns;
  const uint64_t due_ns = DeadlineOf(woken.habit.response(), input_.check.options.sleep_threshold_ns);
  input_.deadlines.Add({event.ts_ns + due_ns, input_.number, step.task->index});
}

// Something that the task on the CPU does, which others can see.
void ExclusiveConsumed::OnAct(const Step& step, ActKind kind) {
  const Event& event = *step.event;
  const Task* const task = step.cpu->current;
  if (task == nullptr || task->pid != event.pid || ContextOf(event) != WakeContext::kTask) return;
  Woken* const woken = woken_.Find(task->index);
  if (woken == nullptr) return;
  woken->habit.Add(Act::KeyOf(kind), event.ts_ns);
  if (woken->wake_ns == 0 || woken->over) return;
  woken->acts |= 1u << static_cast<unsigned>(kind);
  const bool passed_on = kind == ActKind::kWakeQueue && event.probe.object == woken->queue;
  if (passed_on || woken->habit.Usual(Act::KeyOf(kind))) End(woken, Outcome::kDischarged);
}

const Task* ExclusiveConsumed::OtherOf(const std::vector<uint32_t>& waiters, uint32_t woken) const {
  for (const uint32_t index : waiters) {
    const Task* const task = input_.check.model.tasks().At(index);
    if (index == woken || task == nullptr || !IsKernelThread(task->kind)) continue;
    if (task->state == TaskState::kSleeping && task->sleep_ns != 0) return task;
  }
  return nullptr;
}

bool ExclusiveConsumed::Acted(const Woken& woken) {
  for (unsigned kind = 0; kind <= static_cast<unsigned>(LastOf(ActKind{})); ++kind) {
    if ((woken.acts >> kind & 1) != 0 && woken.habit.Usual(Act::KeyOf(static_cast<ActKind>(kind)))) return true;
  }
  return false;
}

void ExclusiveConsumed::End(Woken* woken, Outcome outcome) {
  input_.ledger.End(kClass, outcome);
  woken->wake_ns = woken->left_ns = 0;
  woken->acts = 0;
  woken->over = false;
  woken->other = kNobody;
}

Outcome ExclusiveConsumed::Judge(const Task* taker, const Woken& woken) const {
  const SchedModel& model = input_.check.model;
  const Task* const other = model.tasks().At(woken.other);
  if (taker == nullptr || other == nullptr || model.Dark(woken.other_sleep_ns)) return Outcome::kVoid;
  if (other->state != TaskState::kSleeping || other->sleep_ns != woken.other_sleep_ns) return Outcome::kDischarged;
  const bool gone = taker->state == TaskState::kDead || taker->exiting;
  if (woken.left_ns == 0 && !gone) return Outcome::kDischarged;  // it found nothing to do and waits on
  if (Acted(woken)) return Outcome::kDischarged;
  return woken.habit.HasUsual() ? Outcome::kExpired : Outcome::kUnlearned;
}

void ExclusiveConsumed::OnDeadline(const Deadline& deadline) {
  const auto index = static_cast<uint32_t>(deadline.key);
  Woken* const woken = woken_.Find(index);
  if (woken == nullptr || woken->wake_ns == 0) return;
  const uint64_t due_ns = DeadlineOf(woken->habit.response(), input_.check.options.sleep_threshold_ns);
  if (woken->wake_ns + due_ns > deadline.ns) {
    return input_.deadlines.Add({woken->wake_ns + due_ns, input_.number, index});
  }
  const SchedModel& model = input_.check.model;
  const Task* const taker = model.tasks().At(index);
  if (taker != nullptr && (taker->OnCpu() || taker->Waiting())) {  // it is still at it
    return input_.deadlines.Add({deadline.ns + due_ns, input_.number, index});
  }
  const Outcome outcome = Judge(taker, *woken);
  if (outcome == Outcome::kExpired) Accuse(*model.tasks().At(woken->other), *taker, *woken, deadline.ns);
  End(woken, outcome);
}

void ExclusiveConsumed::Accuse(const Task& victim, const Task& taker, const Woken& woken, uint64_t now_ns) {
  Verdict verdict;
  verdict.cls = kClass;
  verdict.confidence = Confidence::kSuspicious;
  verdict.waker_pid = woken.waker_pid;
  if (const Task* const waker = input_.check.model.TaskOf(woken.waker_pid)) verdict.waker_comm = waker->comm();
  verdict.evidence = {{woken.wake_cpu, woken.wake_ns,
                       "wake_up q=" + HexText(woken.queue) + " nr=1 woke pid=" + std::to_string(taker.pid)}};
  if (woken.left_ns != 0) {
    verdict.evidence.push_back(
        {woken.left_cpu, woken.left_ns, "finish_wait q=" + HexText(woken.queue) + " pid=" + std::to_string(taker.pid)});
  }
  verdict.explanation = WakerText(verdict) + " woke one exclusive waiter of its queue, " + TaskText(taker) +
                        ", which left the queue without waking it again and without what it did after nine in ten of " +
                        std::to_string(woken.habit.n()) + " such wakes";
  verdict.rule = "Whoever takes an exclusive wake does what it was for, or wakes the queue again.";
  verdict.assumption = "There was still something to do for the one that sleeps.";
  verdict.would_raise = "A snapshot of the thread's stack tells what it waits for.";
  input_.verdicts.Accuse(victim, now_ns, std::move(verdict));
}

void ExclusiveConsumed::Forget(const Task& task) {
  for (auto queue = waiters_.begin(); queue != waiters_.end();) {
    std::erase(queue->second, task.index);
    queue = queue->second.empty() ? waiters_.erase(queue) : std::next(queue);
  }
  if (Woken* const woken = woken_.Find(task.index); woken != nullptr && woken->wake_ns != 0) End(woken, Outcome::kVoid);
  woken_.Forget(task);
}

}  // namespace wakewatch
