#include "server/cli/exit_code.h"

#include "analysis/report/report_view.h"

namespace wakewatch {

ExitCode ExitFor(const Report& report, std::optional<Confidence> fail_on) {
  return ExitFor(Incomplete(report), BestConfidence(report), fail_on);
}

ExitCode ExitFor(bool incomplete, std::optional<Confidence> best, std::optional<Confidence> fail_on) {
  if (fail_on && best && *best >= *fail_on) return ExitCode::kFindings;
  return incomplete ? ExitCode::kGaps : ExitCode::kFine;
}

}  // namespace wakewatch
