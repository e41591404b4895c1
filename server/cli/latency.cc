#include "server/cli/latency.h"

#include <functional>

#include <fmt/format.h>

#include "analysis/report/printable.h"
#include "analysis/report/report_json.h"
#include "analysis/report/report_text.h"
#include "server/cli/diagnostics.h"

namespace wakewatch {
namespace {

// One line a thread; times in nanoseconds.
std::string ThreadsCsv(const std::vector<const ThreadSummary*>& threads) {
  struct Measure {
    const char* name;
    Histogram ThreadSummary::*histogram;
  };
  constexpr Measure kMeasures[] = {{"wakeup_latency", &ThreadSummary::wakeup_latency_ns},
                                   {"delivery", &ThreadSummary::delivery_ns},
                                   {"runqueue", &ThreadSummary::runqueue_ns},
                                   {"preempted", &ThreadSummary::preempted_ns}};
  std::string out = "pid,comm,kind,kind_source,wakeups";
  for (const Measure& measure : kMeasures) {
    out += fmt::format(",{0}_n,{0}_p50_ns,{0}_p90_ns,{0}_p99_ns,{0}_max_ns", measure.name);
  }
  out += ",censored,voided\n";
  for (const ThreadSummary* thread : threads) {
    out += fmt::format("{},{},{},{},{}", thread->pid, CsvField(thread->comm), Info(thread->kind).name,
                       Name(thread->kind_source), thread->wakeups);
    for (const Measure& measure : kMeasures) {
      const Histogram& histogram = thread->*measure.histogram;
      out += fmt::format(",{},{},{},{},{}", histogram.n(), histogram.Quantile(0.5), histogram.Quantile(0.9),
                         histogram.Quantile(0.99), histogram.max());
    }
    out += fmt::format(",{},{}\n", thread->censored, thread->voided);
  }
  return out;
}

}  // namespace

LatencyVerb::LatencyVerb(CommandLine* line)
    : Verb(line->AddVerb("latency",
                         "How late each thread wakes: quantiles as text and CSV, every single wakeup as JSON")),
      analysis_(options()),
      format_(options(), {"text", "json", "csv", "ndjson"}) {
  options()->Number({.names = "--rows", .help = "Rows of the text", .type = "N"}, &rows_);
  options()->Examples({"wakewatch latency rec.db", "wakewatch latency trace.dat --task 'ksoftirqd*' --format csv"});
}

std::string LatencyVerb::Text(const Report& report) const {
  std::vector<const ThreadSummary*> threads;
  for (const ThreadSummary& thread : report.threads) {
    if (analysis_.all_threads() || IsKernelThread(thread.kind)) threads.push_back(&thread);
  }
  switch (format_.format()) {
    case OutputFormat::kText:
      return LossText(report) + ThreadsText(report, {.all_threads = analysis_.all_threads(), .rows_max = rows_});
    case OutputFormat::kCsv: return ThreadsCsv(threads);
    case OutputFormat::kNdjson: return {};
    case OutputFormat::kJson: {
      std::string out = "],\n\"threads\": [";
      for (const ThreadSummary* thread : threads) {
        out += thread == threads.front() ? "\n  " : ",\n  ";
        out += ThreadJson(*thread);
      }
      return out + "]}\n";
    }
  }
  return {};
}

ExitCode LatencyVerb::Run() {
  // Wakeups are many: they are written as they are met. What goes wrong with the output shows when it is flushed.
  Output output;
  const bool json = format_.format() == OutputFormat::kJson;
  const std::string_view opening = "{\"schema_version\": 1,\n\"wakeups\": [";
  uint64_t wakeups = 0;
  std::function<void(const Wakeup&)> on_wakeup;
  if (json || format_.format() == OutputFormat::kNdjson) {
    on_wakeup = [&](const Wakeup& wakeup) {
      const std::string_view before = !json ? "" : wakeups == 0 ? opening : ",";
      (void)output.Write(std::string(before) + (json ? "\n  " : "") + WakeupJson(wakeup) + (json ? "" : "\n"));
      ++wakeups;
    };
  }
  const auto report = analysis_.Analyse(on_wakeup);
  if (!report) return ComplainOfUsage(report.error());
  if (json && wakeups == 0) (void)output.Write(opening);
  (void)output.Write(Text(*report));
  const auto printed = output.Flush();
  return printed ? ExitFor(*report, std::nullopt) : Complain(printed.error());
}

}  // namespace wakewatch
