// Why: wake_up_interruptible() leaves a sleeper in TASK_UNINTERRUPTIBLE alone. Who waits in a state that its waker does
// not name waits for good. Source: kernel/sched/core.c, try_to_wake_up(); include/linux/wait.h.
#pragma once

#include "analysis/checks/lost_wakeup/sleeper.h"

namespace wakewatch {

// The state bits of a sleep that wakers can name: not stopped, traced, parked, frozen, dead, or being woken.
bool IsWaitState(uint32_t state);
// Of a call of CallKind::kWrongMask.
Verdict WrongMaskVerdict(const WakeCall& call);

}  // namespace wakewatch
