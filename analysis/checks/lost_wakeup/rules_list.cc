#include "analysis/checks/lost_wakeup/completion_rule.h"
#include "analysis/checks/lost_wakeup/exclusive_consumed.h"
#include "analysis/checks/lost_wakeup/kthread_stop.h"
#include "analysis/checks/lost_wakeup/sleeper_rule.h"
#include "analysis/checks/lost_wakeup/softirq_stuck.h"
#include "analysis/checks/lost_wakeup/timer_cancelled.h"
#include "analysis/checks/lost_wakeup/timer_lost.h"
#include "analysis/checks/lost_wakeup/undecided_sleeps.h"
#include "analysis/checks/lost_wakeup/waiting_producer.h"
#include "analysis/checks/lost_wakeup/wake_undelivered.h"

namespace wakewatch {

std::span<const LostWakeupRuleInfo* const> LostWakeupRules() {
  static constexpr std::array kRules = {
      &KthreadStop::kInfo,     &CompletionRule::kInfo,    &SleeperRule::kInfo,  &WaitingProducer::kInfo,
      &UndecidedSleeps::kInfo, &WakeUndelivered::kInfo,   &SoftirqStuck::kInfo, &TimerLost::kInfo,
      &TimerCancelled::kInfo,  &ExclusiveConsumed::kInfo,
  };
  return kRules;
}

}  // namespace wakewatch
