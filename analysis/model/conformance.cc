// Events, and what they make of tasks and CPUs. What a broken rule means is in conformance_verdict.cc.
#include "analysis/model/conformance.h"

#include <algorithm>

namespace wakewatch {
namespace {

using task_automaton::Apply;
using task_automaton::kAnything;
using task_automaton::kQuarantined;
using task_automaton::Only;
using task_automaton::State;

static_assert(kEventTypeCount <= 64, "one bit a type");

constexpr EventType kEvents[] = {EventType::kSchedSwitch,
                                 EventType::kSchedWaking,
                                 EventType::kSchedWakeup,
                                 EventType::kSchedWakeupNew,
                                 EventType::kSchedMigrateTask,
                                 EventType::kSchedProcessFork,
                                 EventType::kSchedProcessExec,
                                 EventType::kSchedProcessExit,
                                 EventType::kIrqEntry,
                                 EventType::kIrqExit,
                                 EventType::kSoftirqEntry,
                                 EventType::kSoftirqExit,
                                 EventType::kTimerExpireEntry,
                                 EventType::kTimerExpireExit,
                                 EventType::kHrtimerExpireEntry,
                                 EventType::kHrtimerExpireExit,
                                 EventType::kTaskletEntry,
                                 EventType::kTaskletExit,
                                 EventType::kWorkStart,
                                 EventType::kWorkEnd,
                                 EventType::kKthreadWorkStart,
                                 EventType::kKthreadWorkEnd,
                                 EventType::kGap};
// A first wakeup follows its fork within this, or the beginning of what is known may lie between them.
constexpr uint64_t kForkToWakeupNs = 10'000'000;

// An event that opens or closes a bracket.
struct Pairing {
  uint64_t needs = 0;  // both events of the pair, a bit each
  Rule rule = Rule::kIrqNesting;
  Bracket bracket = Bracket::kIrq;  // kHrtimerHard: or kHrtimerSoft, by the event's flags
  bool enters = false;
};

constexpr std::array<Pairing, kEventTypeCount> kPairings = [] {
  std::array<Pairing, kEventTypeCount> pairings;
  const auto pair = [&](EventType entry, EventType exit, Rule rule, Bracket bracket) {
    const uint64_t needs = uint64_t{1} << static_cast<unsigned>(entry) | uint64_t{1} << static_cast<unsigned>(exit);
    pairings[static_cast<size_t>(entry)] = {needs, rule, bracket, true};
    pairings[static_cast<size_t>(exit)] = {needs, rule, bracket, false};
  };
  pair(EventType::kIrqEntry, EventType::kIrqExit, Rule::kIrqNesting, Bracket::kIrq);
  pair(EventType::kSoftirqEntry, EventType::kSoftirqExit, Rule::kSoftirqNesting, Bracket::kSoftirq);
  pair(EventType::kTimerExpireEntry, EventType::kTimerExpireExit, Rule::kTimerExpiry, Bracket::kTimer);
  pair(EventType::kHrtimerExpireEntry, EventType::kHrtimerExpireExit, Rule::kTimerExpiry, Bracket::kHrtimerHard);
  pair(EventType::kTaskletEntry, EventType::kTaskletExit, Rule::kTaskletRun, Bracket::kTasklet);
  return pairings;
}();

// What an opening and its closing have in common.
uint64_t IdOf(const Event& event) {
  switch (event.type) {
    case EventType::kIrqEntry:
    case EventType::kIrqExit: return static_cast<uint32_t>(event.irq.irq);
    case EventType::kSoftirqEntry:
    case EventType::kSoftirqExit: return event.softirq.vec;
    case EventType::kTaskletEntry:
    case EventType::kTaskletExit: return event.tasklet.tasklet;
    default: return event.timer.timer;
  }
}

}  // namespace

std::span<const EventType> Conformance::EventTypes() { return kEvents; }

Conformance::Conformance(const SchedModel& model, uint64_t since_ns, uint64_t until_ns,
                         std::function<void(const RuleBreak&)> on_break)
    : model_(model),
      since_counted_ns_(since_ns),
      until_counted_ns_(until_ns),
      counts_all_(since_ns == 0 && until_ns == UINT64_MAX),
      rt_release_(model.kernel().find("-rt") != std::string::npos || model.kernel().find("+rt") != std::string::npos),
      on_break_(std::move(on_break)),
      preemptible_softirqs_(rt_release_) {}

void Conformance::OnStep(const Step& step) {
  const Event& event = *step.event;
  if (!Seen(event.type)) [[unlikely]]
    FirstOf(event.type, event.ts_ns);
  if (!counts_all_) [[unlikely]]
    span_ = event.ts_ns >= since_counted_ns_ && event.ts_ns <= until_counted_ns_ ? 0 : 1;
  if (event.type == EventType::kGap) return OnGap(event);
  Cpu* const cpu = &CpuOf(event.cpu);
  if (event.type == EventType::kSchedProcessExec) {
    OnExec(cpu, step);
  } else {
    const int32_t actor = event.type == EventType::kSchedSwitch ? event.sw.prev_pid : event.pid;
    if (!cpu->current_known) [[unlikely]]
      FirstEventOf(cpu, event, actor);
    Act(cpu, step, actor);
  }
  switch (event.type) {
    case EventType::kSchedSwitch: OnSwitch(&cpus_[event.cpu], step); break;
    case EventType::kSchedWaking:
      if (step.task != nullptr) OnWake(*step.task, Input::kWaking, step);
      break;
    case EventType::kSchedWakeup:
      if (step.task != nullptr) OnWake(*step.task, Input::kWakeup, step);
      break;
    case EventType::kSchedWakeupNew:
      if (step.task != nullptr) OnFirstWakeup(*step.task, step);
      break;
    case EventType::kSchedMigrateTask:
      if (step.task != nullptr) OnMigrate(*step.task, step);
      break;
    case EventType::kSchedProcessFork:
      if (step.task != nullptr) OnFork(*step.task, step);
      break;
    case EventType::kSchedProcessExit:
      if (step.task != nullptr) OnExit(*step.task, step);
      break;
    case EventType::kSchedProcessExec: break;
    case EventType::kWorkStart:
    case EventType::kWorkEnd:
      OnWork(cpu, step, event.type == EventType::kWorkStart, Both(EventType::kWorkStart, EventType::kWorkEnd));
      break;
    case EventType::kKthreadWorkStart:
    case EventType::kKthreadWorkEnd:
      OnWork(cpu, step, event.type == EventType::kKthreadWorkStart,
             Both(EventType::kKthreadWorkStart, EventType::kKthreadWorkEnd));
      break;
    default: OnBracket(cpu, event); break;
  }
  if (!held_.empty()) [[unlikely]] {
    if (awaited_cpu_ == UINT32_MAX || awaited_cpu_ == event.cpu) Settle();
  }
}

void Conformance::FirstOf(EventType type, uint64_t now_ns) {
  seen_ |= uint64_t{1} << static_cast<unsigned>(type);
  since_ns_[static_cast<size_t>(type)] = now_ns;
  fresh_ns_ = dark_end_ns_;
  for (const EventType needed :
       {EventType::kSchedSwitch, EventType::kSchedWaking, EventType::kSchedWakeup, EventType::kSchedMigrateTask}) {
    fresh_ns_ = std::max(fresh_ns_, Seen(needed) ? Since(needed) : UINT64_MAX);
  }
}

// What was learnt of tasks before is void: this CPU may have had a part in it.
void Conformance::FirstEventOf(Cpu* cpu, const Event& event, int32_t actor) {
  cpu->current_known = true;
  cpu->current_pid = actor;
  cpu->brackets.ForgetAll();
  if (cpu->begun) return;
  cpu->begun = true;
  ++cpus_begun_;
  VoidBefore(event.ts_ns);
  dark_end_ns_ = std::max(dark_end_ns_, event.ts_ns + SkewNs());
  fresh_ns_ = std::max(fresh_ns_, dark_end_ns_);
}

void Conformance::OnGap(const Event& event) {
  Cpu& cpu = CpuOf(event.cpu);
  const uint64_t skew_ns = SkewNs();
  cpu.current_known = false;
  cpu.brackets.ForgetAll();
  cpu.agreed_ns = std::max(cpu.agreed_ns, event.ts_ns + skew_ns + 1);
  const uint64_t end_ns = std::max(event.ts_ns, event.gap.end_ns);
  dark_end_ns_ = std::max(dark_end_ns_, end_ns < UINT64_MAX - skew_ns ? end_ns + skew_ns : UINT64_MAX);
  fresh_ns_ = std::max(fresh_ns_, dark_end_ns_);
  ++epoch_;
  if (!held_.empty()) Settle();
}

void Conformance::Act(Cpu* cpu, const Step& step, int32_t actor) {
  ++counts_[span_].others[static_cast<size_t>(Rule::kActingTask)];
  if (cpu->current_pid != actor || step.event->pid != actor) [[unlikely]]
    Missing(cpu, step, actor);
  // An interrupt tells whom it came upon, but not that what that task did was recorded; the idle task does nothing.
  const bool itself = (step.event->flags & (kFlagHardirq | kFlagSoftirq | kFlagNmi)) == 0;
  if (itself || actor == 0) cpu->agreed_ns = step.event->ts_ns;
}

// A thread that is not its group's leader takes over the leader's pid; all others act under the pid that they have.
void Conformance::OnExec(Cpu* cpu, const Step& step) {
  const Event& event = *step.event;
  const auto old_pid = static_cast<int32_t>(event.task.value);
  if (cpu->current_known && old_pid == event.task.pid) return Act(cpu, step, event.pid);
  cpu->current_known = true;
  cpu->current_pid = event.pid;
  if (old_pid == event.task.pid) return;
  for (const int32_t pid : {old_pid, event.task.pid}) {
    if (const Task* const task = model_.TaskOf(pid)) Of(*task).belief = kQuarantined;
  }
}

void Conformance::OnSwitch(Cpu* cpu, const Step& step) {
  const Event& event = *step.event;
  ++switches_;
  ++counts_[span_].others[static_cast<size_t>(Rule::kSwitchContinuity)];
  if (cpu->brackets.open() != 0) [[unlikely]]
    SwitchInside(cpu, event);
  cpu->brackets.Switch(preemptible_softirqs_);
  cpu->current_pid = event.sw.next_pid;
  if (step.prev != nullptr) OnOut(*step.prev, step);
  if (step.next != nullptr) OnIn(*step.next, step);
}

void Conformance::OnOut(const Task& task, const Step& step) {
  const Event& event = *step.event;
  View& view = Of(task);
  // The model has read prev_state already.
  const Input input = task.state == TaskState::kReady  ? Input::kOutRunnable
                      : task.state == TaskState::kDead ? Input::kOutDead
                                                       : Input::kOutSleeping;
  const bool follows = Move(task, &view, input, step);
  if (input == Input::kOutDead && follows && view.whole_life && !view.exited && !model_.Dark(task.first_seen_ns)) {
    BreakOnTask(Rule::kExitThenDead, task, view, "sched_switch in X or Z of a task without its sched_process_exit",
                step);
  }
  view.queued_cpu = event.cpu;
  view.self = true;
  Note(&view, event);
}

void Conformance::OnIn(const Task& task, const Step& step) {
  View& view = Of(task);
  const bool woken = view.belief == Only(State::kReady);
  const bool follows = Move(task, &view, Input::kIn, step);
  whole_wakes_ += static_cast<uint64_t>(woken && follows);
  Place(task, &view, step.event->cpu, follows, step);
  view.self = false;
  Note(&view, *step.event);
}

void Conformance::OnWake(const Task& task, Input input, const Step& step) {
  const Event& event = *step.event;
  View& view = Of(task);
  const bool follows = Move(task, &view, input, step);
  Place(task, &view, event.wake.target_cpu, follows, step);
  if (input == Input::kWakeup) {
    Name(event.wake.target_cpu);
    if (follows && view.belief == Only(State::kRunning)) [[unlikely]]
      Control(task, view, step);
  }
  view.self = event.pid == task.pid;
  Note(&view, event);
}

void Conformance::OnFirstWakeup(const Task& task, const Step& step) {
  const Event& event = *step.event;
  View& view = Of(task);
  const bool unheard = (view.belief == kAnything && view.last_ns == 0) || view.belief == Only(State::kDead);
  const bool fork_recorded =
      Seen(EventType::kSchedProcessFork) &&
      event.ts_ns - std::min(event.ts_ns, std::max(Since(EventType::kSchedProcessFork), dark_end_ns_)) >
          kForkToWakeupNs;
  if (Move(task, &view, Input::kWakeupNew, step) && unheard && fork_recorded) {
    RuleBreak broken = Describe(Rule::kForkThenFirstWakeup, task, view,
                                "sched_wakeup_new of a task without its sched_process_fork", step);
    constexpr int kIoThreads = 512;
    const int version = model_.kernel_version();
    broken.verdict = version == 0 || version >= kIoThreads ? RuleVerdict::kArtefact : RuleVerdict::kMissing;
    on_break_(broken);
  }
  view.queued_cpu = event.wake.target_cpu;
  Name(event.wake.target_cpu);
  view.self = false;
  Note(&view, event);
}

void Conformance::OnMigrate(const Task& task, const Step& step) {
  const Event& event = *step.event;
  View& view = Of(task);
  const bool follows = Move(task, &view, Input::kMigrate, step);
  Place(task, &view, event.migrate.orig_cpu, follows, step);
  view.queued_cpu = event.migrate.dest_cpu;
  Name(event.migrate.dest_cpu);
  view.self = false;
  Note(&view, event);
}

void Conformance::OnFork(const Task& task, const Step& step) {
  const Event& event = *step.event;
  View& view = Of(task);
  view = View{};
  if (Seen(EventType::kSchedWakeupNew)) view.belief = Only(State::kNew);
  view.whole_life = Seen(EventType::kSchedProcessExit);
  ++counts_[span_].others[static_cast<size_t>(Rule::kForkThenFirstWakeup)];
  Note(&view, event);
}

void Conformance::OnExit(const Task& task, const Step& step) {
  View& view = Of(task);
  const bool follows = Move(task, &view, Input::kExit, step);
  if (follows && view.exited) {
    BreakOnTask(Rule::kExitThenDead, task, view, "sched_process_exit of a task that has exited", step);
  }
  view.exited = true;
  view.self = true;
  Note(&view, *step.event);
}

bool Conformance::Move(const Task& task, View* view, Input input, const Step& step) {
  if (view->last_ns < fresh_ns_) [[unlikely]]
    Refresh(task, view, input, step);
  const Belief before = view->belief, next = Apply(before, input);
  // Neither in quarantine nor without any knowledge.
  const bool decides = static_cast<Belief>(before - 1) < kAnything - 1;
  counts_[span_].inputs[static_cast<size_t>(input)] += static_cast<uint64_t>(decides);
  if (before != kQuarantined && next == kQuarantined) [[unlikely]] {
    view->belief = Contradicted(task, *view, input, step);
    return false;
  }
  view->belief = next;
  if (before != kQuarantined) [[likely]]
    return true;
  if (view->last_cpu != step.event->cpu && step.event->ts_ns - view->last_ns <= SkewNs()) Reordered(task, *view);
  return false;
}

void Conformance::Refresh(const Task& task, View* view, Input input, const Step& step) {
  const auto unseen = [&](EventType type) { return !Seen(type) || view->last_ns < Since(type); };
  // In quarantine there is nothing to widen.
  if (view->belief != kQuarantined) {
    view->belief = unseen(EventType::kSchedSwitch)
                       ? kAnything
                       : task_automaton::WithUnseen(view->belief, unseen(EventType::kSchedWaking),
                                                    unseen(EventType::kSchedWakeup));
  }
  if (unseen(EventType::kSchedMigrateTask)) view->queued_cpu = -1;
  if (view->last_ns >= dark_end_ns_) return;
  if (view->belief != kQuarantined && Apply(view->belief, input) == kQuarantined) {
    const std::string what = std::string(kEventTypeInfo[static_cast<size_t>(step.event->type)].name) + " of a task " +
                             std::string(task_automaton::Phrase(view->belief));
    RuleBreak broken = Describe(task_automaton::Forbidding(view->belief, input), task, *view, what, step);
    broken.verdict = RuleVerdict::kVoid;
    on_break_(broken);
  }
  view->belief = kAnything;
  view->queued_cpu = -1;
}

void Conformance::Place(const Task& task, View* view, int64_t cpu, bool checked, const Step& step) {
  if (view->queued_cpu >= 0 && checked) {
    ++counts_[span_].others[static_cast<size_t>(Rule::kTaskPlacement)];
    if (view->queued_cpu != cpu) [[unlikely]]
      Misplaced(task, *view, cpu, step);
  }
  view->queued_cpu = static_cast<int32_t>(cpu);
}

void Conformance::OnBracket(Cpu* cpu, const Event& event) {
  const Pairing& pairing = kPairings[static_cast<size_t>(event.type)];
  CpuAutomaton& brackets = cpu->brackets;
  const bool soft = pairing.bracket == Bracket::kHrtimerHard && !event.InHardirq();
  const Bracket bracket = soft ? Bracket::kHrtimerSoft : pairing.bracket;
  ++counts_[span_].others[static_cast<size_t>(pairing.rule)];
  if ((seen_ & pairing.needs) != pairing.needs) [[unlikely]]
    return brackets.Forget(bracket);
  const uint64_t id = IdOf(event), before_ns = brackets.since_ns(bracket);
  bool fits = false;
  if (bracket == Bracket::kIrq) {
    fits = pairing.enters ? brackets.EnterIrq(id, event.ts_ns) : brackets.LeaveIrq(id);
  } else {
    fits = pairing.enters ? brackets.Enter(bracket, id, event.ts_ns) : brackets.Leave(bracket, id);
  }
  if (fits) [[likely]]
    return;
  const bool hard = bracket == Bracket::kIrq || bracket == Bracket::kHrtimerHard;
  if (preemptible_softirqs_ && !hard) return;
  brackets.Distrust(bracket);
  BreakOnCpu(pairing.rule, bracket, before_ns, event, "does not pair with what is open on its CPU");
}

void Conformance::OnWork(Cpu* cpu, const Step& step, bool start, bool both) {
  const Event& event = *step.event;
  const bool kthread = event.type == EventType::kKthreadWorkStart || event.type == EventType::kKthreadWorkEnd;
  const uint64_t work = kthread ? event.kwork.work : event.work.work;
  ++counts_[span_].others[static_cast<size_t>(Rule::kWorkExecution)];
  if (event.InSoftirq()) {
    if (!both || preemptible_softirqs_) return cpu->brackets.Forget(Bracket::kBhWork);
    const uint64_t before_ns = cpu->brackets.since_ns(Bracket::kBhWork);
    const bool fits =
        start ? cpu->brackets.Enter(Bracket::kBhWork, work, event.ts_ns) : cpu->brackets.Leave(Bracket::kBhWork, work);
    if (!fits) {
      cpu->brackets.Distrust(Bracket::kBhWork);
      BreakOnCpu(Rule::kWorkExecution, Bracket::kBhWork, before_ns, event,
                 "does not pair with what is open on its CPU");
    }
    return;
  }
  const Task* const worker = model_.TaskOf(event.pid);
  if (worker == nullptr || event.pid == 0) return;
  View& view = Of(*worker);
  const bool lit = both && event.ts_ns > dark_end_ns_;
  const bool known = lit && view.work_known && view.epoch == epoch_;
  const bool fits = !known || (start ? !view.working : view.working && view.work == work);
  if (!fits) {
    BreakOnTask(Rule::kWorkExecution, *worker, view,
                std::string(kEventTypeInfo[static_cast<size_t>(event.type)].name) +
                    (start ? " in a worker whose last item has not ended" : " of an item that was not started"),
                step);
  }
  // What follows a contradiction may be its other half.
  view.work_known = lit && fits && !view.work_distrusted;
  view.work_distrusted = !fits;
  view.working = start;
  view.work = work;
  view.epoch = epoch_;
}

void Conformance::Load(ArchiveReader& archive) {
  Fields(*this, archive);
  constexpr size_t kCpusMax = UINT16_MAX + 1;  // that an event can name
  if (cpus_.size() > kCpusMax) archive.Spoil();
  for (const View& view : views_) {
    if (view.belief > kAnything) archive.Spoil();
  }
}

void Conformance::Forget(const Task& task) {
  if (task.index < views_.size()) views_[task.index] = View{};
  for (Held& held : held_) {
    if (held.task == task.index + 1) held.task = 0;
  }
}

}  // namespace wakewatch
