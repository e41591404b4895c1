#include "analysis/checks/lost_wakeup/timer_lost.h"

#include <utility>

#include "analysis/checks/delay_cause.h"
#include "analysis/checks/lost_wakeup/call_text.h"

namespace wakewatch {
namespace {

constexpr EventType kEvents[] = {EventType::kTimerStart,   EventType::kTimerExpireEntry,   EventType::kTimerCancel,
                                 EventType::kHrtimerStart, EventType::kHrtimerExpireEntry, EventType::kHrtimerCancel,
                                 EventType::kSchedSwitch,  EventType::kSchedWaking,        EventType::kGap};
constexpr LostClass kClass = LostClass::kTimerLost;

}  // namespace

const LostWakeupRuleInfo TimerLost::kInfo = {
    kEvents,
    [](const LostWakeupInput& input) -> std::unique_ptr<LostWakeupRule> { return std::make_unique<TimerLost>(input); }};

void TimerLost::OnStep(const Step& step) {
  const Event& event = *step.event;
  switch (event.type) {
    case EventType::kTimerStart: return OnTimerStart(step);
    case EventType::kTimerExpireEntry: return OnTimerExpire(event);
    case EventType::kHrtimerStart: return OnHrtimerStart(step);
    case EventType::kHrtimerExpireEntry: return OnHrtimerExpire(step);
    case EventType::kSchedSwitch: return OnSwitch(step);
    case EventType::kSchedWaking:
      if (step.task != nullptr) OnBack(*step.task);
      return;
    case EventType::kTimerCancel: return OnTimerCancel(event);
    case EventType::kHrtimerCancel: return OnGone(event.timer.timer);  // expiring begins with it, too
    default:                                                           // what was armed in a gap is not known
      armed_.assign(kArmedKept, Armed{});
      expiring_.clear();
  }
}

BaseSleepers& TimerLost::BaseOf(bool hrtimer, uint32_t base) {
  if (hrtimer) {
    if (base >= hrtimers_.size()) [[unlikely]]
      hrtimers_.resize(base + size_t{1});
    return hrtimers_[base].sleepers;
  }
  if (base >= wheel_.size()) [[unlikely]]
    wheel_.resize(base + size_t{1});
  return wheel_[base];
}

const Task* TimerLost::OwnerOf(const Step& step) {
  const Event& event = *step.event;
  const Task* const task = step.cpu->current;
  const bool own = task != nullptr && task->pid == event.pid && IsKernelThread(task->kind) &&
                   ContextOf(event) == WakeContext::kTask && timers_.IsTimeout(event.timer.function);
  return own ? task : nullptr;
}

void TimerLost::OnTimerStart(const Step& step) {
  const Event& event = *step.event;
  const uint64_t timer = event.timer.timer;
  OnGone(timer);
  const auto place = fields_.PlaceOf(event, input_.check.formats);
  Armed& armed = Place(timer);
  if (place) {
    armed = {timer, place->due, place->base};
  } else if (armed.timer == timer) {
    armed = Armed{};
  }
  const Task* const owner = OwnerOf(step);
  if (owner == nullptr) return;
  if (!place || place->deferrable) {
    input_.ledger.Open(kClass);
    return input_.ledger.End(kClass, Outcome::kUnlearned);
  }
  Sleeper sleeper;
  sleeper.timer = timer;
  sleeper.start_ns = event.ts_ns;
  sleeper.expires = event.timer.expires;
  sleeper.cpu = event.cpu;
  sleeper.base = place->base;
  Arm(*owner, sleeper, place->due);
}

void TimerLost::OnHrtimerStart(const Step& step) {
  const Event& event = *step.event;
  const Task* const owner = OwnerOf(step);
  if (owner == nullptr) return OnGone(event.timer.timer);
  OnGone(event.timer.timer);
  if (fields_.IsSoftHrtimer(event, input_.check.formats)) {
    input_.ledger.Open(kClass);
    return input_.ledger.End(kClass, Outcome::kUnlearned);
  }
  Sleeper sleeper;
  sleeper.timer = event.timer.timer;
  sleeper.start_ns = event.ts_ns;
  sleeper.expires = event.timer.expires;
  sleeper.cpu = sleeper.base = event.cpu;
  sleeper.hrtimer = true;
  Arm(*owner, sleeper, sleeper.expires);
}

void TimerLost::Arm(const Task& task, const Sleeper& armed, uint64_t due) {
  Sleeper& sleeper = sleepers_.Of(task);
  if (sleeper.timer != 0) End(task.index, &sleeper, Outcome::kVoid);  // how that one ended was not seen
  input_.ledger.Open(kClass);
  sleeper = armed;
  of_timer_[sleeper.timer] = task.index;
  BaseOf(sleeper.hrtimer, sleeper.base).Add({due, task.index});
}

// Expiring begins with it, on the CPU that then runs the timer. Else the timer is armed no longer: when it expires
// after all, its new start was not recorded, and when it was due is not known.
void TimerLost::OnTimerCancel(const Event& event) {
  const uint64_t timer = event.timer.timer;
  OnGone(timer);
  if (event.cpu >= expiring_.size()) expiring_.resize(event.cpu + size_t{1});
  Armed& place = Place(timer);
  expiring_[event.cpu] = place.timer == timer ? std::exchange(place, Armed{}) : Armed{};
}

void TimerLost::OnTimerExpire(const Event& event) {
  const uint64_t timer = event.timer.timer;
  OnGone(timer);
  if (event.cpu >= expiring_.size() || expiring_[event.cpu].timer != timer) return;
  const Armed armed = std::exchange(expiring_[event.cpu], Armed{});
  BaseSleepers& base = BaseOf(false, armed.base);
  if (base.first_due() >= armed.due || armed.due - base.first_due() < kMarginJiffies) return;
  base.TakeDue(armed.due - kMarginJiffies, [&](uint32_t index) { Pass(event, index); });
}

// The tick is an hrtimer of its CPU. In the interrupt that runs a late tick others may still be behind it; all that
// were due when the tick before it ran have expired.
void TimerLost::OnHrtimerExpire(const Step& step) {
  const Event& event = *step.event;
  if (step.cpu->last_tick_ns != event.ts_ns) return OnGone(event.timer.timer);
  if (event.cpu >= hrtimers_.size()) return;
  HrtimerBase& base = hrtimers_[event.cpu];
  const uint64_t before = std::exchange(base.tick_now, event.timer.now);
  const uint64_t margin_ns = kMarginJiffies * input_.check.model.tick_period_ns();
  if (before < margin_ns || base.sleepers.first_due() > before - margin_ns) return;
  base.sleepers.TakeDue(before - margin_ns, [&](uint32_t index) { Pass(event, index); });
}

void TimerLost::Pass(const Event& event, uint32_t index) {
  Sleeper* const sleeper = sleepers_.Find(index);
  if (sleeper == nullptr || sleeper->timer == 0) return;
  sleeper->passed_ns = event.ts_ns;
  sleeper->passed_timer = event.timer.timer;
  sleeper->passed_cpu = event.cpu;
  input_.deadlines.Add({event.ts_ns + input_.check.options.sleep_threshold_ns, input_.number, index});
}

void TimerLost::OnGone(uint64_t timer) {
  const auto found = of_timer_.find(timer);
  if (found == of_timer_.end()) return;
  Sleeper* const sleeper = sleepers_.Find(found->second);
  if (sleeper == nullptr || sleeper->timer != timer) return;
  const bool dark = input_.check.model.Dark(sleeper->start_ns);
  End(found->second, sleeper,
      dark ? Outcome::kVoid : (sleeper->passed_ns == 0 ? Outcome::kDischarged : Outcome::kLate));
}

void TimerLost::OnSwitch(const Step& step) {
  if (step.prev != nullptr && step.prev->state == TaskState::kSleeping) {
    if (Sleeper* const sleeper = sleepers_.Find(step.prev->index)) sleeper->slept = true;
  }
  if (step.next == nullptr) return;
  const Sleeper* const sleeper = sleepers_.Find(step.next->index);
  if (sleeper != nullptr && sleeper->slept) OnBack(*step.next);
}

// schedule_timeout() and its like delete their timer as soon as the thread is back, whoever woke it: what it sleeps for
// after that is none of this time-out's, whether the timer's end was recorded or not.
void TimerLost::OnBack(const Task& task) {
  const Sleeper* const sleeper = sleepers_.Find(task.index);
  if (sleeper != nullptr && sleeper->timer != 0) OnGone(sleeper->timer);
}

void TimerLost::End(uint32_t index, Sleeper* sleeper, Outcome outcome) {
  input_.ledger.End(kClass, outcome);
  if (sleeper->passed_ns == 0) BaseOf(sleeper->hrtimer, sleeper->base).Remove(index);
  of_timer_.erase(sleeper->timer);
  *sleeper = Sleeper{};
}

void TimerLost::OnDeadline(const Deadline& deadline) {
  const auto index = static_cast<uint32_t>(deadline.key);
  Sleeper* const sleeper = sleepers_.Find(index);
  if (sleeper == nullptr || sleeper->timer == 0 || sleeper->passed_ns == 0) return;
  if (sleeper->passed_ns + input_.check.options.sleep_threshold_ns > deadline.ns) return;  // of an earlier timer
  const SchedModel& model = input_.check.model;
  const Task* const task = model.tasks().At(index);
  const bool sleeps = task != nullptr && task->state == TaskState::kSleeping && task->sleep_ns >= sleeper->start_ns;
  const uint32_t cpu = sleeper->hrtimer ? sleeper->base : CpuOfBase(sleeper->base);
  if (!sleeps || model.Dark(sleeper->start_ns) || model.cpu(cpu).hotplug) {
    return End(index, sleeper, Outcome::kVoid);
  }
  Accuse(*task, *sleeper, deadline.ns);
  End(index, sleeper, Outcome::kExpired);
}

void TimerLost::Accuse(const Task& victim, const Sleeper& sleeper, uint64_t now_ns) {
  const std::string kind = sleeper.hrtimer ? "hrtimer" : "timer";
  Verdict verdict;
  verdict.cls = kClass;
  verdict.confidence = Confidence::kStrong;
  verdict.evidence = {{sleeper.cpu, sleeper.start_ns,
                       kind + "_start " + kind + "=" + HexText(sleeper.timer) +
                           " function=" + (sleeper.hrtimer ? "hrtimer_wakeup" : "process_timeout") +
                           " expires=" + std::to_string(sleeper.expires)},
                      {sleeper.passed_cpu, sleeper.passed_ns,
                       kind + "_expire_entry " + kind + "=" + HexText(sleeper.passed_timer) +
                           (sleeper.hrtimer ? " (tick), the second since it was due" : ", due later")}};
  verdict.explanation = std::string("its own time-out was due and did not expire, though ") +
                        (sleeper.hrtimer ? "its CPU ticked on" : "a timer of the same base that was due later did") +
                        ", " + MillisText(now_ns - sleeper.passed_ns) + " ago";
  verdict.rule = sleeper.hrtimer ? "The hrtimers of a CPU expire in the order of their expiry times."
                                 : "The timers of a base expire in the order of their buckets.";
  verdict.assumption = sleeper.hrtimer ? "The timer stood on the CPU on which it was armed."
                                       : "Nothing moved the timer without an event.";
  input_.verdicts.Accuse(victim, now_ns, std::move(verdict));
}

void TimerLost::Forget(const Task& task) {
  Sleeper* const sleeper = sleepers_.Find(task.index);
  if (sleeper != nullptr && sleeper->timer != 0) End(task.index, sleeper, Outcome::kVoid);
  sleepers_.Forget(task);
}

void TimerLost::Load(ArchiveReader& archive) {
  Fields(*this, archive);
  if (armed_.size() != kArmedKept) archive.Spoil();
  for (const std::vector<Armed>* const timers : {&armed_, &expiring_}) {
    for (const Armed& armed : *timers) {
      if (armed.base >= kBasesMax) archive.Spoil();
    }
  }
  sleepers_.ForEach([&](const Sleeper& sleeper) {
    if (sleeper.base >= (sleeper.hrtimer ? size_t{UINT16_MAX} + 1 : size_t{kBasesMax})) archive.Spoil();
  });
}

}  // namespace wakewatch
