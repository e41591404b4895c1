// Why: init_completion() on a completion that somebody waits for empties its list: complete() then finds nobody, and
// the waiter sleeps for good. Source: kernel/sched/completion.c, kernel/sched/swait.c.
#pragma once

#include "analysis/checks/lost_wakeup/completion_wait.h"

namespace wakewatch {

Verdict CompletionInitVerdict(const CompletionWait& wait);

}  // namespace wakewatch
