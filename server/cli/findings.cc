#include "server/cli/findings.h"

#include "analysis/report/report_csv.h"
#include "analysis/report/report_json.h"
#include "analysis/report/report_text.h"
#include "server/cli/diagnostics.h"

namespace wakewatch {

FindingsVerb::FindingsVerb(CommandLine* line)
    : Verb(line->AddVerb("findings", "What was found late, lost or starved, with its evidence")),
      analysis_(options()),
      format_(options(), {"text", "json", "csv", "ndjson"}),
      fail_on_(options()) {
  options()->Number({.names = "--groups", .help = "Groups of findings that the text shows", .type = "N"}, &groups_);
  options()->Examples({"wakewatch findings rec.db", "wakewatch findings trace.dat --check work-delay --format ndjson",
                       "wakewatch findings trace.dat --task 'kworker*' --fail-on proven"});
}

std::string FindingsVerb::Text(const Report& report) const {
  const TextOptions options{.all_threads = analysis_.all_threads(), .groups_max = groups_};
  std::string out;
  switch (format_.format()) {
    case OutputFormat::kText: return LossText(report) + FindingsText(report, options);
    case OutputFormat::kCsv: return FindingsCsv(report);
    case OutputFormat::kNdjson:
      for (const Finding& finding : report.findings) out += FindingJson(finding) + '\n';
      return out;
    case OutputFormat::kJson:
      out = "{\"schema_version\": " + std::to_string(kReportSchemaVersion) + ",\n\"findings\": [";
      for (const Finding& finding : report.findings) {
        out += &finding == &report.findings.front() ? "\n  " : ",\n  ";
        out += FindingJson(finding);
      }
      return out + "]}\n";
  }
  return out;
}

ExitCode FindingsVerb::Run() {
  const auto report = analysis_.Analyse();
  if (!report) return ComplainOfUsage(report.error());
  const auto printed = Print(Text(*report));
  return printed ? ExitFor(*report, fail_on_.level()) : Complain(printed.error());
}

}  // namespace wakewatch
