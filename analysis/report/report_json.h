// Why: the answer that programs rely on. Schema version 1: keys may be added, none is renamed, removed or given another
// meaning. Times and durations are nanoseconds of the trace clock; what is not known is null. The text is ASCII:
// anything else is written as \u escapes, and bytes that are not UTF-8 become U+FFFD.
#pragma once

#include <string>

#include "analysis/checks/finding.h"
#include "analysis/checks/measured_wait.h"
#include "analysis/checks/summary.h"
#include "analysis/report/finding_groups.h"
#include "analysis/report/report.h"

namespace wakewatch {

inline constexpr int kReportSchemaVersion = 1;

// The whole report as one JSON object. `threads` holds kernel threads, and user tasks too with `all_threads`.
std::string ReportJson(const Report& report, bool all_threads);
// The same values, one object a line, told apart by "record": "trace", "cpu", "thread", "work", "softirq", "tasklet",
// "kthread", "helper", "lifecycle", "undecidable", "obligation", "rule", "finding", "anomaly".
std::string ReportNdjson(const Report& report, bool all_threads);

// One object each, on one line, without a newline.
std::string FindingJson(const Finding& finding);
std::string GroupJson(const FindingGroup& group);
std::string ThreadJson(const ThreadSummary& thread);
std::string WakeupJson(const MeasuredWait& wait);

}  // namespace wakewatch
