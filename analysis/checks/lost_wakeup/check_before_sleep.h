// Why: a thread that checks its condition before it sets its state (or does not check again after it) can be woken in
// between: the wake finds it RUNNING, does nothing, and it sleeps. Source: kernel/sched/core.c, try_to_wake_up(): a
// state outside the mask, 0 among them, is left alone.
#pragma once

#include "analysis/checks/lost_wakeup/sleeper.h"

namespace wakewatch {

// Of a call of CallKind::kNoOp that the thread did not answer before it slept.
Verdict CheckBeforeSleepVerdict(const WakeCall& call);

}  // namespace wakewatch
