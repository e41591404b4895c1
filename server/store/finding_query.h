// Why: findings of a recording by what a reader asks for, out of its part files, without reading the others. One that
// is open where a part ends has gone on into the next, and is asked for there.
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/checks/finding.h"

namespace wakewatch {

struct FindingFilter {
  std::string id;                        // empty: any
  std::string group;                     // empty: any
  std::set<std::string> without_groups;  // ids of groups that are left out
  std::string check, cls;                // empty: all
  Confidence confidence_min = Confidence::kSuspicious;
  int32_t pid = 0;                               // 0: all
  bool kernel_only = false;                      // leaves those of user tasks out
  bool open_only = false;                        // leaves those out that have ended
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

// A finding that is in several parts counts once. `newer`: not stored yet; each takes the place of an open one of its
// id, and is passed over where that has ended.
Result<FindingPage> QueryFindings(const std::vector<std::string>& parts, const FindingFilter& filter,
                                  std::span<const Finding> newer = {});

// Occurrences that belong together, of those that the filter lets through.
struct StoredFindingGroup {
  Finding worst;  // the longest wait
  uint64_t count = 0, open = 0;
  uint64_t first_ns = 0, last_ns = 0;               // the earliest and the latest start
  Confidence confidence = Confidence::kSuspicious;  // the best
};
struct FindingGroupPage {
  std::vector<StoredFindingGroup> groups;  // at most `limit`, the latest first, or the one with the longest wait
  uint64_t total = 0;                      // groups
  uint64_t findings = 0;                   // in all of them
};
Result<FindingGroupPage> QueryFindingGroups(const std::vector<std::string>& parts, const FindingFilter& filter,
                                            std::span<const Finding> newer = {});

// What /proc said of a task when a finding was made.
struct FindingSnapshot {
  std::string finding_id;
  ProcSnapshot snapshot;
};

// Gives findings that were made again out of the events the snapshots that are stored of them. A part that cannot be
// read has none.
void AttachSnapshots(const std::vector<std::string>& parts, std::vector<Finding>* findings);

}  // namespace wakewatch
