// Why: a run of several tasks is understood when it is seen as an interleaving: one column a task, one row a step, and
// beside each step what a recording would have seen of it, which is often nothing.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "analysis/protocol/checker.h"

namespace wakewatch {

// Columns that a terminal is taken to have.
inline constexpr size_t kDiagramColumns = 120;
// Tasks that have a column of their own; with more of them one column says whose step it is.
inline constexpr size_t kDiagramTasksMax = 3;

// The counterexample as a table of at most kDiagramColumns columns; empty where there is none. Tasks that take no step
// in it have no column.
std::string ProtocolDiagram(const protocol::CheckResult& result);

// Where a step stands and what it is: "7: set_current_state(TASK_INTERRUPTIBLE)"; of a flush "a store of waker reaches
// memory".
std::string StepText(const protocol::CheckResult& result, const protocol::StepRecord& step);

// Breaks printable `text` into lines of at most `width` characters, at spaces where there are any.
std::vector<std::string> WrappedLines(const std::string& text, size_t width);

}  // namespace wakewatch
