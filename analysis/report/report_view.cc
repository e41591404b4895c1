#include "analysis/report/report_view.h"

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "analysis/report/delay_text.h"
#include "analysis/report/finding_groups.h"
#include "analysis/report/finding_text.h"
#include "analysis/report/model_view.h"
#include "analysis/report/printable.h"
#include "analysis/report/report_csv.h"
#include "analysis/report/report_json.h"
#include "analysis/report/report_text.h"

namespace wakewatch {
namespace {

size_t Limit(size_t limit) { return limit == 0 ? std::numeric_limits<size_t>::max() : limit; }

TextOptions ForText(const ViewOptions& options) {
  return {
      .all_threads = options.all_threads, .rows_max = Limit(options.rows_max), .groups_max = Limit(options.groups_max)};
}

// One line a thread; times in nanoseconds.
std::string ThreadsCsv(const std::vector<const ThreadSummary*>& threads) {
  struct Measure {
    const char* name;
    Histogram ThreadSummary::*histogram;
  };
  constexpr Measure kMeasures[] = {{"wakeup_latency", &ThreadSummary::wakeup_latency_ns},
                                   {"delivery", &ThreadSummary::delivery_ns},
                                   {"runqueue", &ThreadSummary::runqueue_ns},
                                   {"preempted", &ThreadSummary::preempted_ns},
                                   {"excess_latency", &ThreadSummary::excess_latency_ns}};
  std::string out = "pid,comm,kind,kind_source,wakeups";
  for (const Measure& measure : kMeasures) {
    out += fmt::format(",{0}_n,{0}_p50_ns,{0}_p90_ns,{0}_p99_ns,{0}_max_ns", measure.name);
  }
  for (size_t i = 0; i < kBucketCount; ++i) out += fmt::format(",sum_{}_ns", Name(static_cast<Bucket>(i)));
  out += ",assumed_affinity,censored,voided\n";
  for (const ThreadSummary* thread : threads) {
    out += fmt::format("{},{},{},{},{}", thread->pid, CsvField(thread->comm), Info(thread->kind).name,
                       Name(thread->kind_source), thread->wakeups);
    for (const Measure& measure : kMeasures) {
      const Histogram& histogram = thread->*measure.histogram;
      out += fmt::format(",{},{},{},{},{}", histogram.n(), histogram.Quantile(0.5), histogram.Quantile(0.9),
                         histogram.Quantile(0.99), histogram.max());
    }
    for (const uint64_t sum_ns : thread->buckets.ns) out += fmt::format(",{}", sum_ns);
    out += fmt::format(",{},{},{}\n", thread->assumed_affinity, thread->censored, thread->voided);
  }
  return out;
}

constexpr std::string_view kWakeupsOpening = "{\"schema_version\": 1,\n\"wakeups\": [";

}  // namespace

bool ViewWriter::wants_wakeups() const {
  return options_.view == ReportView::kLatency &&
         (options_.format == OutputFormat::kJson || options_.format == OutputFormat::kNdjson);
}

void ViewWriter::Add(const MeasuredWait& wait) {
  if (wait.kind == WaitKind::kPreempted || (wait.kind == WaitKind::kWake && !wait.has_waking)) return;
  const bool json = options_.format == OutputFormat::kJson;
  const std::string_view before = !json ? "" : wakeups_ == 0 ? kWakeupsOpening : ",";
  write_(std::string(before) + (json ? "\n  " : "") + WakeupJson(wait) + (json ? "" : "\n"));
  ++wakeups_;
}

void ViewWriter::Finish(const Report& report) {
  if (options_.view == ReportView::kLatency) return FinishLatency(report);
  if (options_.view == ReportView::kFindings) return FinishFindings(report);
  if (options_.view == ReportView::kModel) return FinishModel(report);
  switch (options_.format) {
    case OutputFormat::kText: return write_(ReportText(report, ForText(options_)));
    case OutputFormat::kJson: return write_(ReportJson(report, options_.all_threads));
    case OutputFormat::kCsv: return write_(ReportCsv(report, options_.all_threads));
    case OutputFormat::kNdjson: return write_(ReportNdjson(report, options_.all_threads));
  }
}

void ViewWriter::FinishLatency(const Report& report) {
  std::vector<const ThreadSummary*> threads;
  for (const ThreadSummary& thread : report.threads) {
    if (options_.all_threads || IsKernelThread(thread.kind)) threads.push_back(&thread);
  }
  switch (options_.format) {
    case OutputFormat::kText:
      return write_(LossText(report) + ThreadsText(report, ForText(options_)) + DelaysText(report, ForText(options_)));
    case OutputFormat::kCsv: return write_(ThreadsCsv(threads));
    case OutputFormat::kNdjson: return;
    case OutputFormat::kJson: break;
  }
  std::string out(wakeups_ == 0 ? kWakeupsOpening : "");
  out += "],\n\"threads\": [";
  for (const ThreadSummary* thread : threads) {
    out += thread == threads.front() ? "\n  " : ",\n  ";
    out += ThreadJson(*thread);
  }
  write_(out + "]}\n");
}

// Like the findings themselves, machines get those of all tasks.
void ViewWriter::FinishGroups(const Report& report) {
  if (options_.format == OutputFormat::kText) {
    return write_(LossText(report) + FindingGroupsText(report, ForText(options_)));
  }
  const FindingGroups groups = GroupFindings(report, false);
  if (options_.format == OutputFormat::kCsv) return write_(FindingGroupsCsv(groups.groups));
  const bool json = options_.format == OutputFormat::kJson;
  std::string out;
  if (json) out = "{\"schema_version\": " + std::to_string(kReportSchemaVersion) + ",\n\"groups\": [";
  for (const FindingGroup& group : groups.groups) {
    if (json) out += &group == &groups.groups.front() ? "\n  " : ",\n  ";
    out += GroupJson(group);
    if (!json) out += '\n';
  }
  write_(json ? out + "]}\n" : out);
}

void ViewWriter::FinishFindings(const Report& report) {
  if (options_.grouped) return FinishGroups(report);
  std::string out;
  switch (options_.format) {
    case OutputFormat::kText: return write_(LossText(report) + FindingsText(report, ForText(options_)));
    case OutputFormat::kCsv: return write_(FindingsCsv(report));
    case OutputFormat::kNdjson:
      for (const Finding& finding : report.findings) out += FindingJson(finding) + '\n';
      return write_(out);
    case OutputFormat::kJson: break;
  }
  out = "{\"schema_version\": " + std::to_string(kReportSchemaVersion) + ",\n\"findings\": [";
  for (const Finding& finding : report.findings) {
    out += &finding == &report.findings.front() ? "\n  " : ",\n  ";
    out += FindingJson(finding);
  }
  write_(out + "]}\n");
}

void ViewWriter::FinishModel(const Report& report) {
  if (options_.format == OutputFormat::kJson) return write_(ModelJson(report));
  write_(LossText(report) + ModelText(report, Limit(options_.rows_max)));
}

bool Incomplete(const Report& report) {
  for (size_t i = 0; i < kAnomalyCount; ++i) {
    if (kAnomalyInfo[i].severity == Severity::kDataLoss && report.anomalies.all()[i] > 0) return true;
  }
  return report.HasGaps() || report.lost_events > 0 || report.lost_unknown;
}

std::optional<Confidence> BestConfidence(const Report& report) {
  std::optional<Confidence> best;
  for (const Finding& finding : report.findings) best = std::max(best.value_or(finding.confidence), finding.confidence);
  return best;
}

}  // namespace wakewatch
