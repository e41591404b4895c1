// Why: complete() with nobody waiting leaves `done` for the next waiter; reinit_completion() after it takes that away,
// and the waiter that comes then sleeps. It may be legal, when what was completed was given up before: so only a wait
// that lasts longer than waits on this completion usually do is told. Source: kernel/sched/completion.c.
#pragma once

#include "analysis/checks/lost_wakeup/completion_wait.h"

namespace wakewatch {

Verdict CompletionReinitVerdict(const CompletionWait& wait);

}  // namespace wakewatch
