#include "server/cli/report.h"

#include "analysis/report/report_csv.h"
#include "analysis/report/report_json.h"
#include "analysis/report/report_text.h"
#include "server/cli/diagnostics.h"

namespace wakewatch {

ReportVerb::ReportVerb(CommandLine* line)
    : Verb(line->AddVerb("report", "Which kernel threads wake late, for which work, and why")),
      analysis_(options()),
      format_(options(), {"text", "json", "csv", "ndjson"}),
      fail_on_(options()) {
  options()->Number({.names = "--rows", .help = "Rows of each table of the text", .type = "N"}, &rows_);
  options()->Examples({"wakewatch report trace.dat", "wakewatch report rec.db --json --since 41.5 --until 60s",
                       "wakewatch report rec.db --fail-on strong --latency-threshold 2ms"});
}

ExitCode ReportVerb::Run() {
  const auto report = analysis_.Analyse();
  if (!report) return ComplainOfUsage(report.error());
  const auto printed = Print(WriteReport(*report, format_.format(), analysis_.all_threads(), rows_));
  return printed ? ExitFor(*report, fail_on_.level()) : Complain(printed.error());
}

std::string WriteReport(const Report& report, OutputFormat format, bool all_threads, size_t rows) {
  switch (format) {
    case OutputFormat::kText: return ReportText(report, {.all_threads = all_threads, .rows_max = rows});
    case OutputFormat::kJson: return ReportJson(report, all_threads);
    case OutputFormat::kCsv: return ReportCsv(report, all_threads);
    case OutputFormat::kNdjson: return ReportNdjson(report, all_threads);
  }
  return {};
}

}  // namespace wakewatch
