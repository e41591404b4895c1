#include "analysis/report/finding_groups.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "analysis/model/thread_kind.h"

namespace wakewatch {

FindingGroups GroupFindings(const Report& report, bool kernel_only) {
  const std::string_view user = Info(ThreadKind::kUser).name;
  FindingGroups answer;
  std::unordered_map<std::string_view, size_t> index;
  for (const Finding& finding : report.findings) {
    if (kernel_only && finding.kind == user) {
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
