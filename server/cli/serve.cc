#include "server/cli/serve.h"

#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <thread>

#include <fmt/format.h>
#include <grpcpp/channel.h>

#include "proto/wire/address.h"
#include "server/cli/diagnostics.h"
#include "server/cli/interrupt.h"
#include "server/cli/values.h"
#include "server/http/gateway.h"
#include "server/rpc/fleet_metrics.h"
#include "server/rpc/grpc_server.h"

namespace wakewatch {
namespace {

constexpr std::chrono::seconds kShippedCheckMax{20};
constexpr std::chrono::seconds kTrimEvery{60};
constexpr uint64_t kMiB = 1u << 20, kGiB = 1u << 30;

std::chrono::seconds Seconds(const std::string& duration) {
  return std::chrono::seconds(ParseDuration(duration).value_or(0) / 1'000'000'000);
}

// A session holds three files open; the usual soft limit of 1024 would be reached with 340 hosts.
void RaiseFileLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) Warn("the limit of open files could not be raised");
}

// A block from this size on is given back when it is freed. Left to itself the C library raises its limit to the
// largest block that was ever freed, and then keeps what a snapshot took between the small blocks of its arenas.
void GiveLargeBlocksBack() {
#ifdef __GLIBC__
  constexpr int kBytes = 256 << 10;
  mallopt(M_MMAP_THRESHOLD, kBytes);
#endif
}

// Until it is told to stop. Each minute a session's snapshot takes as much memory as all that it keeps, on whichever
// thread has its turn, and the C library holds on to what each of its arenas ever had at once: that is given back.
void ServeUntilStopped() {
  auto trim_at = std::chrono::steady_clock::now() + kTrimEvery;
  while (!StopFlag().load()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    if (std::chrono::steady_clock::now() < trim_at) continue;
#ifdef __GLIBC__
    malloc_trim(0);
#endif
    trim_at = std::chrono::steady_clock::now() + kTrimEvery;
  }
}

}  // namespace

ServeVerb::ServeVerb(CommandLine* line)
    : Verb(line->AddVerb("serve", "Take in what collectors stream, analyse it live, and answer clients and browsers")) {
  const auto duration = [&](const std::string& name, const std::string& help, std::string* value) {
    options()->Text({.names = name, .help = help, .type = "DURATION", .check = CheckedBy(ParseDuration)}, value);
  };
  const auto endpoint = [&](const std::string& name, const std::string& help, std::string* value) {
    options()->Text({.names = name, .help = help, .type = "ADDRESS:PORT", .check = CheckedBy(ParseEndpoint)}, value);
  };
  options()->Text({.names = "--data", .help = "Where recordings are kept", .type = "DIR"}, &data_);
  options()->Flag("--check-store",
                  "Read every page and chunk of what is stored before serving it, and put away what is damaged",
                  &check_store_);
  endpoint("--listen", "For collectors and gRPC clients; port 0: any free one", &listen_);
  endpoint("--http", "For browsers, Prometheus and health checks; port 0: any free one", &http_);
  options()->Text({.names = "--web",
                   .help = "The dashboard's files; default: those that were built with this program",
                   .type = "DIR"},
                  &web_);
  options()->List({.names = "--allow-origin",
                   .help = "A web page of this origin may call the server too; may be repeated",
                   .type = "ORIGIN"},
                  &origins_);
  AddAccessOptions();
  duration("--keep", "Recordings are removed this long after their events came in, by the server's clock", &keep_);
  options()->Flag("--remove-overdue",
                  "Go on where most of a host is overdue by more than a day, after a long stop: the clock is right",
                  &remove_overdue_);
  options()->Number({.names = "--keep-gib", .help = "Of each host at most this much is kept", .type = "GIB"},
                    &keep_gib_);
  options()->Number({.names = "--host-gib-per-day",
                     .help = "A host that has sent so much in a day (UTC) is refused until the next; 0: no limit",
                     .type = "GIB"},
                    &host_gib_per_day_);
  options()->Number(
      {.names = "--host-events-per-second",
       .help = "A host that sends more is read more slowly while others stream, and keeps the rest in its "
               "own queue; 0: no limit",
       .type = "N"},
      &host_events_per_second_);
  options()->Number({.names = "--import-gib",
                     .help = "Files that are uploaded to be imported may have so much together; 0: none is taken",
                     .type = "GIB"},
                    &import_gib_);
  duration("--keep-findings", "Findings, and the 2 s around them, are kept this long", &keep_findings_);
  options()->Number(
      {.names = "--part-mib", .help = "A recording's file is followed by the next at this size", .type = "MIB"},
      &part_mib_);
  duration("--part-span", "or when it spans this much time", &part_span_);
  duration("--latency-threshold", "A wait at least this long is a finding", &latency_);
  duration("--sleep-threshold", "A sleep is looked at from this length on", &sleep_);
  duration("--hung-threshold", "An uninterruptible sleep (D) at least this long is a finding", &hung_);
  duration("--conservation-span", "A CPU that is idle for this long beside a task that waits for another is a finding",
           &conservation_);
  duration("--dispatch-tolerance",
           "Of the time that a wait is longer than the reference schedule's, this much is no excess", &tolerance_);
  options()->Number({.names = "--snapshots-per-minute",
                     .help = "Of each host, stacks of tasks that are suspected while they still sleep; 0: none",
                     .type = "N"},
                    &snapshots_per_minute_);
  line->TakesConfiguration(*options());
  options()->Examples({"wakewatch serve --config /etc/wakewatch/server.toml",
                       "wakewatch serve --data /var/lib/wakewatch",
                       "wakewatch serve --data ./data --listen 127.0.0.1:0 --http 127.0.0.1:0"});
}

void ServeVerb::AddAccessOptions() {
  const auto file = [&](const std::string& name, const std::string& help, std::string* value) {
    options()->Text({.names = name, .help = help, .type = "FILE"}, value);
  };
  file("--tls-cert", "Speak TLS, with this certificate and those behind it (PEM); read again when it changes",
       &tls_.certificate);
  file("--tls-key", "and its key", &tls_.key);
  file("--tls-client-ca", "gRPC clients must have a certificate of this authority; its names are the hosts they may be",
       &tls_.client_ca);
  options()->Flag("--require-auth", "Ask for tokens even where there are none yet and only this machine is listened to",
                  &require_auth_);
}

void ServeVerb::SayWhoMayCall(AccessControl* access) const {
  if (access->IsOpen()) {
    Say("nobody is asked for a token: whoever is on this machine may do everything, until there is a first one "
        "(wakewatch token create)");
  } else if (tls_.client_ca.empty() && !TokenFile(data_).Read()) {
    Warn("nobody can call yet: there is no token (wakewatch token create --data " + data_ + ")");
  }
}

FleetOptions ServeVerb::MakeFleetOptions() const {
  FleetOptions fleet;
  fleet.data_folder = data_;
  if (check_store_) fleet.check = CheckDepth::kFull;
  fleet.live.store.part_bytes_max = part_mib_ * kMiB;
  fleet.live.store.part_span_max = Seconds(part_span_);
  EngineOptions& engine = fleet.live.engine;
  engine.latency_threshold_ns = ParseDuration(latency_).value_or(engine.latency_threshold_ns);
  engine.sleep_threshold_ns = ParseDuration(sleep_).value_or(engine.sleep_threshold_ns);
  engine.hung_threshold_ns = ParseDuration(hung_).value_or(engine.hung_threshold_ns);
  engine.conservation_span_ns = ParseDuration(conservation_).value_or(engine.conservation_span_ns);
  engine.dispatch_tolerance_ns = ParseDuration(tolerance_).value_or(engine.dispatch_tolerance_ns);
  fleet.snapshots.per_minute = static_cast<unsigned>(std::min<uint64_t>(snapshots_per_minute_, 60'000));
  fleet.shipped_check_max = kShippedCheckMax;
  fleet.host_bytes_per_day_max = host_gib_per_day_ > (UINT64_MAX >> 30) ? UINT64_MAX : host_gib_per_day_ * kGiB;
  fleet.host_events_per_second = host_events_per_second_;
  fleet.uploads.bytes_max = import_gib_ > (UINT64_MAX >> 30) ? UINT64_MAX : import_gib_ * kGiB;
  fleet.retention.age = Seconds(keep_);
  fleet.retention_holds_back = !remove_overdue_;
  fleet.retention.bytes_per_host_max = keep_gib_ * kGiB;
  fleet.retention.findings_age = Seconds(keep_findings_);
  fleet.log = [](const std::string& text, bool warning) { warning ? Warn(text) : Say(text); };
  return fleet;
}

// Beside the program, as it is built and as it is installed: bin/wakewatch, share/wakewatch/web.
std::string ServeVerb::WebFolder() const {
  if (!web_.empty()) return web_;
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return {};
  const auto folder = program.parent_path().parent_path() / "share" / "wakewatch" / "web";
  return std::filesystem::exists(folder / "index.html", error) ? folder.string() : std::string();
}

ExitCode ServeVerb::Run() {
  const auto listen = ParseEndpoint(listen_), http = ParseEndpoint(http_);
  if (!listen || !http) return ComplainOfUsage(!listen ? listen.error() : http.error());
  GiveLargeBlocksBack();
  RaiseFileLimit();
  if (auto tls = CheckTlsFiles(tls_); !tls) return ComplainOfUsage(tls.error());
  AccessControl access({.data_folder = data_,
                        .open_without_tokens = !require_auth_ && tls_.client_ca.empty() &&
                                               IsLoopback(listen->address) && IsLoopback(http->address),
                        .warn = [](const std::string& text) { Warn(text); }});
  std::atomic<bool> stopping{false};
  const auto fleet = Fleet::Open(MakeFleetOptions());
  if (!fleet) return Complain(fleet.error());
  Recordings recordings(fleet->get());
  GrpcServerOptions grpc_options{
      .address = listen->address, .port = listen->port, .tls = tls_, .access = &access, .limits = {}};
  grpc_options.limits.version = WAKEWATCH_VERSION;
  grpc_options.limits.stopping = &stopping;
  const auto server = GrpcServer::Start(&recordings, grpc_options);
  if (!server) return Complain(server.error());

  GatewayOptions gateway_options;
  gateway_options.address = http->address;
  gateway_options.port = http->port;
  gateway_options.web_folder = WebFolder();
  gateway_options.allowed_origins = origins_;
  gateway_options.tls = tls_;
  gateway_options.access = &access;
  auto gateway = Gateway::Start(
      gateway_options, (*server)->InProcessChannel(), [&] { return FleetMetricsText(**fleet, WAKEWATCH_VERSION); },
      [&] {
        return stopping ? Health{false, "stopping"} : Health{true, "serving"};
      });
  if (!gateway) return Complain(gateway.error());
  Say(fmt::format("collectors and gRPC clients: {}:{}", listen->address, (*server)->port()));
  Say(fmt::format("dashboard: {}://{}:{}/", tls_.used() ? "https" : "http", http->address, (*gateway)->port()));
  SayWhoMayCall(&access);

  ServeUntilStopped();
  Say("stopping: storing what waits");
  stopping = true;
  (*fleet)->Stop();
  gateway->reset();
  (*server)->Stop();
  return ExitCode::kFine;
}

}  // namespace wakewatch
