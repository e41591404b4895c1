#include "server/cli/diff.h"

#include "analysis/report/compare_view.h"
#include "server/cli/diagnostics.h"
#include "server/cli/interrupt.h"
#include "server/cli/output.h"
#include "server/cli/progress.h"
#include "server/live/pipeline.h"
#include "server/store/recording.h"

namespace wakewatch {
namespace {

struct Analysed {
  Report report;
  uint64_t since_ns, until_ns;
};

Result<Analysed> Analyse(const std::string& path, const SpanOptions& span) {
  const auto input = OpenTraceOrRecording(path);
  if (!input) return Fail(input.error());
  EngineOptions options;
  if (auto status = span.Fill((*input)->metadata(), &options); !status) return Fail(status.error());
  Progress progress("analysed");
  PipelineOptions pipeline;
  pipeline.stop = &StopFlag();
  pipeline.progress = [&](uint64_t events) { progress.Show(events); };
  auto report = AnalyseTrace(**input, options, pipeline);
  if (!report) return Fail(std::move(report.error()));
  if (Interrupted()) return Fail(ErrorCode::kInterrupted, "interrupted");
  return Analysed{*std::move(report), options.since_ns, options.until_ns};
}

Result<RemoteView> ViewOf(const std::string& name, const SpanOptions& span) {
  RemoteView view;
  auto recording = ParseRemoteRecording(name);
  if (!recording) return Fail(recording.error());
  view.recording = *std::move(recording);
  if (auto status = span.Fill(&view); !status) return Fail(status.error());
  return view;
}

}  // namespace

DiffVerb::DiffVerb(CommandLine* line)
    : Verb(line->AddVerb("diff", "What became slower or faster from one recording to another")),
      server_(options(), "Ask this server; BEFORE and AFTER are then hosts, or HOST/RECORDING"),
      before_span_(options(), "before-"),
      after_span_(options(), "after-"),
      format_(options(), {"text", "json", "csv"}) {
  options()->Text({.names = "before", .help = "A trace or a recording", .type = "BEFORE", .required = true}, &before_);
  options()->Text(
      {.names = "after", .help = "Another one, or the same with other spans", .type = "AFTER", .required = true},
      &after_);
  options()->Flag("--all", "Compare user tasks too, not kernel threads alone", &all_);
  options()->Number({.names = "--rows", .help = "Rows of each table of the text; 0: all", .type = "N"}, &rows_);
  options()->Examples({"wakewatch diff old_kernel.dat new_kernel.dat",
                       "wakewatch diff rec.db rec.db --before-until 41.5 --after-since 41.5 --json"});
}

Result<Comparison> DiffVerb::AskServer() const {
  const auto before = ViewOf(before_, before_span_);
  if (!before) return Fail(before.error());
  const auto after = ViewOf(after_, after_span_);
  if (!after) return Fail(after.error());
  return CompareRemotely(server_.remote(), *before, *after, all_);
}

Result<Comparison> DiffVerb::Ask() const {
  if (!server_.server().empty()) return AskServer();
  const auto before = Analyse(before_, before_span_);
  if (!before) return Fail(before.error());
  const auto after = Analyse(after_, after_span_);
  if (!after) return Fail(after.error());
  return Compare({before_, "", before->report, before->since_ns, before->until_ns},
                 {after_, "", after->report, after->since_ns, after->until_ns}, all_);
}

ExitCode DiffVerb::Run() {
  const auto comparison = Ask();
  if (!comparison) return ComplainOfUsage(comparison.error());
  const OutputFormat format = format_.format();
  const auto printed = Print(format == OutputFormat::kJson  ? ComparisonJson(*comparison)
                             : format == OutputFormat::kCsv ? ComparisonCsv(*comparison)
                                                            : ComparisonText(*comparison, rows_));
  if (!printed) return Complain(printed.error());
  return comparison->has_gaps() ? ExitCode::kGaps : ExitCode::kFine;
}

}  // namespace wakewatch
