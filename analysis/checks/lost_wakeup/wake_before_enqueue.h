// Why: a thread that checks its condition before it stands in the wait queue can miss the wake of that queue:
// __wake_up() finds nobody, the thread enqueues itself, and sleeps. Source: kernel/sched/wait.c, __wake_up_common().
#pragma once

#include "analysis/checks/lost_wakeup/sleeper.h"

namespace wakewatch {

// Of a call of CallKind::kEmptyQueue that the thread did not answer before it slept.
Verdict WakeBeforeEnqueueVerdict(const WakeCall& call);

}  // namespace wakewatch
