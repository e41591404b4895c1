// Why: what a finished session measured is stored with it as the state of its analysis, so its distributions come back
// in milliseconds, whole. Recordings without such a state (imported, or of another version) are analysed anew.
#pragma once

#include <string>

#include "analysis/base/result.h"
#include "analysis/report/engine.h"
#include "analysis/report/report.h"
#include "server/live/format_sets.h"

namespace wakewatch {

// The summaries of the session in `folder`, without findings.
Result<Report> SummariseStored(const std::string& folder, FormatSets* sets, const EngineOptions& options);

}  // namespace wakewatch
