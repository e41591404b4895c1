#include "analysis/checks/lost_wakeup/sleeper_rule.h"

#include <algorithm>
#include <set>
#include <utility>

#include "analysis/checks/lost_wakeup/check_before_sleep.h"
#include "analysis/checks/lost_wakeup/probe_text.h"
#include "analysis/checks/lost_wakeup/state_overwritten.h"
#include "analysis/checks/lost_wakeup/victims.h"
#include "analysis/checks/lost_wakeup/wake_before_enqueue.h"
#include "analysis/checks/lost_wakeup/wrong_mask.h"

namespace wakewatch {
namespace {

constexpr EventType kEvents[] = {
    EventType::kSchedSwitch,       EventType::kSchedWaking,        EventType::kSchedProcessExit,
    EventType::kKthreadWorkQueue,  EventType::kWorkQueue,          EventType::kProbeTtwu,
    EventType::kProbeTtwuRet,      EventType::kProbeWakeUp,        EventType::kProbeComplete,
    EventType::kProbeCompleteAll,  EventType::kProbePrepareToWait, EventType::kProbePrepareExclusive,
    EventType::kProbeAddWaitQueue, EventType::kProbeAddExclusive,  EventType::kProbeFinishWait};

LostClass ClassOf(CallKind kind) {
  switch (kind) {
    case CallKind::kNoOp: return LostClass::kCheckBeforeSleep;
    case CallKind::kWokenRunning: return LostClass::kStateOverwritten;
    case CallKind::kEmptyQueue: return LostClass::kWakeBeforeEnqueue;
    case CallKind::kWrongMask: return LostClass::kWrongMask;
  }
  return LostClass::kUndecided;
}

Verdict VerdictOf(const WakeCall& call) {
  switch (call.kind) {
    case CallKind::kNoOp: return CheckBeforeSleepVerdict(call);
    case CallKind::kWokenRunning: return StateOverwrittenVerdict(call);
    case CallKind::kEmptyQueue: return WakeBeforeEnqueueVerdict(call);
    case CallKind::kWrongMask: return WrongMaskVerdict(call);
  }
  return {};
}

std::set<LostClass> ClassesOf(const std::vector<WakeCall>& calls) {
  std::set<LostClass> classes;
  for (const WakeCall& call : calls) classes.insert(ClassOf(call.kind));
  return classes;
}

uint64_t KeyOf(const Task& task, const Sleeper& sleeper) { return uint64_t{task.index} << 32 | sleeper.sleeps; }

}  // namespace

const LostWakeupRuleInfo SleeperRule::kInfo = {kEvents,
                                               [](const LostWakeupInput& input) -> std::unique_ptr<LostWakeupRule> {
                                                 return std::make_unique<SleeperRule>(input);
                                               }};

Sleeper* SleeperRule::Of(const Task* task, bool make) {
  if (task == nullptr || !MayBeVictim(*task)) return nullptr;
  if (!make) return sleepers_.Find(task->index);
  Sleeper& sleeper = sleepers_.Of(*task);
  sleeper.pid = task->pid;
  return &sleeper;
}

void SleeperRule::OnStep(const Step& step) {
  const Event& event = *step.event;
  if (event.type == EventType::kProbeTtwu) {
    probes_ = true;
    return OnCall(step);
  }
  if (!probes_) return;
  switch (event.type) {
    case EventType::kSchedSwitch: return OnSwitch(step);
    case EventType::kSchedWaking: return OnWaking(step);
    case EventType::kProbeTtwuRet: return OnReturn(step);
    case EventType::kProbeWakeUp: return OnWakeUp(step);
    case EventType::kProbePrepareToWait:
    case EventType::kProbePrepareExclusive:
    case EventType::kProbeAddWaitQueue:
    case EventType::kProbeAddExclusive:
    case EventType::kProbeFinishWait: return OnEnter(step);
    case EventType::kProbeComplete:
    case EventType::kProbeCompleteAll: return AddAct(step, ActKind::kComplete, event.probe.object);
    case EventType::kWorkQueue: return AddAct(step, ActKind::kQueueWork, event.work.function);
    case EventType::kKthreadWorkQueue: return AddAct(step, ActKind::kQueueWork, event.kwork.worker);
    case EventType::kSchedProcessExit:
      if (step.task != nullptr) Forget(*step.task);
      return;
    default: return;
  }
}

void SleeperRule::OnSwitch(const Step& step) {
  if (Sleeper* const sleeper = Of(step.prev, false); sleeper != nullptr) {
    if (step.prev->state == TaskState::kSleeping) {
      OnSleep(*step.prev, sleeper);
    } else if (step.prev->state == TaskState::kWaking) {
      sleeper->coming = true;  // woken on its way out: the wake takes effect
    }
  }
  Sleeper* const sleeper = Of(step.next, true);
  if (sleeper == nullptr || !sleeper->coming) return;
  EndSleep(*step.next, sleeper, step.event->ts_ns);
  sleeper->BeginWindow(step.event->ts_ns);
}

void SleeperRule::OnSleep(const Task& task, Sleeper* sleeper) {
  ++sleeper->sleeps;
  sleeper->coming = true;
  sleeper->owing = !sleeper->calls.empty();
  if (!sleeper->owing || sleeper->window_ns == 0) return;
  sleeper->pending.assign(1, {{task.sleep_ns, 0, task.cpu, task.sleep_letter},
                              sleeper->window_ns,
                              sleeper->window_wakes,
                              std::move(sleeper->calls),
                              std::move(sleeper->acts)});
  sleeper->calls.clear();
  sleeper->acts.clear();
  for (const LostClass cls : ClassesOf(sleeper->pending.front().calls)) input_.ledger.Open(cls);
  const uint64_t floor_ns = input_.check.options.sleep_threshold_ns;
  const ActHabit* const habit = sleeper->HabitOf(Sleeper::kAnybody, task.sleep_letter);
  const bool learned = habit != nullptr && Learned(habit->response());
  const uint64_t wait_ns = learned ? DeadlineOf(habit->response(), floor_ns) : floor_ns;
  input_.deadlines.Add({task.sleep_ns + wait_ns, input_.number, KeyOf(task, *sleeper)});
}

// The sleep is over: before its deadline all is well, behind it its end is known.
void SleeperRule::EndSleep(const Task& task, Sleeper* sleeper, uint64_t now_ns) {
  for (const DoubtfulSleep& doubtful : sleeper->pending) {
    EndAll(doubtful, input_.check.model.Dark(doubtful.window_ns, task) ? Outcome::kVoid : Outcome::kDischarged);
  }
  sleeper->pending.clear();
  if (!sleeper->held.empty() && sleeper->held.back().sleep.end_ns == 0) sleeper->held.back().sleep.end_ns = now_ns;
}

void SleeperRule::EndAll(const DoubtfulSleep& doubtful, Outcome outcome) {
  for (const LostClass cls : ClassesOf(doubtful.calls)) input_.ledger.End(cls, outcome);
}

void SleeperRule::OnWaking(const Step& step) {
  const Event& event = *step.event;
  const bool by_task = ContextOf(event) == WakeContext::kTask;
  if (by_task) AddAct(step, ActKind::kWakeTask, static_cast<uint32_t>(event.wake.pid));
  Sleeper* const sleeper = Of(step.task, true);
  if (sleeper == nullptr || (by_task && event.pid == event.wake.pid)) return;
  if (step.slept_since_ns == 0) {
    if (sleeper->coming || sleeper->window_ns == 0) return;
    WakeCall call;
    call.kind = CallKind::kWokenRunning;
    call.ns = event.ts_ns;
    call.cpu = event.cpu;
    call.pid = by_task ? event.pid : -1;
    call.comm = CommOf(call.pid);
    return sleeper->AddCall(std::move(call));
  }
  EndSleep(*step.task, sleeper, event.ts_ns);
  const bool own_timer = timers_.IsOwnTimer(*step.task);
  sleeper->window_wakes = !own_timer || sleeper->owing ? 1 : 0;
  if (own_timer) return;
  sleeper->BeginHabits(by_task && event.pid > 0 ? event.pid : -1, step.task->sleep_letter, event.ts_ns);
  if (!sleeper->held.empty()) JudgeHeld(*step.task, sleeper);
}

void SleeperRule::AddAct(const Step& step, ActKind kind, uint64_t object) {
  ActSeen& seen = acts_seen_[static_cast<size_t>(kind)];
  seen.last_ns = step.event->ts_ns;
  if (seen.first_ns == 0) seen.first_ns = seen.last_ns;
  if (ContextOf(*step.event) != WakeContext::kTask) return;
  const Task* const actor = step.cpu->current;
  if (actor == nullptr || actor->pid != step.event->pid) return;
  Sleeper* const sleeper = Of(actor, true);
  if (sleeper != nullptr) sleeper->AddAct(kind, object, step.event->ts_ns);
}

void SleeperRule::OnCall(const Step& step) {
  const Event& event = *step.event;
  const bool by_task = ContextOf(event) == WakeContext::kTask;
  if (by_task && event.pid == event.probe.pid) return;
  if (by_task) AddAct(step, ActKind::kWakeTask, static_cast<uint32_t>(event.probe.pid));
  if (event.cpu >= calls_.size()) calls_.resize(event.cpu + size_t{1});
  CallStack& stack = calls_[event.cpu];
  if (by_task) stack.depth = 0;
  const Task* const task = input_.check.model.TaskOf(event.probe.pid);
  Sleeper* const sleeper = Of(task, true);
  const bool noop = sleeper != nullptr && event.probe.state == 0 && !sleeper->coming && sleeper->window_ns != 0;
  if (stack.depth < stack.victims.size()) stack.victims[stack.depth] = noop ? task->index : kNobody;
  ++stack.depth;
  if (sleeper == nullptr) return;
  WakeCall call;
  call.ns = event.ts_ns;
  call.cpu = event.cpu;
  call.state = event.probe.state;
  call.mode = event.probe.mode;
  call.pid = by_task ? event.pid : -1;
  if (noop) {
    call.comm = CommOf(call.pid);
    return sleeper->AddCall(std::move(call));
  }
  const uint32_t prepared = sleeper->prepared_state;
  if ((call.state & call.mode) != 0 || !IsWaitState(call.state) || prepared == 0 || prepared != call.state) return;
  call.kind = CallKind::kWrongMask;
  call.comm = CommOf(call.pid);
  call.object = sleeper->prepared_queue;
  call.then_ns = sleeper->prepared_ns;
  call.then_cpu = sleeper->prepared_cpu;
  if (task->state == TaskState::kSleeping) {
    OnWrongMask(*task, sleeper, std::move(call));
  } else if (!sleeper->coming) {
    sleeper->AddCall(std::move(call));
  }
}

// The call comes while the thread sleeps already.
void SleeperRule::OnWrongMask(const Task& task, Sleeper* sleeper, WakeCall call) {
  if (task.sleep_ns == 0 || sleeper->window_ns == 0) return;
  if (sleeper->pending.empty()) {
    if (input_.verdicts.Accused(task)) return;
    const DoubtfulSleep doubtful = {{task.sleep_ns, 0, task.cpu, task.sleep_letter}, sleeper->window_ns, 0, {}, {}};
    sleeper->pending.push_back(doubtful);
  }
  DoubtfulSleep& doubtful = sleeper->pending.front();
  if (ClassesOf(doubtful.calls).contains(LostClass::kWrongMask)) return;
  input_.ledger.Open(LostClass::kWrongMask);
  const uint64_t due_ns = call.ns + input_.check.options.sleep_threshold_ns;
  doubtful.calls.push_back(std::move(call));
  input_.deadlines.Add({due_ns, input_.number, KeyOf(task, *sleeper)});
}

// try_to_wake_up() took the lock after the probe had read the state: it may have woken the thread all the same.
void SleeperRule::OnReturn(const Step& step) {
  const Event& event = *step.event;
  if (event.cpu >= calls_.size() || calls_[event.cpu].depth == 0) return;
  CallStack& stack = calls_[event.cpu];
  --stack.depth;
  if (event.probe.value == 0 || stack.depth >= stack.victims.size()) return;
  const uint32_t victim = stack.victims[stack.depth];
  Sleeper* const sleeper = sleepers_.Find(victim);
  if (sleeper == nullptr) return;
  std::vector<WakeCall>& calls = sleeper->calls;
  const auto last = std::find_if(calls.rbegin(), calls.rend(), [&](const WakeCall& call) {
    return call.kind == CallKind::kNoOp && call.cpu == event.cpu;
  });
  if (last != calls.rend()) calls.erase(std::next(last).base());
}

void SleeperRule::OnWakeUp(const Step& step) {
  const Event& event = *step.event;
  AddAct(step, ActKind::kWakeQueue, event.probe.object);
  if (!IsEmptyQueue(event.probe)) return;
  EmptyWake& wake = empty_wakes_[event.probe.object / 8 * 0x9e3779b1 % kEmptyWakes];
  wake = {event.probe.object, event.ts_ns, event.cpu, ContextOf(event) == WakeContext::kTask ? event.pid : -1};
}

void SleeperRule::OnEnter(const Step& step) {
  const Event& event = *step.event;
  const Task* const task = step.cpu->current;
  if (task == nullptr || task->pid != event.pid || ContextOf(event) != WakeContext::kTask) return;
  Sleeper* const sleeper = Of(task, true);
  if (sleeper == nullptr) return;
  if (event.type == EventType::kProbeFinishWait) {
    sleeper->prepared_queue = 0;
    sleeper->prepared_state = 0;
    return;
  }
  sleeper->prepared_queue = event.probe.object;
  sleeper->prepared_ns = event.ts_ns;
  sleeper->prepared_cpu = event.cpu;
  sleeper->prepared_state = event.probe.state;
  const EmptyWake& wake = empty_wakes_[event.probe.object / 8 * 0x9e3779b1 % kEmptyWakes];
  if (wake.queue != event.probe.object || wake.pid == event.pid) return;
  if (sleeper->coming || sleeper->window_ns == 0 || wake.ns < sleeper->window_ns) return;
  for (const WakeCall& call : sleeper->calls) {
    if (call.kind == CallKind::kEmptyQueue && call.ns == wake.ns) return;
  }
  WakeCall call;
  call.kind = CallKind::kEmptyQueue;
  call.ns = wake.ns;
  call.cpu = wake.cpu;
  call.object = wake.queue;
  call.pid = wake.pid;
  call.comm = CommOf(wake.pid);
  call.then_ns = event.ts_ns;
  call.then_cpu = event.cpu;
  sleeper->AddCall(std::move(call));
}

std::string SleeperRule::CommOf(int32_t pid) const {
  const Task* const task = pid > 0 ? input_.check.model.TaskOf(pid) : nullptr;
  return task == nullptr ? std::string() : std::string(task->comm());
}

void SleeperRule::OnDeadline(const Deadline& deadline) {
  const auto index = static_cast<uint32_t>(deadline.key >> 32);
  Sleeper* const sleeper = sleepers_.Find(index);
  if (sleeper == nullptr) return;
  if (sleeper->pending.empty() || sleeper->sleeps != static_cast<uint32_t>(deadline.key)) return;
  const Task* const task = input_.check.model.tasks().Holder(sleeper->pid);
  if (task == nullptr || task->index != index) return;
  DoubtfulSleep doubtful = std::move(sleeper->pending.front());
  sleeper->pending.clear();
  if (Judge(*task, sleeper, doubtful, deadline.ns)) return;
  if (sleeper->held.size() >= Sleeper::kHeldMax) {
    GiveUp(sleeper->held.front());
    sleeper->held.erase(sleeper->held.begin());
  }
  sleeper->held.push_back(std::move(doubtful));
}

void SleeperRule::JudgeHeld(const Task& task, Sleeper* sleeper) {
  std::erase_if(sleeper->held, [&](const DoubtfulSleep& doubtful) {
    return Judge(task, sleeper, doubtful, input_.check.model.now_ns());
  });
}

bool SleeperRule::Judge(const Task& task, Sleeper* sleeper, const DoubtfulSleep& doubtful, uint64_t now_ns) {
  const uint64_t end_ns = doubtful.sleep.end_ns == 0 ? now_ns : doubtful.sleep.end_ns;
  if (input_.check.model.Dark(doubtful.window_ns)) {
    EndAll(doubtful, Outcome::kVoid);
    return true;
  }
  std::array<Answer, kLostClasses> worst{};  // of the calls of each class
  const WakeCall* missed = nullptr;
  for (const WakeCall& call : doubtful.calls) {
    const Answer answer =
        call.kind == CallKind::kWrongMask ? Answer::kMissing : AnswerTo(call, doubtful, *sleeper, acts_seen_);
    if (answer == Answer::kUnlearned) return false;
    Answer& of_class = worst[static_cast<size_t>(ClassOf(call.kind))];
    of_class = std::max(of_class, answer == Answer::kAnswered ? Answer::kUnlearned : answer);
    if (answer == Answer::kMissing) missed = &call;
  }
  for (const LostClass cls : ClassesOf(doubtful.calls)) {
    const Answer answer = worst[static_cast<size_t>(cls)];
    if (answer == Answer::kSilent) ++unjudged_[static_cast<size_t>(cls)].silent;
    input_.ledger.End(cls, answer == Answer::kMissing  ? Outcome::kExpired
                           : answer == Answer::kSilent ? Outcome::kUnlearned
                                                       : Outcome::kDischarged);
  }
  if (missed == nullptr) return true;
  if (doubtful.sleep.end_ns == 0) {
    input_.verdicts.Accuse(task, end_ns, VerdictOf(*missed));
  } else {
    input_.verdicts.AccuseAfterwards(task, doubtful.sleep, VerdictOf(*missed));
  }
  return true;
}

void SleeperRule::GiveUp(const DoubtfulSleep& doubtful) {
  for (const LostClass cls : ClassesOf(doubtful.calls)) {
    ++unjudged_[static_cast<size_t>(cls)].unlearned;
    input_.ledger.End(cls, Outcome::kUnlearned);
  }
}

void SleeperRule::Finish(uint64_t) {
  sleepers_.ForEach([this](Sleeper& sleeper) {
    for (const DoubtfulSleep& doubtful : sleeper.held) GiveUp(doubtful);
    sleeper.held.clear();
  });
}

void SleeperRule::Summarise(Summaries* summaries) const {
  for (size_t i = 0; i < unjudged_.size(); ++i) {
    const uint64_t sleeps = unjudged_[i].silent + unjudged_[i].unlearned;
    if (sleeps > 0) summaries->undecidable.push_back({std::string(Name(static_cast<LostClass>(i))), sleeps, {}});
  }
}

void SleeperRule::Forget(const Task& task) {
  const Sleeper* const sleeper = sleepers_.Find(task.index);
  if (sleeper == nullptr) return;
  for (const DoubtfulSleep& doubtful : sleeper->pending) EndAll(doubtful, Outcome::kVoid);
  for (const DoubtfulSleep& doubtful : sleeper->held) GiveUp(doubtful);
  sleepers_.Forget(task);
}

}  // namespace wakewatch
