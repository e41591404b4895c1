#include "analysis/report/finding_groups.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "analysis/model/thread_kind.h"

namespace wakewatch {

FindingGroups GroupFindings(const Report& report, bool kernel_only, const std::function<bool(const Finding&)>& wanted) {
  const std::string_view user = Info(ThreadKind::kUser).name;
  FindingGroups answer;
  std::unordered_map<std::string_view, size_t> index;
  for (const Finding& finding : report.findings) {
    if (wanted && !wanted(finding)) continue;
    if (kernel_only && finding.kind == user) {
      ++answer.user_findings;
      continue;
    }
    ++answer.findings;
    const auto [at, added] = index.try_emplace(finding.group_id, answer.groups.size());
    if (added) answer.groups.push_back({.worst = &finding, .first_ns = finding.start_ns});
    FindingGroup& group = answer.groups[at->second];
    ++group.count;
    group.open += finding.open ? 1 : 0;
    group.first_ns = std::min(group.first_ns, finding.start_ns);
    group.last_ns = std::max(group.last_ns, finding.start_ns);
    group.confidence = std::max(group.confidence, finding.confidence);
    if (finding.waited_ns > group.worst->waited_ns) group.worst = &finding;
  }
  std::stable_sort(answer.groups.begin(), answer.groups.end(), [](const FindingGroup& a, const FindingGroup& b) {
    return a.worst->waited_ns > b.worst->waited_ns;
  });
  return answer;
}

void SortBySurety(std::vector<FindingGroup>* groups) {
  std::stable_sort(groups->begin(), groups->end(), [](const FindingGroup& a, const FindingGroup& b) {
    if (a.confidence != b.confidence) return a.confidence > b.confidence;
    return a.worst->waited_ns > b.worst->waited_ns;
  });
}

}  // namespace wakewatch
