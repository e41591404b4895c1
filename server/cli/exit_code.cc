#include "server/cli/exit_code.h"

#include <algorithm>

namespace wakewatch {

ExitCode ExitFor(const Report& report, std::optional<Confidence> fail_on) {
  const bool failed = fail_on && std::any_of(report.findings.begin(), report.findings.end(),
                                             [&](const Finding& finding) { return finding.confidence >= *fail_on; });
  if (failed) return ExitCode::kFindings;
  for (size_t i = 0; i < kAnomalyCount; ++i) {
    if (kAnomalyInfo[i].severity == Severity::kDataLoss && report.anomalies.all()[i] > 0) return ExitCode::kGaps;
  }
  return report.HasGaps() || report.lost_events > 0 || report.lost_unknown ? ExitCode::kGaps : ExitCode::kFine;
}

}  // namespace wakewatch
