#include "server/cli/import.h"

#include <chrono>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "analysis/report/printable.h"
#include "analysis/report/report_json.h"
#include "analysis/report/report_text.h"
#include "collector/agent/uplink.h"
#include "proto/wire/batch_codec.h"
#include "server/cli/diagnostics.h"
#include "server/cli/interrupt.h"
#include "server/cli/progress.h"
#include "server/live/import.h"
#include "server/live/replay.h"
#include "server/live/shipped_verdicts.h"
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
      server_(options(), "Stream it to this server instead, as the recording of --host"),
      thresholds_(options()),
      format_(options(), {"text", "json"}) {
  options()->Text({.names = "-o,--output", .help = "The recording to create", .type = "FILE"}, &output_);
  options()->Text({.names = "--host", .help = "With --server: the name under which it is kept there", .type = "NAME"},
                  &host_);
  options()->Flag("-f,--force", "Replace the recording if it exists", &force_);
  options()->Examples(
      {"wakewatch import trace.dat -o rec.db", "wakewatch import trace.dat --server 127.0.0.1:7400 --host lab-7"});
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
  ImportJob job{.path = output_, .replace = force_};
  thresholds_.Fill(&job.engine);
  ShippedVerdicts verdicts({.time_max = kVerdictMax});
  Progress progress("imported");
  job.pipeline.stop = &StopFlag();
  job.pipeline.progress = [&](uint64_t events) { progress.Show(events); };
  job.verdicts = [&] {
    verdicts.Wait([] { return Interrupted(); });
    return verdicts.Known();
  };
  return ImportToFile(**input, job);
}

Status ImportVerb::ImportRemotely() const {
  constexpr size_t kWaitingMax = 16u << 20;  // bytes: far below what makes the queue drop
  constexpr std::chrono::seconds kPatience{30};
  const auto input = input_.Open();
  if (!input) return Fail(input.error());
  ReplayOptions replay;
  replay.host = host_;
  replay.session = "import-" + std::to_string(std::chrono::system_clock::now().time_since_epoch().count());
  replay.boot_id = replay.session;
  auto batches = MakeBatches(**input, replay);
  if (!batches) return Fail(batches.error());
  v1::Session session;
  SessionToMessage(*batches->front().session, &session);
  if (const auto good = SessionFromMessage(session); !good) return Fail(good.error());
  UplinkOptions options;
  options.server = server_.server();
  options.access = server_.remote().access;
  options.gives_up_when_refused = true;
  Uplink uplink(options, {});
  Progress progress("sent");
  const auto undelivered = [&] {
    const UplinkStats stats = uplink.stats();
    if (stats.gave_up) return Fail(ErrorCode::kPermission, stats.problem);  // which says what can be done
    return Fail(Error{
        .code = ErrorCode::kIo,
        .cause = stats.problem.empty() ? server_.server() + " did not acknowledge everything in time" : stats.problem,
        .remedy = "is the server running there? wakewatch serve --help"});
  };
  for (Batch& batch : *batches) {
    if (StopFlag().load()) return Fail(ErrorCode::kInterrupted, "interrupted");
    uplink.Offer(std::move(batch));
    const UplinkStats stats = uplink.stats();
    progress.Show(stats.events_acked);
    if (stats.queue_bytes > kWaitingMax && !uplink.AwaitDelivery(kPatience)) return undelivered();
  }
  if (!uplink.Finish(kPatience).delivered) return undelivered();
  const UplinkStats stats = uplink.stats();
  Say(fmt::format("{}: {} events sent to {} as host {}", PrintableText(input_.path()), CountText(stats.events_acked),
                  server_.server(), host_));
  if (stats.events_refused > 0) {
    return Fail(Error{.code = ErrorCode::kCorrupt,
                      .cause = "the server refused " + std::to_string(stats.events_refused) + " events",
                      .file = server_.server()});
  }
  return {};
}

ExitCode ImportVerb::Run() {
  const bool remote = !server_.server().empty();
  if (remote != output_.empty() || remote == host_.empty()) {
    return ComplainOfUsage(Error{.code = ErrorCode::kInvalidArgument,
                                 .cause = "import needs either -o FILE, or --server HOST:PORT and --host NAME"});
  }
  if (remote) {
    const auto sent = ImportRemotely();
    return sent ? ExitCode::kFine : ComplainOfUsage(sent.error());
  }
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
