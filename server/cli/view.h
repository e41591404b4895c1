// Why: report, latency and findings differ in what they show of an analysis, and in nothing else: here it is made, by
// this process or by a server, and written to standard output.
#pragma once

#include <optional>

#include "analysis/report/report_view.h"
#include "server/cli/analysis_options.h"
#include "server/cli/exit_code.h"

namespace wakewatch {

ExitCode ShowView(const AnalysisOptions& analysis, ViewOptions view, std::optional<Confidence> fail_on);

}  // namespace wakewatch
