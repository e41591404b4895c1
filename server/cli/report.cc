#include "server/cli/report.h"

#include "server/cli/view.h"

namespace wakewatch {

ReportVerb::ReportVerb(CommandLine* line)
    : Verb(line->AddVerb("report", "Which kernel threads wake late, for which work, and why")),
      analysis_(options()),
      format_(options(), {"text", "json", "csv", "ndjson"}),
      fail_on_(options()) {
  options()->Number({.names = "--rows", .help = "Rows of each table of the text", .type = "N"}, &rows_);
  options()->Examples({"wakewatch report trace.dat", "wakewatch report rec.db --json --since 41.5 --until 60s",
                       "wakewatch report rec.db --fail-on strong --latency-threshold 2ms",
                       "wakewatch report --server 127.0.0.1:7400 myhost"});
}

ExitCode ReportVerb::Run() {
  return ShowView(analysis_, {.view = ReportView::kReport, .format = format_.format(), .rows_max = rows_},
                  fail_on_.level());
}

}  // namespace wakewatch
