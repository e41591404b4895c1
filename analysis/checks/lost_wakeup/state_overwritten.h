// Why: a thread that was woken on its CPU is RUNNING; if it sets its state once more (a nested sleep, a second
// set_current_state() without a check after it) that wakeup is gone. Source: kernel/sched/core.c, ttwu_runnable();
// rule T4 of the ordering rules.
#pragma once

#include "analysis/checks/lost_wakeup/sleeper.h"

namespace wakewatch {

// Of a call of CallKind::kWokenRunning that the thread did not answer before it slept.
Verdict StateOverwrittenVerdict(const WakeCall& call);

}  // namespace wakewatch
