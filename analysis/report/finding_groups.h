// Why: findings are one an occurrence; people want to read what keeps happening once, with its count. Grouping is this
// view and nothing more: ids, JSON and CSV stay one an occurrence.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "analysis/report/report.h"

namespace wakewatch {

struct FindingGroup {
  const Finding* worst = nullptr;  // the longest wait; borrowed from the report
  uint64_t count = 0;
  uint64_t open = 0;                                // of these, those that had not ended
  uint64_t first_ns = 0, last_ns = 0;               // the earliest and the latest start
  Confidence confidence = Confidence::kSuspicious;  // the best
};

struct FindingGroups {
  std::vector<FindingGroup> groups;  // the longest wait first; a tie goes to the earlier one
  uint64_t findings = 0;             // in these groups
  uint64_t user_findings = 0;        // left out because the sufferer is a user task
};

// With `kernel_only`, findings of user tasks are counted, not grouped.
// With `wanted`, others are passed over.
FindingGroups GroupFindings(const Report& report, bool kernel_only,
                            const std::function<bool(const Finding&)>& wanted = {});

// The surest first, then the longest wait.
void SortBySurety(std::vector<FindingGroup>* groups);

}  // namespace wakewatch
