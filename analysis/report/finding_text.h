// Why: findings for people. Lost wakeups stand in front, because what is suspected, by which rule and on what
// assumption takes more words than a measured delay; then the others, then what the events could not decide.
#pragma once

#include <string>

#include "analysis/report/report.h"
#include "analysis/report/report_text.h"

namespace wakewatch {

// Findings alone, grouped by group_id: lost wakeups, the surest first; then the others, the longest wait first.
std::string FindingsText(const Report& report, const TextOptions& options);
// The same as a table, one row a group.
std::string FindingGroupsText(const Report& report, const TextOptions& options);
// Sleeps that may have lost a wakeup, and the probes that would decide it; empty when there are none.
std::string UndecidableText(const Report& report);
// How obligations ended, one row a class; empty when there were none.
std::string ObligationsText(const Report& report);

}  // namespace wakewatch
