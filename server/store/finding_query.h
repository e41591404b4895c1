// Why: findings of a recording by what a reader asks for, out of its part files, without reading the others.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/checks/finding.h"

namespace wakewatch {

struct FindingFilter {
  std::string id;          // empty: any
  std::string check, cls;  // empty: all
  Confidence confidence_min = Confidence::kSuspicious;
  int32_t pid = 0;                               // 0: all
  bool kernel_only = false;                      // leaves those of user tasks out
  uint64_t since_ns = 0, until_ns = UINT64_MAX;  // of the start, both included
  uint64_t limit = 500;
  bool worst_first = false;  // by waited_ns; else the latest start first

  bool Matches(const Finding& finding) const;
  // Whether `a` is to be shown in front of `b`.
  bool Before(const Finding& a, const Finding& b) const;
};

struct FindingPage {
  std::vector<Finding> findings;  // in order, at most `limit`
  uint64_t total = 0;             // that match
};

// A finding that is in several parts counts once.
Result<FindingPage> QueryFindings(const std::vector<std::string>& parts, const FindingFilter& filter);

}  // namespace wakewatch
