// Why: timers, softirqs and worker pools are tasks that the kernel brings along: here a protocol's text gets them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/protocol/language/ast.h"

namespace wakewatch::protocol {

struct Desugared {
  // Those of the text without its companions, then those of its timers, delayed works, softirqs and pools.
  std::vector<TaskDecl> tasks;
  // What the tasks call for the bodies of timers, softirqs, works, interrupts and created kthreads, by the name in the call: functions,
  // so that `return` ends the body and not the task around it. Their own names are those of what they belong to.
  std::map<std::string, InlineDecl> bodies;
};

// Interrupts and timers end with pending softirqs. Error: there is no task, or there are more than kTasksMax of them,
// 32 softirqs or 31 works.
Result<Desugared> Desugar(const ProtocolText& text, const std::string& file);

// The number of a work in its pool's list, from 1; 0: the text has no work of that name.
int64_t NumberOfWork(const ProtocolText& text, const std::string& name);

}  // namespace wakewatch::protocol
