// Why: the report for spreadsheets and data frames. One table in long form, one measure a row, so that one header fits
// threads, work functions, softirq vectors, tasklets and obligations alike. Times are nanoseconds of the trace clock.
#pragma once

#include <string>
#include <vector>

#include "analysis/report/finding_groups.h"
#include "analysis/report/report.h"

namespace wakewatch {

// Columns: subject, pid, name, kind, measure, n, p50_ns, p90_ns, p99_ns, max_ns. Counts (lost events, gaps, events,
// voided waits) are rows with n alone; they come first, so that loss cannot be overlooked.
std::string ReportCsv(const Report& report, bool all_threads);

// Columns: id, group_id, check, class, confidence, pid, comm, cpu, start_ns, end_ns, waited_ns, waker_pid, waker_comm,
// explanation, rule, assumption, would_raise, open (0 or 1). What is not known is empty.
std::string FindingsCsv(const Report& report);

// Columns: group_id, check, class, confidence (the best), pid, comm, waker_pid, waker_comm, count, open, first_ns,
// last_ns (of the starts), worst_ns, worst_id.
std::string FindingGroupsCsv(const std::vector<FindingGroup>& groups);

}  // namespace wakewatch
