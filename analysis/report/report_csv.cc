#include "analysis/report/report_csv.h"

#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "analysis/report/printable.h"

namespace wakewatch {
namespace {

struct Subject {
  std::string_view subject;
  std::string pid;
  std::string name;
  std::string_view kind;
};

class LongTable {
 public:
  void Count(const Subject& subject, std::string_view measure, uint64_t n) {
    Lead(subject, measure);
    out_ += fmt::format("{},,,,\n", n);
  }
  void Distribution(const Subject& subject, std::string_view measure, const Histogram& histogram) {
    Lead(subject, measure);
    out_ += fmt::format("{},{},{},{},{}\n", histogram.n(), histogram.Quantile(0.5), histogram.Quantile(0.9),
                        histogram.Quantile(0.99), histogram.max());
  }
  std::string Take() { return std::move(out_); }

 private:
  void Lead(const Subject& subject, std::string_view measure) {
    out_ += fmt::format("{},{},{},{},{},", subject.subject, subject.pid, CsvField(subject.name), subject.kind, measure);
  }
  std::string out_ = "subject,pid,name,kind,measure,n,p50_ns,p90_ns,p99_ns,max_ns\n";
};

void AddTrace(const Report& report, LongTable* table) {
  const Subject trace{"trace", "", report.path, ""};
  table->Count(trace, "lost_events", report.lost_events);
  table->Count(trace, "lost_unknown", report.lost_unknown);
  table->Count(trace, "gaps", report.gaps.size());
  table->Count(trace, "events", report.events);
  table->Count(trace, "span_ns", report.end_ns - report.start_ns);
  for (size_t i = 0; i < kAnomalyCount; ++i) {
    if (report.anomalies.all()[i] == 0) continue;
    table->Count({"anomaly", "", std::string(kAnomalyInfo[i].name), ""}, "count", report.anomalies.all()[i]);
  }
}

void AddThread(const ThreadSummary& thread, LongTable* table) {
  const Subject subject{"thread", std::to_string(thread.pid), thread.comm, Info(thread.kind).name};
  table->Count(subject, "wakeups", thread.wakeups);
  table->Distribution(subject, "wakeup_latency", thread.wakeup_latency_ns);
  table->Distribution(subject, "delivery", thread.delivery_ns);
  table->Distribution(subject, "runqueue", thread.runqueue_ns);
  table->Distribution(subject, "preempted", thread.preempted_ns);
  table->Distribution(subject, "excess_latency", thread.excess_latency_ns);
  table->Count(subject, "on_cpu_ns", thread.on_cpu_ns);
  table->Count(subject, "censored", thread.censored);
  table->Count(subject, "voided", thread.voided);
}

void AddLifecycle(const LifecycleSummary& lifecycle, LongTable* table) {
  const Subject kthreads{"kthreads", "", "", ""};
  table->Distribution(kthreads, "request_to_fork", lifecycle.request_to_fork_ns);
  table->Distribution(kthreads, "fork_to_run", lifecycle.fork_to_run_ns);
  table->Distribution(kthreads, "stop_to_exit", lifecycle.stop_to_exit_ns);
  table->Distribution(kthreads, "stop_to_return", lifecycle.stop_to_return_ns);
  table->Distribution(kthreads, "exit_to_return", lifecycle.exit_to_return_ns);
  table->Distribution({"helpers", "", "", ""}, "queue_to_exec", lifecycle.helper_queue_to_exec_ns);
  table->Count(kthreads, "voided", lifecycle.voided);
}

void AddSleeps(const Report& report, LongTable* table) {
  for (const Undecidable& item : report.undecidable) {
    table->Count({"undecidable", "", item.cls, ""}, "sleeps", item.sleeps);
  }
  for (const ObligationSummary& row : report.obligations) {
    const Subject subject{"obligation", "", row.cls, ""};
    const std::pair<std::string_view, uint64_t> counts[] = {
        {"opened", row.opened},       {"discharged", row.discharged},
        {"late", row.late},           {"expired", row.expired},
        {"censored", row.censored},   {"voided", row.voided},
        {"unlearned", row.unlearned}, {"open", row.open}};
    for (const auto& [measure, n] : counts) table->Count(subject, measure, n);
  }
}

}  // namespace

std::string FindingGroupsCsv(const std::vector<FindingGroup>& groups) {
  std::string out =
      "group_id,check,class,confidence,pid,comm,waker_pid,waker_comm,count,open,first_ns,last_ns,worst_ns,worst_id\n";
  for (const FindingGroup& group : groups) {
    const Finding& worst = *group.worst;
    out +=
        fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n", CsvField(worst.group_id), CsvField(worst.check),
                    CsvField(worst.cls), Name(group.confidence), worst.pid, CsvField(worst.comm),
                    worst.waker_pid >= 0 ? std::to_string(worst.waker_pid) : std::string(), CsvField(worst.waker_comm),
                    group.count, group.open, group.first_ns, group.last_ns, worst.waited_ns, CsvField(worst.id));
  }
  return out;
}

std::string ReportCsv(const Report& report, bool all_threads) {
  LongTable table;
  AddTrace(report, &table);
  for (const ThreadSummary& thread : report.threads) {
    if (all_threads || IsKernelThread(thread.kind)) AddThread(thread, &table);
  }
  for (const WorkSummary& work : report.work) {
    const Subject subject{"work", "", work.function, ""};
    table.Distribution(subject, "queue_to_start", work.queue_to_start_ns);
    table.Distribution(subject, "run", work.run_ns);
    table.Count(subject, "unmatched", work.unmatched);
    table.Count(subject, "censored", work.censored);
    table.Count(subject, "voided", work.voided);
  }
  for (const SoftirqSummary& softirq : report.softirq) {
    const Subject subject{"softirq", "", softirq.vector, ""};
    table.Distribution(subject, "raise_to_entry", softirq.raise_to_entry_ns);
    table.Count(subject, "entries", softirq.entries);
    table.Count(subject, "in_ksoftirqd", softirq.in_ksoftirqd);
    table.Count(subject, "censored", softirq.censored);
    table.Count(subject, "voided", softirq.voided);
  }
  for (const TaskletSummary& tasklet : report.tasklets) {
    const Subject subject{"tasklet", "", tasklet.function, ""};
    table.Distribution(subject, "raise_to_entry", tasklet.raise_to_entry_ns);
    table.Distribution(subject, "run", tasklet.run_ns);
  }
  AddLifecycle(report.lifecycle, &table);
  AddSleeps(report, &table);
  return table.Take();
}

std::string FindingsCsv(const Report& report) {
  std::string out =
      "id,group_id,check,class,confidence,pid,comm,cpu,start_ns,end_ns,waited_ns,waker_pid,waker_comm,explanation,"
      "rule,assumption,would_raise,open\n";
  const auto known = [](int32_t number) { return number >= 0 ? std::to_string(number) : std::string(); };
  for (const Finding& finding : report.findings) {
    out += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n", CsvField(finding.id),
                       CsvField(finding.group_id), CsvField(finding.check), CsvField(finding.cls),
                       Name(finding.confidence), finding.pid, CsvField(finding.comm), known(finding.cpu),
                       finding.start_ns, finding.end_ns, finding.waited_ns, known(finding.waker_pid),
                       CsvField(finding.waker_comm), CsvField(finding.explanation), CsvField(finding.rule),
                       CsvField(finding.assumption), CsvField(finding.would_raise), finding.open ? 1 : 0);
  }
  return out;
}

}  // namespace wakewatch
