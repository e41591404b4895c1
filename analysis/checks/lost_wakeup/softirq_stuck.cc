#include "analysis/checks/lost_wakeup/softirq_stuck.h"

#include <algorithm>
#include <utility>

#include "analysis/checks/delay_cause.h"

namespace wakewatch {
namespace {

constexpr EventType kEvents[] = {EventType::kSoftirqRaise, EventType::kSoftirqEntry, EventType::kGap};
constexpr LostClass kClass = LostClass::kSoftirqStuck;
constexpr int kTellsBhOff = 518;  // TRACE_FLAG_BH_OFF
constexpr uint64_t kSearchEveryNs = 1'000'000'000, kLookAgainNs = 20'000'000;
constexpr uint8_t kNotTask = kFlagHardirq | kFlagSoftirq | kFlagNmi | kFlagBhOff;

}  // namespace

const LostWakeupRuleInfo SoftirqStuck::kInfo = {kEvents,
                                                [](const LostWakeupInput& input) -> std::unique_ptr<LostWakeupRule> {
                                                  return std::make_unique<SoftirqStuck>(input);
                                                }};

SoftirqStuck::SoftirqStuck(const LostWakeupInput& input)
    : input_(input), tells_bh_off_(input.check.model.kernel_version() >= kTellsBhOff) {}

void SoftirqStuck::OnStep(const Step& step) {
  const Event& event = *step.event;
  if (event.cpu >= cpus_.size()) [[unlikely]]
    cpus_.resize(event.cpu + size_t{1});
  Cpu* const cpu = &cpus_[event.cpu];
  if (event.type == EventType::kGap) return OnGap(cpu);
  if (event.softirq.vec >= kSoftirqVectors) return;
  if (event.type == EventType::kSoftirqRaise) return OnRaise(step, cpu);
  OnEntry(step, cpu);
}

void SoftirqStuck::OnRaise(const Step& step, Cpu* cpu) {
  const Event& event = *step.event;
  Raise& raise = cpu->raises[event.softirq.vec];
  if (raise.ns != 0) return;
  input_.ledger.Open(kClass);
  raise.ns = event.ts_ns;
  raise.pid = ContextOf(event) == WakeContext::kTask ? event.pid : -1;
  raise.from_task = tells_bh_off_ && (event.flags & kNotTask) == 0;
  raise.events_known = entry_ns_ != 0 && input_.check.model.has_waking();
  if (cpu->has_deadline) return;
  cpu->has_deadline = true;
  input_.deadlines.Add({event.ts_ns + input_.check.options.sleep_threshold_ns, input_.number, event.cpu});
}

void SoftirqStuck::OnEntry(const Step& step, Cpu* cpu) {
  const Event& event = *step.event;
  const CpuState& state = *step.cpu;
  // At an interrupt's exit, but not of one that came when softirqs were about to run already: the idle loop runs those
  // that its function calls raised by itself.
  const bool at_exit = (state.flags_before & (kFlagHardirq | kFlagSoftirq)) == kFlagHardirq;
  entry_ns_ = event.ts_ns;
  if (at_exit && state.Idle()) exit_serves_ = true;
  const Raise raise = std::exchange(cpu->raises[event.softirq.vec], Raise{});
  if (raise.ns == 0) return;
  if (raise.told_sleep_ns != 0) return Tell(state, raise, event.softirq.vec, event.ts_ns, true, cpu);
  switch (Judge(state, raise, at_exit, event.pid, event.ts_ns, cpu)) {
    case End::kInOrder:
      return input_.ledger.End(kClass, event.ts_ns - raise.ns <= input_.check.model.tick_period_ns()
                                           ? Outcome::kDischarged
                                           : Outcome::kLate);
    case End::kVoid: return input_.ledger.End(kClass, Outcome::kVoid);
    case End::kNotKnown: return input_.ledger.End(kClass, Outcome::kUnlearned);
    case End::kBroken: break;
  }
  input_.ledger.End(kClass, Outcome::kExpired);
  Tell(state, raise, event.softirq.vec, event.ts_ns, true, cpu);
}

// All that the rule rests on is seen on this CPU alone.
void SoftirqStuck::OnGap(Cpu* cpu) {
  for (Raise& raise : cpu->raises) {
    if (raise.ns != 0 && raise.told_sleep_ns == 0) input_.ledger.End(kClass, Outcome::kVoid);
    raise = Raise{};
  }
}

// `at_exit`: it is served now, at an interrupt's exit. `served_pid`: who was on the CPU when it was served; -1: it was
// not.
SoftirqStuck::End SoftirqStuck::Judge(const CpuState& state, const Raise& raise, bool at_exit, int32_t served_pid,
                                      uint64_t now_ns, Cpu* cpu) {
  const bool switched = state.runs.newest_ns() > raise.ns;
  if (!switched && !(at_exit && raise.from_task)) return End::kInOrder;
  const Task* const ksoftirqd = Ksoftirqd(state.cpu, now_ns, cpu);
  if (ksoftirqd == nullptr || !raise.events_known || !exit_serves_) return End::kNotKnown;
  // A switch that went unrecorded: somebody else is on the CPU than is believed, perhaps ksoftirqd.
  if (served_pid >= 0 && served_pid != state.current_pid) return End::kNotKnown;
  const bool asleep = ksoftirqd->state == TaskState::kSleeping && ksoftirqd->sleep_letter == 'S';
  if (!asleep || ksoftirqd->sleep_ns == 0 || ksoftirqd->sleep_ns > raise.ns) return End::kInOrder;
  if (state.hotplug || input_.check.model.Dark(raise.ns, *ksoftirqd)) return End::kVoid;
  return End::kBroken;
}

const Task* SoftirqStuck::Ksoftirqd(uint32_t number, uint64_t now_ns, Cpu* cpu) const {
  const TaskTable& tasks = input_.check.model.tasks();
  const auto is_it = [number](const Task& task) {
    return task.kind == ThreadKind::kKsoftirqd && task.only_cpu == static_cast<int32_t>(number);
  };
  const Task* const known = tasks.At(cpu->ksoftirqd);
  if (known != nullptr && is_it(*known)) return known;
  if (cpu->searched_ns != 0 && now_ns - cpu->searched_ns < kSearchEveryNs) return nullptr;
  const Task* found = nullptr;
  tasks.ForEach([&](const Task& task) {
    if (is_it(task)) found = &task;
  });
  cpu->searched_ns = found == nullptr ? now_ns : 0;
  if (found != nullptr) cpu->ksoftirqd = found->index;
  return found;
}

void SoftirqStuck::OnDeadline(const Deadline& deadline) {
  const auto number = static_cast<uint32_t>(deadline.key);
  if (number >= cpus_.size()) return;
  Cpu& cpu = cpus_[number];
  cpu.has_deadline = false;
  const CpuState& state = input_.check.model.cpu(number);
  uint64_t next_ns = UINT64_MAX;
  for (uint32_t vec = 0; vec < kSoftirqVectors; ++vec) {
    Raise& raise = cpu.raises[vec];
    if (raise.ns == 0 || raise.told_sleep_ns != 0) continue;
    const uint64_t due_ns = raise.ns + input_.check.options.sleep_threshold_ns;
    if (due_ns > deadline.ns) {
      next_ns = std::min(next_ns, due_ns);
    } else if (raise.overdue_ns == 0 || entry_ns_ <= raise.overdue_ns) {
      // Told only once an entry elsewhere shows that entries are still recorded.
      if (raise.overdue_ns == 0) raise.overdue_ns = deadline.ns;
      next_ns = std::min(next_ns, deadline.ns + kLookAgainNs);
    } else if (Judge(state, raise, false, -1, deadline.ns, &cpu) == End::kBroken) {
      input_.ledger.End(kClass, Outcome::kExpired);
      Tell(state, raise, vec, deadline.ns, false, &cpu);  // and once more, with the same id, when it is served
      raise.told_sleep_ns = input_.check.model.tasks().At(cpu.ksoftirqd)->sleep_ns;
    }
  }
  if (next_ns == UINT64_MAX) return;
  cpu.has_deadline = true;
  input_.deadlines.Add({next_ns, input_.number, number});
}

void SoftirqStuck::Tell(const CpuState& state, const Raise& raise, uint32_t vec, uint64_t now_ns, bool served,
                        Cpu* cpu) {
  const Task* const ksoftirqd = Ksoftirqd(state.cpu, now_ns, cpu);
  if (ksoftirqd == nullptr) return;
  const uint64_t sleep_ns = raise.told_sleep_ns != 0 ? raise.told_sleep_ns : ksoftirqd->sleep_ns;
  const std::string name(SoftirqName(vec)), text = "vec=" + std::to_string(vec) + " [action=" + name + "]";
  const uint64_t switch_ns = state.runs.newest_ns();
  Verdict verdict;
  verdict.cls = kClass;
  verdict.confidence = Confidence::kProven;
  verdict.waker_pid = raise.pid;
  if (const Task* const waker = input_.check.model.TaskOf(raise.pid)) verdict.waker_comm = waker->comm();
  verdict.evidence = {{state.cpu, raise.ns, "softirq_raise " + text}};
  if (switch_ns > raise.ns) {
    verdict.evidence.push_back({state.cpu, switch_ns, "sched_switch with " + name + " pending"});
  }
  if (served) verdict.evidence.push_back({state.cpu, now_ns, "softirq_entry " + text});
  verdict.explanation = WakerText(verdict) + " raised softirq " + name + " on CPU " + std::to_string(state.cpu) +
                        " and ksoftirqd was not woken: it stayed pending for " + MillisText(now_ns - raise.ns) +
                        (served ? ", until something else on that CPU ran it" : " and still is");
  verdict.rule =
      "A softirq that is raised outside of interrupts and bottom-half sections wakes ksoftirqd at once, and no "
      "CPU switches tasks while one is pending and ksoftirqd sleeps.";
  input_.verdicts.AccuseWithin(*ksoftirqd, {sleep_ns, now_ns, ksoftirqd->cpu, 'S'}, raise.ns, !served,
                               std::move(verdict));
}

}  // namespace wakewatch
