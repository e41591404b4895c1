// Why: the entry of `wakewatch-collector`: options in, an agent that runs until it is told to stop, an exit code out.
#include <malloc.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

#include "collector/agent/agent.h"
#include "collector/agent/agent_metrics.h"
#include "collector/agent/service_notifier.h"
#include "collector/broker/broker_process.h"
#include "collector/broker/privileges.h"
#include "collector/cli/options.h"
#include "collector/local_access.h"
#include "collector/topology.h"
#include "proto/wire/client_channel.h"

namespace wakewatch {
namespace {

constexpr int kFine = 0, kError = 1, kLost = 3;

std::atomic<bool> stop{false};
static_assert(std::atomic<bool>::is_always_lock_free, "signal handlers may only touch lock-free atomics");

void CatchSignals() {
  struct sigaction action = {};
  action.sa_handler = [](int) { stop = true; };
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  action.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &action, nullptr);
}

void SetUpLog(const std::string& level) {
  auto logger = spdlog::stderr_logger_mt("wakewatch-collector");
  logger->set_pattern("%Y-%m-%d %H:%M:%S.%e %n: %l: %v");
  logger->set_level(spdlog::level::from_str(level));
  spdlog::set_default_logger(std::move(logger));
}

RecorderOptions OptionsOfRecorder(const CollectorOptions& options) {
  RecorderOptions recorder;
  recorder.host = options.host;
  recorder.profile = options.profile;
  recorder.buffer_kb_per_cpu = static_cast<uint32_t>(options.buffer_kb);
  if (options.evidence == "deep") recorder.evidence = EvidenceLevel::kDeep;
  recorder.probe_limits.rate_max = options.probe_rate_max;
  recorder.probe_limits.rate_all_max = 3 * options.probe_rate_max;
  recorder.probe_limits.cpu_percent_max = options.probe_cpu_max;
  BoundForService(static_cast<uint32_t>(Topology().Online().size()), &recorder);
  return recorder;
}

// The spool is written by who delivers. Whatever an earlier start left there is his, too. What goes wrong here is told
// where it matters, when the spool is opened.
void GiveSpoolTo(const UserIds& user, const std::string& folder) {
  namespace fs = std::filesystem;
  if (folder.empty() || geteuid() != 0) return;
  std::error_code error;
  const bool made = fs::create_directories(folder, error);
  if (made) fs::permissions(folder, fs::perms::owner_all, error);
  std::vector<std::string> paths = {folder};
  for (const auto& entry : fs::directory_iterator(folder, error)) paths.push_back(entry.path());
  for (const std::string& path : paths) {
    if (lchown(path.c_str(), user.uid, user.gid) == 0) continue;
    spdlog::warn("{} cannot be given to the user {}: {}", path, user.name, std::strerror(errno));
    return;
  }
}

// What recording needs privileges for: in a process of its own, after which this one has none, or in this one.
class Kernel {
 public:
  Status Open(const CollectorOptions& options, const RecorderOptions& recorder) {
    if (options.no_drop) return OpenHere(options, recorder);
    const auto user = FindUser(options.user);
    if (!user) return Fail(user.error());
    BrokerStart start;
    start.tracefs = options.tracefs;
    start.instance_prefix = recorder.instance_prefix;
    start.limits.buffers = {recorder.buffer_kb_per_cpu, recorder.subbuffer_kb};
    start.limits.probes = recorder.evidence == EvidenceLevel::kDeep;
    auto broker = BrokerProcess::Start(start);
    if (!broker) return Fail(broker.error());
    broker_ = *std::move(broker);
    const bool root = geteuid() == 0;
    GiveSpoolTo(*user, options.spool);
    if (auto given_up = GiveUpPrivileges(*user); !given_up) return given_up;
    spdlog::info("process {} keeps the privileges; this one goes on {} without any", broker_->pid(),
                 root ? "as " + user->name : "as the user it was");
    return {};
  }
  KernelAccess* access() { return local_ ? local_.get() : broker_->access(); }

 private:
  Status OpenHere(const CollectorOptions& options, const RecorderOptions& recorder) {
    Warnings warnings;
    auto tracefs = FindTracefs(options.tracefs, &warnings);
    if (!tracefs) return Fail(tracefs.error());
    for (const std::string& warning : warnings) spdlog::warn("{}", warning);
    local_ = std::make_unique<LocalAccess>(*std::move(tracefs), recorder.instance_prefix);
    return {};
  }

  std::unique_ptr<BrokerProcess> broker_;
  std::unique_ptr<KernelAccess> local_;
};

int ExitCodeOf(const CollectorOptions& options, const Agent::Outcome& outcome) {
  if (!outcome.recorded) {
    spdlog::error("{}", outcome.recorded.error().Text());
    if (outcome.delivery.kept && outcome.delivery.batches_left > 0) {
      spdlog::warn("{} batches are kept in {} for the next start", outcome.delivery.batches_left, options.spool);
    }
    return kError;
  }
  const UplinkStats& up = outcome.state.uplink;
  spdlog::info("{} events read, {} acknowledged, {} lost while recording, {} dropped, {} refused",
               outcome.state.events_read, up.events_acked, outcome.events_lost, up.events_dropped, up.events_refused);
  if (!outcome.delivery.delivered && outcome.delivery.kept) {
    spdlog::warn("{} batches are kept in {} for the next start: {}", outcome.delivery.batches_left, options.spool,
                 outcome.delivery.problem);
    return options.once ? kError : kFine;
  }
  if (!outcome.delivery.delivered) {
    spdlog::error("{} batches with {} events were not delivered: {}", outcome.delivery.batches_left,
                  outcome.delivery.events_left, outcome.delivery.problem);
    return options.once ? kError : kFine;
  }
  const bool lost = outcome.events_lost > 0 || outcome.gaps > 0 || up.events_dropped > 0 || up.events_refused > 0;
  return options.once && lost ? kLost : kFine;
}

int Run(const CollectorOptions& options) {
  const char* const socket = std::getenv("NOTIFY_SOCKET");
  ServiceNotifier systemd(socket == nullptr ? "" : socket);  // before the user changes, who may not reach its socket
  const RecorderOptions recorder_options = OptionsOfRecorder(options);
  ServerAccess server_access = options.access;
  if (!options.no_drop) HoldFiles(&server_access);  // who delivers may not be allowed to read them
  Kernel kernel;                                    // before anything that has a thread
  if (auto opened = kernel.Open(options, recorder_options); !opened) {
    spdlog::error("{}", opened.error().Text());
    return kError;
  }
  auto recorder = Recorder::Create(recorder_options, kernel.access());
  if (!recorder) {
    spdlog::error("{}", recorder.error().Text());
    return kError;
  }
  const RecorderTotals& totals = (*recorder)->totals();
  if (!totals.probes.empty()) spdlog::info("evidence: {}", totals.evidence);
  AgentOptions agent_options;
  agent_options.uplink.server = options.server;
  agent_options.uplink.access = server_access;
  agent_options.uplink.gives_up_when_refused = options.once;
  agent_options.uplink.queue.bytes_max = options.queue_mib << 20;
  agent_options.uplink.snapshot = [&](uint64_t request_id, int32_t pid, uint64_t trace_now_ns) {
    return kernel.access()->Snapshot(request_id, pid, trace_now_ns);
  };
  agent_options.uplink.spool = options.spool;
  agent_options.uplink.spool_bytes_max = options.spool_mib << 20;
  agent_options.budget.events_per_second = options.event_budget;
  AgentMetrics metrics;
  AgentHooks hooks;
  hooks.recording = [&] { systemd.Ready(); };
  hooks.alive = [&] { systemd.Alive(); };
  hooks.stopping = [&] { systemd.Stopping(); };
  hooks.acknowledged = [&](std::chrono::nanoseconds latency) { metrics.Acknowledged(latency); };
  Agent agent(std::move(*recorder), agent_options, hooks);
  if (!options.metrics.empty()) {
    if (auto exposed = metrics.Expose(options.metrics, [&] { return agent.state(); }); !exposed) {
      spdlog::error("{}", exposed.error().Text());
      return kError;
    }
  }
  const std::chrono::nanoseconds duration(options.once ? options.duration_ns : 0);
  const auto outcome = agent.Run(duration, stop);
  metrics.Close();
  return ExitCodeOf(options, outcome);
}

int Main(int argc, char** argv) {
  CollectorOptions options;
  if (const auto done = ParseCollectorOptions(argc, argv, &options)) return *done;
  // Half a dozen threads allocate little; an arena for each would hold memory that none of them needs. What is large
  // goes back to the system when it is freed: a busy minute must not be paid for until the end.
  mallopt(M_ARENA_MAX, 2);
  mallopt(M_MMAP_THRESHOLD, 32 << 10);
  mallopt(M_TRIM_THRESHOLD, 512 << 10);
  SetUpLog(options.log_level);
  CatchSignals();
  return Run(options);
}

}  // namespace
}  // namespace wakewatch

int main(int argc, char** argv) {
  // What gRPC would say of a connection is said by us, in words for a user.
  setenv("GRPC_VERBOSITY", "NONE", 0);
  try {
    return wakewatch::Main(argc, argv);
  } catch (const std::exception& exception) {
    // Ours never throw; the standard library does when memory ends.
    spdlog::error("{}", exception.what());
    return 1;
  }
}
