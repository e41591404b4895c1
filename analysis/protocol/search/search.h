// Why: looks at every state that a program can reach, breadth first, so that the first loss has the fewest steps. What
// it finds, and in how many states, does not depend on the threads it is lent.
#pragma once

#include "analysis/base/result.h"
#include "analysis/protocol/checker.h"
#include "analysis/protocol/program.h"

namespace wakewatch::protocol {

// Errors, all kInvalidArgument: a value beyond its bound and a step that never ends (the cause says how to get there),
// a program that never comes to rest. kInternal where the program contradicts itself. Reductions change the number of
// states only: not the verdict, nor the property, nor how long the counterexample is.
Result<CheckResult> Search(const Program& program, const CheckOptions& options, const CheckHost& host);

}  // namespace wakewatch::protocol
