#include "server/cli/record.h"

#include <fmt/format.h>

#include "analysis/report/printable.h"
#include "analysis/report/report_view.h"
#include "server/cli/diagnostics.h"
#include "server/cli/interrupt.h"
#include "server/cli/progress.h"
#include "server/cli/values.h"
#include "server/live/import.h"
#include "server/live/pipeline.h"
#include "server/live/shipped_verdicts.h"
#include "server/live/store_queue.h"

namespace wakewatch {
namespace {

// Encoded batches that wait for the disk: some half a minute of a million events a second.
constexpr size_t kQueueBytesMax = 48u << 20;

std::string MissedText(const RecorderTotals& totals) {
  uint64_t missed = 0, events = 0;
  for (const ProbeState& probe : totals.probes) {
    missed += probe.missed;
    events += probe.events;
  }
  if (missed == 0) return {};
  return fmt::format("; {} calls in interrupts were not seen, beside {} that were", CountText(missed),
                     CountText(events));
}

}  // namespace

RecordVerb::RecordVerb(CommandLine* line)
    : Verb(line->AddVerb("record", "Record this machine's kernel threads, then report on them (needs root)")),
      thresholds_(options()),
      format_(options(), {"text", "json", "csv", "ndjson"}),
      fail_on_(options()),
      probe_rate_max_(ProbeLimitOptions().rate_max),
      buffer_kb_(RecorderOptions().buffer_kb_per_cpu) {
  options()->Text({.names = "-o,--output", .help = "The recording to create", .type = "FILE"}, &output_);
  options()->Flag("-f,--force", "Replace the recording if it exists", &force_);
  options()->Text({.names = "--duration",
                   .help = "Stop after this long; 0: until Ctrl-C or until COMMAND exits",
                   .type = "DURATION",
                   .check = CheckedBy(ParseDuration)},
                  &duration_);
  options()->Text(
      {.names = "--profile", .help = "Which events to record (see `wakewatch list profiles`)", .type = "NAME"},
      &profile_);
  options()->List({.names = "-e,--event", .help = "One more event, as SYSTEM/NAME; may be repeated", .type = "EVENT"},
                  &events_);
  DefineProbes();
  options()->Number({.names = "--buffer-kb",
                     .help = "Ring buffer of each CPU, in KiB",
                     .type = "N",
                     .check = CheckedBy(ParseBufferKb)},
                    &buffer_kb_);
  options()->Text(
      {.names = "--tracefs", .help = "Where tracefs is mounted; default: found among the mounts", .type = "DIR"},
      &tracefs_);
  options()->Number({.names = "--rows", .help = "Rows of each table of the report", .type = "N"}, &rows_);
  options()->Flag("--all", "Report on user tasks too", &all_);
  options()->Flag("--no-report", "Record only", &no_report_);
  options()->List({.names = "command", .help = "Record while this command runs", .type = "-- COMMAND [ARG ...]"},
                  &command_);
  options()->Examples({"sudo wakewatch record -o rec.db --duration 10s",
                       "sudo wakewatch record -o rec.db --profile standard -- dd if=/dev/zero of=file bs=1M count=100",
                       "sudo wakewatch record --evidence deep --duration 1min",
                       "sudo wakewatch record --duration 1min --no-report && wakewatch report wakewatch.db --json"});
}

void RecordVerb::DefineProbes() {
  options()->Text({.names = "--evidence",
                   .help = "deep: also place probes, which show what no tracepoint does, where the kernel takes them",
                   .type = "",
                   .choices = {"tracepoints", "deep"}},
                  &evidence_);
  options()->Number({.names = "--probe-rate-max",
                     .help = "Events a second of one probe, three times as many of all; above it for 2 s a probe is "
                             "switched off for a minute",
                     .type = "N",
                     .check = CheckedBy(ParsePositive)},
                    &probe_rate_max_);
  options()->Number({.names = "--probe-cpu-max",
                     .help = "What all probes may cost, in percent of a CPU",
                     .type = "N",
                     .check = CheckedBy(ParsePositive)},
                    &probe_cpu_max_);
}

RecorderOptions RecordVerb::MakeOptions() const {
  RecorderOptions options;
  options.tracefs = tracefs_;
  options.profile = profile_;
  options.extra_events = events_;
  options.evidence = evidence_ == "deep" ? EvidenceLevel::kDeep : EvidenceLevel::kTracepoints;
  options.probe_limits.rate_max = probe_rate_max_;
  options.probe_limits.rate_all_max = 3 * probe_rate_max_;
  options.probe_limits.cpu_percent_max = static_cast<double>(probe_cpu_max_);
  options.buffer_kb_per_cpu = static_cast<uint32_t>(buffer_kb_);
  return options;
}

Status RecordVerb::Record(Recorder* recorder, RecordingWriter* writer, ChildCommand* command) const {
  const std::chrono::nanoseconds duration(ParseDuration(duration_).value_or(0));
  Progress progress("recorded");
  StoreQueue queue(*writer, kQueueBytesMax);
  const Status recorded = recorder->Run(duration, StopFlag(), [&](Batch&& batch) -> Status {
    // The first batch shows that events are being taken.
    if (command != nullptr) command->Release();
    progress.Show(recorder->totals().events);
    return queue.Push(std::move(batch));
  });
  const Status stored = queue.Close();
  return stored ? recorded : stored;
}

Result<Report> RecordVerb::Analyse(RecordingWriter* writer) const {
  const auto input = OpenRecording(output_);
  if (!input) return Fail(input.error());
  EngineOptions options;
  thresholds_.Fill(&options);
  ShippedVerdicts verdicts({.time_max = kVerdictMax});
  Progress progress("analysed");
  PipelineOptions pipeline;
  pipeline.stop = &AbortFlag();
  pipeline.progress = [&](uint64_t events) { progress.Show(events); };
  auto report = AnalyseStored(**input, *writer, options, pipeline);
  if (!report) return report;
  if (auto status = writer->StoreReport(*report); !status) return Fail(status.error());
  verdicts.Wait([] { return AbortFlag().load(); });
  if (auto status = writer->StoreVerdicts(verdicts.Known()); !status) return Fail(status.error());
  return report;
}

void RecordVerb::SayTotals(const RecorderTotals& totals) const {
  for (const std::string& warning : totals.warnings) Warn(warning);
  if (!totals.probes.empty()) Say("evidence: " + totals.evidence + MissedText(totals));
  const std::string what =
      fmt::format("{}: {} events in {} batches", output_, CountText(totals.events), totals.batches);
  if (totals.lost > 0 || totals.gaps > 0) {
    Warn(fmt::format("{}; {} EVENTS WERE LOST in {} gaps: larger buffers (--buffer-kb) or a smaller --profile may help",
                     what, CountText(totals.lost), totals.gaps));
  } else {
    Say(what);
  }
}

ExitCode RecordVerb::Run() {
  const auto recorder = Recorder::Create(MakeOptions());
  if (!recorder) return ComplainOfUsage(recorder.error());
  const auto writer = RecordingWriter::Create(output_, force_);
  if (!writer) return ComplainOfUsage(writer.error());
  std::unique_ptr<ChildCommand> command;
  if (!command_.empty()) {
    auto held = ChildCommand::Hold(command_, &StopFlag());
    if (!held) return Complain(held.error());
    command = std::move(*held);
  }

  const auto recorded = Record(recorder->get(), writer->get(), command.get());
  if (command != nullptr) {
    command->End();
    Say(PrintableText(command_.front()) + " " + command->Outcome());
  }
  SayTotals((*recorder)->totals());
  const bool stopped = !recorded && recorded.error().code == ErrorCode::kInterrupted;
  if (!recorded && !stopped) {
    Complain(recorded.error());
    const auto closed = (*writer)->Close();
    Warn(closed ? output_ + " holds what was recorded before" : closed.error().Text());
    return ExitCode::kError;
  }

  const auto report = no_report_ ? Result<Report>(Report()) : Analyse(writer->get());
  const auto closed = (*writer)->Close();
  if (!report) return Complain(report.error());
  if (!closed) return Complain(closed.error());
  if (!no_report_) {
    std::string text;
    ViewWriter({.format = format_.format(), .all_threads = all_, .rows_max = rows_}, [&](std::string_view piece) {
      text += piece;
    }).Finish(*report);
    const auto printed = Print(text);
    if (!printed) return Complain(printed.error());
  }
  if (Interrupted()) return ExitCode::kInterrupted;
  if (no_report_) return (*recorder)->totals().gaps > 0 ? ExitCode::kGaps : ExitCode::kFine;
  return ExitFor(*report, fail_on_.level());
}

}  // namespace wakewatch
