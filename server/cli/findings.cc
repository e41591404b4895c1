#include "server/cli/findings.h"

#include "server/cli/view.h"

namespace wakewatch {

FindingsVerb::FindingsVerb(CommandLine* line)
    : Verb(line->AddVerb("findings", "What was found late, lost or starved, with its evidence")),
      analysis_(options()),
      format_(options(), {"text", "json", "csv", "ndjson"}),
      fail_on_(options()) {
  options()->Number({.names = "--groups", .help = "Groups of findings that the text shows", .type = "N"}, &groups_);
  options()->Flag("--group", "One row for occurrences of one check, class, thread and waker: count, first, last, worst",
                  &grouped_);
  options()->Examples({"wakewatch findings rec.db", "wakewatch findings rec.db --check lost-wakeup --group",
                       "wakewatch findings trace.dat --check work-delay --format ndjson",
                       "wakewatch findings trace.dat --task 'kworker*' --fail-on proven"});
}

ExitCode FindingsVerb::Run() {
  return ShowView(
      analysis_,
      {.view = ReportView::kFindings, .format = format_.format(), .groups_max = groups_, .grouped = grouped_},
      fail_on_.level());
}

}  // namespace wakewatch
