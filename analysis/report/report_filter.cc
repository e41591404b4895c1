#include "analysis/report/report_filter.h"

#include <algorithm>
#include <string_view>

namespace wakewatch {
namespace {

bool AnyTaskMatches(const ReportFilter& filter, int32_t pid, std::string_view comm) {
  return filter.tasks.empty() || std::any_of(filter.tasks.begin(), filter.tasks.end(),
                                             [&](const std::string& task) { return TaskMatches(task, pid, comm); });
}

bool CpuMatches(const ReportFilter& filter, int64_t cpu) {
  return filter.cpus.empty() ||
         std::any_of(filter.cpus.begin(), filter.cpus.end(), [&](uint32_t wanted) { return wanted == cpu; });
}

bool NameMatches(const std::vector<std::string>& names, const std::string& name) {
  return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

bool Shows(const ReportFilter& filter, const MeasuredWait& wait) {
  return AnyTaskMatches(filter, wait.pid, wait.comm) && CpuMatches(filter, wait.cpu);
}

bool TaskMatches(const std::string& task, int32_t pid, std::string_view comm) {
  if (task == std::to_string(pid) || task == comm) return true;
  return task.ends_with('*') && comm.starts_with(std::string_view(task).substr(0, task.size() - 1));
}

void Apply(const ReportFilter& filter, Report* report) {
  std::erase_if(report->threads,
                [&](const ThreadSummary& thread) { return !AnyTaskMatches(filter, thread.pid, thread.comm); });
  std::erase_if(report->per_cpu, [&](const CpuSummary& cpu) { return !CpuMatches(filter, cpu.cpu); });
  std::erase_if(report->findings, [&](const Finding& finding) {
    return !AnyTaskMatches(filter, finding.pid, finding.comm) || !CpuMatches(filter, finding.cpu) ||
           !NameMatches(filter.checks, finding.check) || !NameMatches(filter.classes, finding.cls) ||
           finding.confidence < filter.confidence_min;
  });
}

}  // namespace wakewatch
