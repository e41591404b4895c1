// Why: `--task`, `--cpu`, `--check` and their like narrow what is shown, not what is analysed: a wait is explained by
// what other tasks and CPUs did, so the analysis always sees everything.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/checks/measured_wait.h"
#include "analysis/report/report.h"

namespace wakewatch {

struct ReportFilter {
  std::vector<uint32_t> cpus;        // findings that ended there, and these CPUs' rows; empty: all
  std::vector<std::string> tasks;    // pids, or names (whole, or with * at the end); empty: all
  std::vector<std::string> checks;   // names of checks; empty: all
  std::vector<std::string> classes;  // of findings; empty: all
  Confidence confidence_min = Confidence::kSuspicious;
};

// Removes what the filter leaves out. Loss and gaps stay whatever the filter says.
void Apply(const ReportFilter& filter, Report* report);

// Whether the filter's tasks and CPUs leave this wakeup in.
bool Shows(const ReportFilter& filter, const MeasuredWait& wait);

// True when `task` is this pid in digits, this name, or a prefix of it followed by '*'.
bool TaskMatches(const std::string& task, int32_t pid, std::string_view comm);

}  // namespace wakewatch
