// Why: the report for people. Loss comes first and loud; then which kernel threads wake late, how late (with the n
// behind every quantile), for which work, and why. Every name is made printable: a task chooses its own.
#pragma once

#include <cstddef>
#include <string>

#include "analysis/report/report.h"

namespace wakewatch {

struct TextOptions {
  bool all_threads = false;  // user tasks too
  size_t rows_max = 20;      // of each table; what is left out is counted
  size_t groups_max = 12;    // of findings
};

// The whole report.
std::string ReportText(const Report& report, const TextOptions& options);
// Its threads alone, the highest p99 first.
std::string ThreadsText(const Report& report, const TextOptions& options);
// What was lost, as lines that cannot be overlooked; empty when nothing was.
std::string LossText(const Report& report);

}  // namespace wakewatch
