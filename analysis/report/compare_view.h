// Why: a comparison for people, programs and spreadsheets. The same bytes whether this process compared or a server
// did.
#pragma once

#include <cstddef>
#include <string>

#include "analysis/report/compare.h"

namespace wakewatch {

// Loss first, then the tables, one line a quantity that was measured on either side and is not 0 throughout;
// `rows_max` of each, 0: all.
std::string ComparisonText(const Comparison& comparison, size_t rows_max);
// One object. Schema version 1: keys may be added, none is renamed, removed or given another meaning. Durations are
// nanoseconds; what is not known is null.
std::string ComparisonJson(const Comparison& comparison);
// Columns: subject, name, kind, measure, n_before, n_after, p50_before_ns, p50_after_ns, p90_before_ns, p90_after_ns,
// p99_before_ns, p99_after_ns, max_before_ns, max_after_ns, longer, p, p_adjusted, change. Counts of the two sides come
// first, with n alone.
std::string ComparisonCsv(const Comparison& comparison);

}  // namespace wakewatch
