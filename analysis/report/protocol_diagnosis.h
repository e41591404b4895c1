// Why: which losses a recording can show at all, and which need probes or the checker, is a table that people look up
// before they record; and of one protocol, the two runs that look the same are the argument.
#pragma once

#include <span>
#include <string>

#include "analysis/protocol/sight/diagnosability.h"

namespace wakewatch {

// One row a protocol: whether a losing run can be told from a healthy one at E0 and at E1.
std::string DiagnosisTableText(std::span<const protocol::Diagnosability> protocols);
// Of one protocol, with the shortest observation that may be either, the runs that show it, and the shortest that
// tells.
std::string DiagnosisText(const protocol::Diagnosability& diagnosis);
// {"schema_version", "model_version", "protocols": [{"protocol", "title", "explains", "memory", "states", "levels":
// [{"level": "E0", "tell", "observations", "losing", "ambiguous", "same", "telling"}]}]}; `same` and `telling` are
// {"observation", "losing", "healthy"} with the runs' steps as in ProtocolJson's counterexample, or null.
std::string DiagnosisJson(std::span<const protocol::Diagnosability> protocols);

}  // namespace wakewatch
