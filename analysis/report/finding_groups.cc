#include "analysis/report/finding_groups.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace wakewatch {

FindingGroups GroupFindings(const Report& report, bool kernel_only) {
  // A pid that two tasks used in turn counts as a kernel thread's when one of them was.
  std::unordered_set<int32_t> user_pids;
  for (const ThreadSummary& thread : report.threads) {
    if (thread.kind == ThreadKind::kUser) user_pids.insert(thread.pid);
  }
  for (const ThreadSummary& thread : report.threads) {
    if (thread.kind != ThreadKind::kUser) user_pids.erase(thread.pid);
  }

  FindingGroups answer;
  std::unordered_map<std::string_view, size_t> index;
  for (const Finding& finding : report.findings) {
    if (kernel_only && user_pids.contains(finding.pid)) {
      ++answer.user_findings;
      continue;
    }
    ++answer.findings;
    const auto [at, added] = index.try_emplace(finding.group_id, answer.groups.size());
    if (added) answer.groups.push_back({&finding, 0});
    FindingGroup& group = answer.groups[at->second];
    ++group.count;
    if (finding.waited_ns > group.worst->waited_ns) group.worst = &finding;
  }
  std::stable_sort(answer.groups.begin(), answer.groups.end(), [](const FindingGroup& a, const FindingGroup& b) {
    return a.worst->waited_ns > b.worst->waited_ns;
  });
  return answer;
}

}  // namespace wakewatch
