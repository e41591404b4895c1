#include "server/cli/latency.h"

#include "server/cli/view.h"

namespace wakewatch {

LatencyVerb::LatencyVerb(CommandLine* line)
    : Verb(line->AddVerb("latency",
                         "How late each thread wakes: quantiles as text and CSV, every single wakeup as JSON")),
      analysis_(options()),
      format_(options(), {"text", "json", "csv", "ndjson"}) {
  options()->Number({.names = "--rows", .help = "Rows of the text", .type = "N"}, &rows_);
  options()->Examples({"wakewatch latency rec.db", "wakewatch latency trace.dat --task 'ksoftirqd*' --format csv"});
}

ExitCode LatencyVerb::Run() {
  return ShowView(analysis_, {.view = ReportView::kLatency, .format = format_.format(), .rows_max = rows_},
                  std::nullopt);
}

}  // namespace wakewatch
