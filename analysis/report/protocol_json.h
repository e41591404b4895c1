// Why: the checker's answers for programs. Schema version 1: keys may be added, none is renamed, removed or given
// another meaning. The text is ASCII, on one line, without a newline.
#pragma once

#include <span>
#include <string>

#include "analysis/protocol/checker.h"
#include "analysis/report/protocol_text.h"

namespace wakewatch {

inline constexpr int kProtocolSchemaVersion = 1;

// {"schema_version", "model_version", "protocol", "title", "memory", "verdict", "property", "loss", "unfinished",
// "states", "transitions", "depth", "memory_bytes", "seconds", "tasks", "assumptions", "store_buffer",
// "omission_probability", "counterexample"}. A step of the counterexample: "task", "step" (the statement),
// "kernel_function", "events" with the texts at "E0" and at "E1" (which holds what E0 shows, too), "silent" (no event
// at either), "line", "column", "accesses", "note", "flush", "cpu" (the task's number). `seconds`: how long the check
// took.
std::string ProtocolJson(const protocol::CheckResult& result, double seconds);
// One step, as an element of "counterexample". `result` names the tasks.
std::string ProtocolStepJson(const protocol::CheckResult& result, const protocol::StepRecord& step);
// {"schema_version", "model_version", "protocols": [{"protocol", "title", "explains", "memory", "verdict", "expected",
// "as_expected", "states", "seconds", "error"}]}; what is not known is null.
std::string ProtocolListJson(std::span<const ProtocolListRow> rows);

}  // namespace wakewatch
