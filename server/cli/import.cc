#include "server/cli/import.h"

#include <filesystem>
#include <system_error>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "analysis/report/printable.h"
#include "analysis/report/report_json.h"
#include "analysis/report/report_text.h"
#include "server/cli/diagnostics.h"
#include "server/cli/interrupt.h"
#include "server/cli/progress.h"
#include "server/live/import.h"
#include "server/store/recording.h"

namespace wakewatch {
namespace {

struct ImportAnswer {
  std::string path;
  uint64_t bytes = 0;
};

std::string WriteAnswer(const ImportAnswer& answer, const Report& report, OutputFormat format) {
  if (format == OutputFormat::kJson) {
    const nlohmann::ordered_json value = {{"schema_version", kReportSchemaVersion},
                                          {"path", answer.path},
                                          {"bytes", answer.bytes},
                                          {"events", report.events},
                                          {"lost_events", report.lost_events},
                                          {"lost_unknown", report.lost_unknown},
                                          {"gaps", report.gaps.size()},
                                          {"findings", report.findings.size()}};
    return value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) + '\n';
  }
  const double bytes_an_event =
      report.events == 0 ? 0 : static_cast<double>(answer.bytes) / static_cast<double>(report.events);
  return LossText(report) + fmt::format("{}: {} events, {} bytes ({:.1f} an event), {} findings\n",
                                        PrintableText(answer.path), CountText(report.events), CountText(answer.bytes),
                                        bytes_an_event, CountText(report.findings.size()));
}

}  // namespace

ImportVerb::ImportVerb(CommandLine* line)
    : Verb(line->AddVerb("import", "Store a trace as a recording")),
      input_(options()),
      thresholds_(options()),
      format_(options(), {"text", "json"}) {
  options()->Text({.names = "-o,--output", .help = "The recording to create", .type = "FILE", .required = true},
                  &output_);
  options()->Flag("-f,--force", "Replace the recording if it exists", &force_);
  options()->Examples({"wakewatch import trace.dat -o rec.db"});
}

Result<Report> ImportVerb::Import() const {
  const auto input = input_.Open();
  if (!input) return Fail(input.error());
  std::error_code ignored;
  if (std::filesystem::equivalent(input_.path(), output_, ignored)) {
    return Fail(Error{.code = ErrorCode::kInvalidArgument,
                      .cause = "the recording to create is the input itself",
                      .file = output_,
                      .remedy = "name another file with -o"});
  }
  const auto writer = RecordingWriter::Create(output_, force_);
  if (!writer) return Fail(writer.error());
  EngineOptions options;
  thresholds_.Fill(&options);
  Progress progress("imported");
  PipelineOptions pipeline;
  pipeline.stop = &StopFlag();
  pipeline.progress = [&](uint64_t events) { progress.Show(events); };
  auto report = ImportTrace(**input, **writer, options, pipeline);
  if (report) {
    if (auto status = (*writer)->StoreReport(*report); !status) return Fail(status.error());
  }
  const auto closed = (*writer)->Close();
  if (!report) return report;
  if (!closed) return Fail(closed.error());
  return report;
}

ExitCode ImportVerb::Run() {
  const auto report = Import();
  if (!report) return ComplainOfUsage(report.error());
  std::error_code ignored;
  const auto bytes = std::filesystem::file_size(output_, ignored);
  const auto printed = Print(WriteAnswer({output_, ignored ? 0 : bytes}, *report, format_.format()));
  if (!printed) return Complain(printed.error());
  if (Interrupted()) {
    Warn(output_ + " holds what was imported before the interrupt");
    return ExitCode::kInterrupted;
  }
  return ExitFor(*report, std::nullopt);
}

}  // namespace wakewatch
