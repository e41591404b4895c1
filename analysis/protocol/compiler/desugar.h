// Why: timers, softirqs and worker pools are tasks that the kernel brings along: here a protocol's text gets them.
#pragma once

#include <string>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/protocol/language/ast.h"

namespace wakewatch::protocol {

// The tasks of the text without its companions, then those of its timers, softirqs and pools; interrupts and timers end
// with pending softirqs. Error: there is none, or there are more than kTasksMax of them or 32 softirqs.
Result<std::vector<TaskDecl>> TasksOf(const ProtocolText& text, const std::string& file);

}  // namespace wakewatch::protocol
