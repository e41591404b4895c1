#include "server/cli/analysis_options.h"

#include "server/cli/interrupt.h"
#include "server/cli/progress.h"
#include "server/cli/values.h"
#include "server/live/pipeline.h"
#include "server/store/finding_query.h"
#include "server/store/recording.h"
#include "server/store/session_store.h"

namespace wakewatch {
namespace {

// The files of a recording; none: the path is another trace's.
std::vector<std::string> RecordingParts(const std::string& path) {
  if (IsRecording(path)) return {path};
  return Parts(path);
}

}  // namespace

ThresholdOptions::ThresholdOptions(VerbOptions* options) {
  const auto add = [&](const std::string& name, const std::string& help, std::string* value) {
    options->Text({.names = name, .help = help, .type = "DURATION", .check = CheckedBy(ParseDuration)}, value);
  };
  add("--latency-threshold", "A wait at least this long is a finding", &latency_);
  add("--sleep-threshold", "A sleep is looked at from this length on; a thread's learnt period raises it", &sleep_);
  add("--hung-threshold", "An uninterruptible sleep (D) at least this long is a finding", &hung_);
  add("--conservation-span", "A CPU that is idle for this long beside a task that waits for another is a finding",
      &conservation_);
  add("--dispatch-tolerance", "Of the time that a wait is longer than the reference schedule's, this much is no excess",
      &tolerance_);
}

void ThresholdOptions::Fill(EngineOptions* options) const {
  // CLI11 has refused what does not parse.
  options->latency_threshold_ns = ParseDuration(latency_).value_or(options->latency_threshold_ns);
  options->sleep_threshold_ns = ParseDuration(sleep_).value_or(options->sleep_threshold_ns);
  options->hung_threshold_ns = ParseDuration(hung_).value_or(options->hung_threshold_ns);
  options->conservation_span_ns = ParseDuration(conservation_).value_or(options->conservation_span_ns);
  options->dispatch_tolerance_ns = ParseDuration(tolerance_).value_or(options->dispatch_tolerance_ns);
}

void ThresholdOptions::Fill(RemoteView* view) const {
  EngineOptions own;
  Fill(&own);
  const EngineOptions usual;
  const auto unless_usual = [](uint64_t ns, uint64_t usual_ns) { return ns == usual_ns ? 0 : ns; };
  view->latency_threshold_ns = unless_usual(own.latency_threshold_ns, usual.latency_threshold_ns);
  view->sleep_threshold_ns = unless_usual(own.sleep_threshold_ns, usual.sleep_threshold_ns);
  view->hung_threshold_ns = unless_usual(own.hung_threshold_ns, usual.hung_threshold_ns);
  view->conservation_span_ns = unless_usual(own.conservation_span_ns, usual.conservation_span_ns);
  view->dispatch_tolerance_ns = unless_usual(own.dispatch_tolerance_ns, usual.dispatch_tolerance_ns);
}

InputOption::InputOption(VerbOptions* options, bool required) {
  options->Text({.names = "-i,--input,file",
                 .help = "A trace (see `wakewatch list formats`) or a recording",
                 .type = "FILE",
                 .required = required},
                &path_);
  options->Text({.names = "--buffer",
                 .help = "The instance buffer to read; default: the main one, or the first that has events",
                 .type = "NAME"},
                &buffer_);
}

ServerOption::ServerOption(VerbOptions* options, const std::string& help) {
  options->Text({.names = "--server", .help = help, .type = "HOST:PORT"}, &remote_.address);
  const auto file = [&](const std::string& name, const std::string& what, std::string* value) {
    options->Text({.names = name, .help = what, .type = "FILE"}, value);
  };
  file("--token-file", "The token that lets us ask the server", &remote_.access.token_file);
  file("--tls-ca", "The authority of its certificate; to other machines TLS is always spoken", &remote_.access.tls_ca);
  file("--tls-cert", "A certificate of ours, where the server asks for one", &remote_.access.tls_certificate);
  file("--tls-key", "and its key", &remote_.access.tls_key);
}

Result<std::unique_ptr<TraceInput>> InputOption::Open() const {
  OpenOptions options;
  if (!buffer_.empty()) options.buffer = buffer_;
  return OpenTraceOrRecording(path_, options);
}

SpanOptions::SpanOptions(VerbOptions* options, const std::string& prefix)
    : since_name_("--" + prefix + "since"), until_name_("--" + prefix + "until") {
  const auto add = [&](const std::string& name, const std::string& help, std::string* value) {
    options->Text({.names = name, .help = help, .type = "TIME", .check = CheckedBy(ParseTimePoint)}, value);
  };
  add(since_name_, "Leave out what starts before: 41.5 (trace seconds) or '2026-11-21 14:03'", &since_);
  add(until_name_, "Leave out what starts after", &until_);
}

Status SpanOptions::Fill(const TraceMetadata& metadata, EngineOptions* options) const {
  const auto resolve = [&](const std::string& text, uint64_t* ns) -> Status {
    if (text.empty()) return {};
    const auto point = ParseTimePoint(text);
    if (!point) return Fail(point.error());
    auto trace = TraceTime(*point, metadata.clock_pairs);
    if (!trace) {
      trace.error().file = metadata.path;
      return Fail(trace.error());
    }
    *ns = *trace;
    return {};
  };
  if (auto status = resolve(since_, &options->since_ns); !status) return status;
  if (auto status = resolve(until_, &options->until_ns); !status) return status;
  if (options->since_ns > options->until_ns) {
    return Fail(ErrorCode::kInvalidArgument, until_name_ + " " + until_ + " is before " + since_name_ + " " + since_);
  }
  return {};
}

Status SpanOptions::Fill(RemoteView* view) const {
  const auto since = since_.empty() ? Result<TimePoint>(TimePoint()) : ParseTimePoint(since_);
  const auto until = until_.empty() ? Result<TimePoint>(TimePoint()) : ParseTimePoint(until_);
  if (!since || !until) return Fail(!since ? since.error() : until.error());
  if (!since_.empty() && !until_.empty() && since->wall != until->wall) {
    return Fail(ErrorCode::kInvalidArgument,
                since_name_ + " and " + until_name_ + " must both be trace times or both wall times");
  }
  view->since_ns = since->ns;
  view->until_ns = until->ns;
  view->real_time = since->wall || until->wall;
  return {};
}

FilterOptions::FilterOptions(VerbOptions* options) {
  options->List({.names = "--task",
                 .help = "Show this task only: a pid, a name, or the front of one with *; may be repeated",
                 .type = "PID|NAME"},
                &tasks_);
  options->Text({.names = "--cpu",
                 .help = "Show findings that ended on these CPUs only",
                 .type = "LIST",
                 .check = CheckedBy(ParseCpus)},
                &cpus_);
  options->List({.names = "--check",
                 .help = "Show findings of this check only (see `wakewatch list checks`); may be repeated",
                 .type = "NAME"},
                &checks_);
  options->List({.names = "--class",
                 .help = "Show findings of this class or cause only, such as kthread-stop or hog; may be repeated",
                 .type = "NAME"},
                &classes_);
  options->Text({.names = "--confidence",
                 .help = "Show findings that are at least this certain",
                 .type = "",
                 .choices = {"suspicious", "strong", "proven"}},
                &confidence_);
  options->Flag("--all", "Show user tasks too, not kernel threads alone", &all_);
}

ReportFilter FilterOptions::filter() const {
  ReportFilter filter;
  filter.tasks = tasks_;
  filter.checks = checks_;
  filter.classes = classes_;
  if (!confidence_.empty()) filter.confidence_min = ParseConfidence(confidence_).value_or(filter.confidence_min);
  if (!cpus_.empty()) filter.cpus = ParseCpus(cpus_).value_or(std::vector<uint32_t>());
  return filter;
}

FailOnOption::FailOnOption(VerbOptions* options) {
  options->Text({.names = "--fail-on",
                 .help = "Exit with 4 when a shown finding is at least this certain",
                 .type = "",
                 .choices = {"suspicious", "strong", "proven"}},
                &level_);
}

std::optional<Confidence> FailOnOption::level() const {
  if (level_.empty()) return std::nullopt;
  const auto level = ParseConfidence(level_);
  return level ? std::optional(*level) : std::nullopt;
}

AnalysisOptions::AnalysisOptions(VerbOptions* options, bool file_required)
    : input_(options, file_required), server_(options), span_(options), filter_(options), thresholds_(options) {}

Result<Report> AnalysisOptions::Analyse(const std::function<void(const MeasuredWait&)>& on_wait) const {
  auto input = input_.Open();
  if (!input) return Fail(input.error());
  EngineOptions options;
  thresholds_.Fill(&options);
  const ReportFilter filter = filter_.filter();
  options.checks = filter.checks;
  if (on_wait) {
    options.on_wait = [&](const MeasuredWait& wait) {
      if ((all_threads() || IsKernelThread(wait.thread)) && Shows(filter, wait)) on_wait(wait);
    };
  }
  if (auto status = span_.Fill((*input)->metadata(), &options); !status) return Fail(status.error());
  Progress progress("analysed");
  PipelineOptions pipeline;
  pipeline.stop = &StopFlag();
  pipeline.progress = [&](uint64_t events) { progress.Show(events); };
  auto report = AnalyseTrace(**input, options, pipeline);
  if (!report) return report;
  if (Interrupted()) return Fail(ErrorCode::kInterrupted, "interrupted");
  AttachSnapshots(RecordingParts(input_.path()), &report->findings);
  Apply(filter, &*report);
  return report;
}

Result<RemoteView> AnalysisOptions::MakeRemoteView(const ViewOptions& view) const {
  RemoteView remote;
  auto recording = ParseRemoteRecording(input_.path());
  if (!recording) return Fail(recording.error());
  remote.recording = std::move(*recording);
  remote.view = view;
  remote.filter = filter_.filter();
  thresholds_.Fill(&remote);
  if (auto status = span_.Fill(&remote); !status) return Fail(status.error());
  return remote;
}

}  // namespace wakewatch
