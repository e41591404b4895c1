// Why: findings are one an occurrence; people want to read what keeps happening once, with its count. Grouping is this
// view and nothing more: ids, JSON and CSV stay one an occurrence.
#pragma once

#include <cstdint>
#include <vector>

#include "analysis/report/report.h"

namespace wakewatch {

struct FindingGroup {
  const Finding* worst = nullptr;  // the longest wait; borrowed from the report
  uint64_t count = 0;
};

struct FindingGroups {
  std::vector<FindingGroup> groups;  // the longest wait first; a tie goes to the earlier one
  uint64_t findings = 0;             // in these groups
  uint64_t user_findings = 0;        // left out because the sufferer is a user task
};

// With `kernel_only`, findings of user tasks are counted, not grouped.
FindingGroups GroupFindings(const Report& report, bool kernel_only);

}  // namespace wakewatch
