#include "analysis/checks/checks_list.h"

#include <array>

#include "analysis/checks/hung_task.h"
#include "analysis/checks/ksoftirqd_starved.h"
#include "analysis/checks/kthread_lifecycle.h"
#include "analysis/checks/kthread_work_delay.h"
#include "analysis/checks/lost_wakeup/lost_wakeup.h"
#include "analysis/checks/model_violation.h"
#include "analysis/checks/premature_completion.h"
#include "analysis/checks/priority_inversion.h"
#include "analysis/checks/softirq_delay.h"
#include "analysis/checks/spurious_wakeup.h"
#include "analysis/checks/starvation.h"
#include "analysis/checks/tasklet_delay.h"
#include "analysis/checks/wakeup_latency.h"
#include "analysis/checks/work_conservation.h"
#include "analysis/checks/work_delay.h"

namespace wakewatch {

std::span<const CheckInfo> Checks() {
  static const std::array kChecks = {
      WakeupLatency::kInfo,    WorkDelay::kInfo,        KthreadWorkDelay::kInfo,    SoftirqDelay::kInfo,
      TaskletDelay::kInfo,     KsoftirqdStarved::kInfo, Starvation::kInfo,          HungTask::kInfo,
      SpuriousWakeup::kInfo,   WorkConservation::kInfo, PriorityInversion::kInfo,   ModelViolation::kInfo,
      KthreadLifecycle::kInfo, LostWakeup::kInfo,       PrematureCompletion::kInfo,
  };
  return kChecks;
}

}  // namespace wakewatch
