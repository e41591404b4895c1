#include "analysis/checks/lost_wakeup/completion_rule.h"

#include <algorithm>
#include <utility>

#include "analysis/checks/lost_wakeup/completion_init.h"
#include "analysis/checks/lost_wakeup/completion_reinit.h"
#include "analysis/checks/lost_wakeup/probe_text.h"

namespace wakewatch {
namespace {

constexpr EventType kEvents[] = {EventType::kSchedSwitch,      EventType::kSchedWaking,
                                 EventType::kSchedProcessExit, EventType::kProbeComplete,
                                 EventType::kProbeCompleteAll, EventType::kProbeCompletionWait};
constexpr uint64_t kObjectOldNs = 10'000'000'000;

}  // namespace

const LostWakeupRuleInfo CompletionRule::kInfo = {kEvents,
                                                  [](const LostWakeupInput& input) -> std::unique_ptr<LostWakeupRule> {
                                                    return std::make_unique<CompletionRule>(input);
                                                  }};

void CompletionRule::OnStep(const Step& step) {
  const Event& event = *step.event;
  switch (event.type) {
    case EventType::kProbeCompletionWait: return OnWait(step);
    case EventType::kProbeComplete:
    case EventType::kProbeCompleteAll: return OnComplete(step);
    default: break;
  }
  if (waits_.empty() && held_.empty()) return;
  if (event.type == EventType::kSchedSwitch) return OnSwitch(step);
  if (step.task == nullptr) return;
  if (event.type == EventType::kSchedProcessExit) return Forget(*step.task);
  OnEnd(*step.task, event.ts_ns);
}

CompletionRule::Object& CompletionRule::Of(uint64_t object, uint64_t now_ns) {
  if (objects_.size() >= kObjectsMax && !objects_.contains(object)) {
    std::erase_if(objects_, [now_ns](const auto& each) { return now_ns - each.second.used_ns > kObjectOldNs; });
    if (objects_.size() >= kObjectsMax) objects_.clear();
  }
  Object& found = objects_[object];
  found.used_ns = now_ns;
  return found;
}

void CompletionRule::OnWait(const Step& step) {
  const Event& event = *step.event;
  const Task* const task = step.cpu->current;
  Object& object = Of(event.probe.object, event.ts_ns);
  const uint32_t left = std::exchange(object.left, 0);
  probed_ = true;
  if (event.probe.value != 0) {  // it takes one, and does not sleep
    if (event.probe.value != UINT32_MAX) object.left = event.probe.value - 1;
    return;
  }
  if (task == nullptr || task->pid != event.pid || ContextOf(event) != WakeContext::kTask) return;
  if (!IsKernelThread(task->kind)) return;
  Drop(*task, Outcome::kVoid);
  CompletionWait& wait = waits_[task->index];
  wait = {};
  wait.object = event.probe.object;
  wait.ns = event.ts_ns;
  wait.cpu = event.cpu;
  wait.pid = task->pid;
  if (left == 0) return;
  wait.wiped = true;
  wait.complete = object.by;
  input_.ledger.Open(LostClass::kCompletionReinit);
}

void CompletionRule::OnComplete(const Step& step) {
  const Event& event = *step.event;
  if (event.probe.head == 0) return;
  Object& object = Of(event.probe.object, event.ts_ns);
  // Whoever is in the list is woken and takes it; of complete_all() nothing is left to be missed.
  const bool empty = IsEmptyCompletion(event.probe);
  object.left =
      empty && event.type == EventType::kProbeComplete && event.probe.value != UINT32_MAX ? event.probe.value + 1 : 0;
  if (!empty) return;
  const int32_t pid = ContextOf(event) == WakeContext::kTask ? event.pid : -1;
  const Task* const caller = pid > 0 ? input_.check.model.TaskOf(pid) : nullptr;
  object.by = {event.ts_ns, event.cpu, pid, caller == nullptr ? "" : std::string(caller->comm())};
  if (!held_.empty()) TakeBackHeld(event.probe.object);
  for (auto at = waits_.begin(); at != waits_.end();) {
    CompletionWait& wait = at->second;
    if (wait.object != event.probe.object) {
      ++at;
      continue;
    }
    if (wait.sleep_ns == 0) {  // not in the list yet: it finds `done`
      if (object.left > 0) --object.left;
      EndObligations(wait, Outcome::kDischarged);
      at = waits_.erase(at);
      continue;
    }
    if (!wait.unlisted) {
      if (wait.wiped) input_.ledger.End(LostClass::kCompletionReinit, Outcome::kVoid);
      wait.wiped = false;
      wait.unlisted = true;
      wait.complete = object.by;
      input_.ledger.Open(LostClass::kCompletionInit);
      input_.deadlines.Add({event.ts_ns + input_.check.options.sleep_threshold_ns, input_.number, at->first});
    }
    ++at;
  }
}

void CompletionRule::OnSwitch(const Step& step) {
  if (step.next != nullptr) OnEnd(*step.next, step.event->ts_ns);
  if (step.prev == nullptr || step.prev->state != TaskState::kSleeping) return;
  const auto found = waits_.find(step.prev->index);
  if (found == waits_.end() || found->second.sleep_ns != 0) return;
  CompletionWait& wait = found->second;
  wait.sleep_ns = step.prev->sleep_ns;
  if (!wait.wiped) return;
  const uint64_t floor_ns = input_.check.options.sleep_threshold_ns;
  const Period& waits = Of(wait.object, wait.sleep_ns).waits;
  const uint64_t wait_ns = Learned(waits) ? DeadlineOf(waits, floor_ns) : floor_ns;
  input_.deadlines.Add({wait.sleep_ns + wait_ns, input_.number, found->first});
}

// It was woken, or is back on a CPU after it slept.
void CompletionRule::OnEnd(const Task& task, uint64_t now_ns) {
  for (Held& held : held_) {
    if (held.wait.pid == task.pid && held.sleep.end_ns == 0) held.sleep.end_ns = now_ns;
  }
  const auto found = waits_.find(task.index);
  if (found == waits_.end() || found->second.sleep_ns == 0) return;
  const CompletionWait wait = std::move(found->second);
  waits_.erase(found);
  const bool dark = input_.check.model.Dark(wait.ns);
  EndObligations(wait, dark ? Outcome::kVoid : Outcome::kDischarged);
  if (dark || wait.unlisted || wait.told || input_.verdicts.Accused(task)) return;
  Of(wait.object, now_ns).waits.Add(now_ns - wait.ns);
  if (!held_.empty()) JudgeHeld(wait.object);
}

void CompletionRule::EndObligations(const CompletionWait& wait, Outcome outcome) {
  if (wait.wiped) input_.ledger.End(LostClass::kCompletionReinit, outcome);
  if (wait.unlisted) input_.ledger.End(LostClass::kCompletionInit, outcome);
}

void CompletionRule::Drop(const Task& task, Outcome outcome) {
  const auto found = waits_.find(task.index);
  if (found == waits_.end()) return;
  EndObligations(found->second, outcome);
  waits_.erase(found);
}

void CompletionRule::OnDeadline(const Deadline& deadline) {
  const auto found = waits_.find(static_cast<uint32_t>(deadline.key));
  if (found == waits_.end()) return;
  const CompletionWait wait = found->second;
  const Task* const task = input_.check.model.TaskOf(wait.pid);
  if (task == nullptr || task->index != found->first || task->sleep_ns != wait.sleep_ns) return;
  const uint64_t floor_ns = input_.check.options.sleep_threshold_ns;
  if (!wait.wiped && !wait.unlisted) return;
  if (deadline.ns < (wait.unlisted ? wait.complete.ns : wait.sleep_ns) + floor_ns) return;
  waits_.erase(found);
  if (input_.check.model.Dark(std::min(wait.ns, wait.complete.ns))) return EndObligations(wait, Outcome::kVoid);
  if (wait.unlisted) {
    EndObligations(wait, Outcome::kExpired);
    return input_.verdicts.Accuse(*task, deadline.ns, CompletionInitVerdict(wait));
  }
  if (Learned(Of(wait.object, deadline.ns).waits)) {
    EndObligations(wait, Outcome::kExpired);
    CompletionWait& told = waits_[task->index];  // what it waits for may still come, and miss it
    told = wait;
    told.wiped = false;
    told.told = true;
    return input_.verdicts.Accuse(*task, deadline.ns, CompletionReinitVerdict(wait));
  }
  if (held_.size() >= kHeldMax) {
    GiveUp(held_.front());
    held_.erase(held_.begin());
  }
  held_.push_back({wait, {wait.sleep_ns, 0, task->cpu, task->sleep_letter}});
}

// What those who still sleep wait for comes only now: whatever was wiped before was not meant for them.
void CompletionRule::TakeBackHeld(uint64_t object) {
  std::erase_if(held_, [&](const Held& held) {
    const Task* const task = input_.check.model.TaskOf(held.wait.pid);
    if (held.wait.object != object || held.sleep.end_ns != 0 || task == nullptr) return false;
    if (task->sleep_ns != held.wait.sleep_ns) return false;
    waits_[task->index] = held.wait;
    return true;
  });
}

void CompletionRule::JudgeHeld(uint64_t object) {
  const Period& waits = objects_[object].waits;
  if (!Learned(waits)) return;
  const uint64_t usual_ns = DeadlineOf(waits, input_.check.options.sleep_threshold_ns);
  std::erase_if(held_, [&](const Held& held) {
    if (held.wait.object != object) return false;
    const Task* const task = input_.check.model.TaskOf(held.wait.pid);
    const uint64_t now_ns = input_.check.model.now_ns();
    const uint64_t end_ns = held.sleep.end_ns == 0 ? now_ns : held.sleep.end_ns;
    if (end_ns - held.sleep.start_ns < usual_ns) {
      if (held.sleep.end_ns == 0) return false;
      EndObligations(held.wait, Outcome::kDischarged);
    } else if (task == nullptr || input_.check.model.Dark(held.wait.complete.ns)) {
      EndObligations(held.wait, Outcome::kVoid);
    } else if (held.sleep.end_ns == 0) {
      EndObligations(held.wait, Outcome::kExpired);
      input_.verdicts.Accuse(*task, now_ns, CompletionReinitVerdict(held.wait));
    } else {
      EndObligations(held.wait, Outcome::kExpired);
      input_.verdicts.AccuseAfterwards(*task, held.sleep, CompletionReinitVerdict(held.wait));
    }
    return true;
  });
}

void CompletionRule::GiveUp(const Held& held) {
  ++unlearned_;
  EndObligations(held.wait, Outcome::kUnlearned);
}

void CompletionRule::Finish(uint64_t) {
  for (const Held& held : held_) GiveUp(held);
  held_.clear();
}

void CompletionRule::Forget(const Task& task) {
  Drop(task, Outcome::kVoid);
  for (const Held& held : held_) {
    if (held.wait.pid == task.pid) GiveUp(held);
  }
  std::erase_if(held_, [&](const Held& held) { return held.wait.pid == task.pid; });
}

void CompletionRule::Summarise(Summaries* summaries) const {
  if (unlearned_ == 0) return;
  summaries->undecidable.push_back({std::string(Name(LostClass::kCompletionReinit)), unlearned_, {}});
}

}  // namespace wakewatch
