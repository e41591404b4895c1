// Why: scripts and CI act on the exit code, so it is part of the interface and named in one place.
#pragma once

#include <optional>

#include "analysis/checks/finding.h"
#include "analysis/report/report.h"

namespace wakewatch {

enum class ExitCode : int {
  kFine = 0,
  kError = 1,
  kUsage = 2,
  kGaps = 3,  // done, but the data has gaps
  // At least one finding at or above --fail-on; wins over kGaps. Of a protocol: it can lose a wakeup.
  kFindings = 4,
  kInterrupted = 130,
};

// The code for a finished report: kFindings, kGaps or kFine. Input that ended early counts as a gap.
ExitCode ExitFor(const Report& report, std::optional<Confidence> fail_on);
// The same, where what matters of the report is known already; see analysis/report/report_view.h.
ExitCode ExitFor(bool incomplete, std::optional<Confidence> best, std::optional<Confidence> fail_on);

}  // namespace wakewatch
