// What a broken rule means: artefact, missing, void or violation. A violation waits until every CPU has shown, by an
// event of the task that was believed to run there, that nothing is missing up to some time behind it.
#include <algorithm>
#include <bit>
#include <utility>

#include "analysis/model/conformance.h"

namespace wakewatch {
namespace {

using task_automaton::Belief;
using task_automaton::kOnCpu;
using task_automaton::kQuarantined;
using task_automaton::Only;
using task_automaton::State;

// More missing switches than this share say that the trace was filtered by pid; more contradictions than that share of
// whole wakes say that its wakes are not whole.
constexpr uint64_t kSwitchesAMissing = 100, kWakesAContradiction = 20;

std::string EventText(const Event& event) {
  std::string text(kEventTypeInfo[static_cast<size_t>(event.type)].name);
  const auto add = [&](const char* key, int64_t value) {
    text += std::string(" ") + key + "=" + std::to_string(value);
  };
  switch (event.type) {
    case EventType::kSchedSwitch:
      add("prev_pid", event.sw.prev_pid);
      add("prev_prio", event.sw.prev_prio);
      add("next_pid", event.sw.next_pid);
      add("next_prio", event.sw.next_prio);
      break;
    case EventType::kSchedWaking:
    case EventType::kSchedWakeup:
    case EventType::kSchedWakeupNew:
      add("pid", event.wake.pid);
      add("prio", event.wake.prio);
      add("target_cpu", event.wake.target_cpu);
      break;
    case EventType::kSchedMigrateTask:
      add("pid", event.migrate.pid);
      add("orig_cpu", event.migrate.orig_cpu);
      add("dest_cpu", event.migrate.dest_cpu);
      break;
    case EventType::kIrqEntry:
    case EventType::kIrqExit: add("irq", event.irq.irq); break;
    case EventType::kSoftirqEntry:
    case EventType::kSoftirqExit: add("vec", event.softirq.vec); break;
    default: add("pid", event.pid); break;
  }
  return text;
}

Rule RuleOf(Bracket bracket) {
  switch (bracket) {
    case Bracket::kIrq:
    case Bracket::kIrqBelow: return Rule::kIrqNesting;
    case Bracket::kSoftirq: return Rule::kSoftirqNesting;
    case Bracket::kTimer:
    case Bracket::kHrtimerSoft:
    case Bracket::kHrtimerHard: return Rule::kTimerExpiry;
    case Bracket::kTasklet: return Rule::kTaskletRun;
    case Bracket::kBhWork: return Rule::kWorkExecution;
  }
  return Rule::kIrqNesting;
}

std::string_view EntryOf(Bracket bracket) {
  switch (bracket) {
    case Bracket::kIrq:
    case Bracket::kIrqBelow: return "irq_handler_entry";
    case Bracket::kSoftirq: return "softirq_entry";
    case Bracket::kTimer: return "timer_expire_entry";
    case Bracket::kHrtimerSoft:
    case Bracket::kHrtimerHard: return "hrtimer_expire_entry";
    case Bracket::kTasklet: return "tasklet_entry";
    case Bracket::kBhWork: return "workqueue_execute_start";
  }
  return "irq_handler_entry";
}

}  // namespace

RuleBreak Conformance::Describe(Rule rule, const Task& task, const View& view, std::string_view what,
                                const Step& step) const {
  RuleBreak broken;
  broken.rule = rule;
  broken.cpu = step.event->cpu;
  broken.ts_ns = step.event->ts_ns;
  broken.pid = task.pid;
  broken.comm = task.comm();
  broken.event = EventText(*step.event);
  broken.text = what;
  broken.before_ns = view.last_ns;
  broken.before_cpu = view.last_cpu;
  if (view.last_ns != 0) {
    broken.before_event =
        std::string(kEventTypeInfo[static_cast<size_t>(view.last_type)].name) + " of pid " + std::to_string(task.pid);
  }
  return broken;
}

RuleVerdict Conformance::UsualVerdict(const View& view, const Event& event) const {
  if (view.last_cpu != event.cpu && event.ts_ns - view.last_ns <= SkewNs()) return RuleVerdict::kArtefact;
  return view.last_ns < missing_end_ns_ ? RuleVerdict::kMissing : RuleVerdict::kViolation;
}

RuleVerdict Conformance::VerdictOn(const Task& task, const View& view, Input input, const Step& step) const {
  const Event& event = *step.event;
  if (const RuleVerdict usual = UsualVerdict(view, event); usual == RuleVerdict::kArtefact) return usual;
  const bool asleep = (view.belief & ~(Only(State::kSleeping) | Only(State::kWaking))) == 0;
  if (input == Input::kIn && asleep && view.last_type == EventType::kSchedSwitch) {
    // Its sleep was cancelled by a signal; or it is the stopper of a CPU that has come online.
    if (task.sleep_letter == 'S' && PrintsStaleSleeps(model_.kernel_version())) return RuleVerdict::kArtefact;
    if (task.kind == ThreadKind::kMigration) return RuleVerdict::kArtefact;
  }
  // try_to_wake_up() of the current task takes no lock, so two wakes of it may overlap.
  const bool twice = input == Input::kWaking && (view.belief & ~Only(State::kRunningWoken)) == 0;
  if (twice && (event.pid == task.pid || view.self)) return RuleVerdict::kArtefact;
  if (view.belief == Only(State::kDead)) {
    const bool forks = Seen(EventType::kSchedProcessFork) && view.last_ns > Since(EventType::kSchedProcessFork);
    if (preemptible_softirqs_) return RuleVerdict::kArtefact;
    if (!IsKernelThread(task.kind) || !forks) return RuleVerdict::kMissing;
  }
  return UsualVerdict(view, event);
}

Conformance::Belief Conformance::Contradicted(const Task& task, const View& view, Input input, const Step& step) {
  const std::string what = std::string(kEventTypeInfo[static_cast<size_t>(step.event->type)].name) + " of a task " +
                           std::string(task_automaton::Phrase(view.belief));
  RuleBreak broken = Describe(task_automaton::Forbidding(view.belief, input), task, view, what, step);
  broken.verdict = VerdictOn(task, view, input, step);
  const bool explained = broken.verdict == RuleVerdict::kArtefact && input == Input::kIn;
  contradictions_ += static_cast<uint64_t>(broken.verdict == RuleVerdict::kViolation);
  Break(std::move(broken), &task);
  if (input == Input::kWakeupNew) return kQuarantined;
  return explained ? kOnCpu : task_automaton::Apply(kQuarantined, input);
}

void Conformance::BreakOnTask(Rule rule, const Task& task, const View& view, std::string_view what, const Step& step) {
  RuleBreak broken = Describe(rule, task, view, what, step);
  broken.verdict = UsualVerdict(view, *step.event);
  Break(std::move(broken), &task);
}

void Conformance::Misplaced(const Task& task, const View& view, int64_t cpu, const Step& step) {
  const std::string what = std::string(kEventTypeInfo[static_cast<size_t>(step.event->type)].name) + " on CPU " +
                           std::to_string(cpu) + " of a task whose run queue is that of CPU " +
                           std::to_string(view.queued_cpu);
  BreakOnTask(Rule::kTaskPlacement, task, view, what, step);
}

// What the rule that is known to be wrong takes for a violation.
void Conformance::Control(const Task& task, const View& view, const Step& step) {
  RuleBreak control = Describe(Rule::kWwnr, task, view, "sched_wakeup of a task that is on a CPU", step);
  control.verdict = RuleVerdict::kViolation;
  on_break_(control);
}

void Conformance::BreakOnCpu(Rule rule, Bracket bracket, uint64_t before_ns, const Event& event,
                             std::string_view what) {
  RuleBreak broken;
  broken.rule = rule;
  broken.cpu = event.cpu;
  broken.ts_ns = event.ts_ns;
  broken.pid = event.pid;
  if (const Task* const task = event.pid == 0 ? nullptr : model_.TaskOf(event.pid)) broken.comm = task->comm();
  broken.event = EventText(event);
  broken.text = std::string(kEventTypeInfo[static_cast<size_t>(event.type)].name) + " " + std::string(what);
  broken.before_ns = before_ns;
  broken.before_cpu = event.cpu;
  if (before_ns != 0) broken.before_event = EntryOf(bracket);
  Break(std::move(broken), nullptr);
}

void Conformance::Break(RuleBreak broken, const Task* task) {
  if (broken.verdict == RuleVerdict::kViolation && held_.size() >= kHeldMax) broken.verdict = RuleVerdict::kVoid;
  if (broken.verdict != RuleVerdict::kViolation) return on_break_(broken);
  Held& held = held_.emplace_back();
  held.until_ns = broken.ts_ns + SkewNs();
  held.task = task == nullptr ? 0 : task->index + 1;
  held.broken = std::move(broken);
}

void Conformance::SwitchInside(Cpu* cpu, const Event& event) {
  constexpr uint8_t kSoft = Bit(Bracket::kSoftirq) | Bit(Bracket::kTimer) | Bit(Bracket::kHrtimerSoft) |
                            Bit(Bracket::kTasklet) | Bit(Bracket::kBhWork);
  uint8_t open = cpu->brackets.open();
  if ((open & kSoft) != 0 && event.InSoftirq() && !preemptible_softirqs_) {
    preemptible_softirqs_ = true;
    RuleBreak learnt;
    learnt.rule = Rule::kSoftirqNesting;
    learnt.verdict = RuleVerdict::kArtefact;
    learnt.cpu = event.cpu;
    learnt.ts_ns = event.ts_ns;
    learnt.pid = event.pid;
    learnt.event = EventText(event);
    learnt.text = "sched_switch inside a softirq, by its own flags: this kernel's softirqs can be preempted";
    on_break_(learnt);
  }
  if (preemptible_softirqs_) open &= static_cast<uint8_t>(~kSoft);
  if (open == 0) return;
  const auto bracket = static_cast<Bracket>(std::countr_zero(open));
  BreakOnCpu(RuleOf(bracket), bracket, cpu->brackets.since_ns(bracket), event,
             "inside what " + std::string(EntryOf(bracket)) + " began");
}

// Another task acts on the CPU than the one that was switched in: a switch between them is missing.
void Conformance::Missing(Cpu* cpu, const Step& step, int32_t actor) {
  const Event& event = *step.event;
  const Task* const task = actor == 0 ? nullptr : model_.TaskOf(actor);
  RuleBreak broken;
  const bool at_switch = event.type == EventType::kSchedSwitch && cpu->current_pid != actor;
  broken.rule = at_switch ? Rule::kSwitchContinuity : Rule::kActingTask;
  const bool dead = task != nullptr && Of(*task).belief == Only(State::kDead);
  broken.verdict = dead ? RuleVerdict::kArtefact : RuleVerdict::kMissing;
  broken.cpu = event.cpu;
  broken.ts_ns = event.ts_ns;
  broken.pid = actor;
  if (task != nullptr) broken.comm = task->comm();
  broken.event = EventText(event);
  const int32_t other = cpu->current_pid != actor ? cpu->current_pid : event.pid;
  broken.text = std::string(kEventTypeInfo[static_cast<size_t>(event.type)].name) + " by pid " + std::to_string(actor) +
                " where pid " + std::to_string(other) + " was on the CPU";
  broken.before_ns = cpu->agreed_ns;
  broken.before_cpu = event.cpu;
  if (cpu->agreed_ns != 0) broken.before_event = "the last event by pid " + std::to_string(other);
  ++missing_;
  missing_end_ns_ = event.ts_ns;
  for (Held& held : held_) {
    if (held.broken.verdict == RuleVerdict::kViolation && held.broken.ts_ns > cpu->agreed_ns) {
      held.broken.verdict = RuleVerdict::kMissing;
    }
  }
  for (const int32_t pid : {cpu->current_pid, actor}) {
    const Task* const concerned = pid == 0 ? nullptr : model_.TaskOf(pid);
    if (concerned != nullptr) Of(*concerned).belief = kQuarantined;
  }
  cpu->current_pid = actor;
  cpu->brackets.ForgetAll();
  on_break_(broken);
}

// An event of a task that is in quarantine, close behind the one that put it there and from another CPU: the clocks may
// have changed their order.
void Conformance::Reordered(const Task& task, const View& view) {
  for (auto held = held_.rbegin(); held != held_.rend(); ++held) {
    if (held->task != task.index + 1) continue;
    if (held->broken.ts_ns == view.last_ns) held->broken.verdict = RuleVerdict::kArtefact;
    return;
  }
}

void Conformance::VoidBefore(uint64_t now_ns) {
  for (Held& held : held_) {
    if (held.broken.ts_ns < now_ns) held.broken.verdict = RuleVerdict::kVoid;
  }
}

bool Conformance::Whole() const {
  return missing_ * kSwitchesAMissing <= switches_ && contradictions_ * kWakesAContradiction <= whole_wakes_;
}

void Conformance::Settle() {
  awaited_cpu_ = UINT32_MAX;
  // A CPU that was not heard of yet may have woken somebody.
  if (cpus_begun_ < model_.cpus_expected()) return;
  while (!held_.empty()) {
    for (uint32_t cpu = 0; cpu < cpus_.size(); ++cpu) {
      if ((cpus_[cpu].begun || cpus_[cpu].named) && cpus_[cpu].agreed_ns <= held_.front().until_ns) {
        awaited_cpu_ = cpu;
        return;
      }
    }
    RuleBreak broken = std::move(held_.front().broken);
    held_.pop_front();
    if (broken.verdict == RuleVerdict::kViolation && !Whole()) broken.verdict = RuleVerdict::kMissing;
    on_break_(broken);
  }
}

void Conformance::Finish() {
  ForEachOpen(on_break_);
  held_.clear();
}

void Conformance::ForEachOpen(const std::function<void(const RuleBreak&)>& visit) const {
  for (const Held& held : held_) {
    RuleBreak broken = held.broken;
    if (broken.verdict == RuleVerdict::kViolation) broken.verdict = RuleVerdict::kVoid;
    visit(broken);
  }
}

Conformance::Checked Conformance::checked() const {
  const Counts& counts = counts_[0];
  const auto of = [&](Input input) { return counts.inputs[static_cast<size_t>(input)]; };
  Checked checked = counts.others;
  const auto add = [&](Rule rule, uint64_t n) { checked[static_cast<size_t>(rule)] += n; };
  add(Rule::kWakingThenWakeup, of(Input::kWaking) + of(Input::kIn));
  add(Rule::kWakeupThenRun, of(Input::kWaking));
  add(Rule::kSleepUntilWoken, of(Input::kIn));
  add(Rule::kWakeupNeedsWaking, of(Input::kWakeup));
  add(Rule::kRunState, of(Input::kIn) + of(Input::kOutRunnable) + of(Input::kOutSleeping) + of(Input::kExit));
  add(Rule::kExitThenDead, of(Input::kOutDead) + of(Input::kExit));
  add(Rule::kForkThenFirstWakeup, of(Input::kWakeupNew));
  add(Rule::kTaskPlacement, of(Input::kMigrate));
  add(Rule::kWwnr, of(Input::kWakeup));
  return checked;
}

}  // namespace wakewatch
