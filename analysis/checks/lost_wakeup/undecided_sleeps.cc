#include "analysis/checks/lost_wakeup/undecided_sleeps.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

namespace wakewatch {
namespace {

constexpr EventType kEvents[] = {EventType::kSchedWaking,        EventType::kProbeTtwu,
                                 EventType::kProbeWakeUp,        EventType::kProbeComplete,
                                 EventType::kProbeCompleteAll,   EventType::kProbeCompletionWait,
                                 EventType::kProbePrepareToWait, EventType::kProbePrepareExclusive,
                                 EventType::kProbeAddWaitQueue};

}  // namespace

const LostWakeupRuleInfo UndecidedSleeps::kInfo = {kEvents,
                                                   [](const LostWakeupInput& input) -> std::unique_ptr<LostWakeupRule> {
                                                     return std::make_unique<UndecidedSleeps>(input);
                                                   }};

void UndecidedSleeps::OnStep(const Step& step) {
  const Event& event = *step.event;
  if (event.type == EventType::kSchedWaking) {
    if (step.slept_since_ns == 0 || step.task == nullptr || !MayBeVictim(*step.task)) return;
    return OnSleepOver(*step.task, step.slept_since_ns, event.ts_ns);
  }
  seen_[static_cast<size_t>(event.type)] = true;
  const bool completes = event.type == EventType::kProbeComplete || event.type == EventType::kProbeCompleteAll;
  if (completes && event.probe.head == 0) blind_complete_ = true;
  // Somebody may have passed between the two without waiting.
  if (event.type == EventType::kProbeCompleteAll && event.probe.value == UINT32_MAX) ++reused_;
}

void UndecidedSleeps::OnSleepOver(const Task& task, uint64_t slept_since_ns, uint64_t now_ns) {
  Period& period = periods_.Of(task);
  const uint64_t slept_ns = now_ns - slept_since_ns;
  const uint64_t floor_ns = input_.check.options.sleep_threshold_ns;
  // Half of its sleeps may be lost ones: the median is what it usually sleeps.
  const bool long_sleep = slept_ns >= std::max(floor_ns, Learned(period) ? 4 * period.Quantile(0.5) : 0);
  period.Add(slept_ns);
  if (!long_sleep || !input_.check.options.Inside(slept_since_ns) || input_.check.model.Dark(slept_since_ns)) return;
  if (task.sleep_letter == 'D') {
    ++uninterruptible_;
  } else if (task.sleep_letter == 'S' || task.sleep_letter == 'I') {
    ++interruptible_;
  }
}

void UndecidedSleeps::Summarise(Summaries* summaries) const {
  const auto add = [&](LostClass cls, uint64_t sleeps, std::vector<std::pair<bool, std::string_view>> probes) {
    Undecidable undecidable{std::string(Name(cls)), sleeps, {}};
    for (const auto& [seen, probe] : probes) {
      if (!seen) undecidable.needs.emplace_back(probe);
    }
    if (sleeps > 0 && !undecidable.needs.empty()) summaries->undecidable.push_back(std::move(undecidable));
  };
  const bool ttwu = Seen(EventType::kProbeTtwu);
  const bool complete = Seen(EventType::kProbeComplete) && !blind_complete_;
  const bool wait = Seen(EventType::kProbeCompletionWait);
  const bool prepare = Seen(EventType::kProbePrepareToWait) || Seen(EventType::kProbePrepareExclusive);
  const std::pair<bool, std::string_view> on_wait = {wait, "wait_for_completion"};
  add(LostClass::kCheckBeforeSleep, interruptible_ + uninterruptible_, {{ttwu, "try_to_wake_up"}});
  add(LostClass::kStateOverwritten, interruptible_ + uninterruptible_, {{ttwu, "try_to_wake_up"}});
  add(LostClass::kWakeBeforeEnqueue, interruptible_,
      {{Seen(EventType::kProbeWakeUp), "__wake_up"},
       {prepare, "prepare_to_wait"},
       {Seen(EventType::kProbeAddWaitQueue), "add_wait_queue"}});
  add(LostClass::kCompletionInit, uninterruptible_, {{complete, "complete"}, on_wait});
  add(LostClass::kCompletionReinit, uninterruptible_ + reused_, {{complete, "complete"}, on_wait});
  add(LostClass::kWrongMask, uninterruptible_, {{ttwu, "try_to_wake_up"}, {prepare, "prepare_to_wait"}});
  add(LostClass::kExclusiveConsumed, interruptible_,
      {{Seen(EventType::kProbeWakeUp), "__wake_up"},
       {Seen(EventType::kProbePrepareExclusive), "prepare_to_wait_exclusive"}});
  // Its waker calls nothing, so no probe of a call can show it.
  if (interruptible_ > 0) {
    summaries->undecidable.push_back({std::string(Name(LostClass::kWaitqueueActive)), interruptible_, {}});
  }
}

}  // namespace wakewatch
