// Why: a collector whose events are known beforehand. It sends numbered events by the real uplink, says on standard
// output what was acknowledged, and can be killed, starved and lied to: tests/faults/*.py do that, and hold what is
// stored against what it said.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <thread>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "collector/agent/uplink.h"
#include "tests/faults/faulty_proxy.h"
#include "tests/faults/numbered_events.h"

namespace wakewatch::faults {
namespace {

using Json = nlohmann::ordered_json;
using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

struct Options {
  std::string server, recording;
  SessionPlan plan{.host = "fault", .boot_id = "boot", .session = "session", .clocks = {}};
  double events_per_second = 0;
  uint64_t hurry_batches = 0;
  std::string spool;
  uint64_t spool_mib = 2048, queue_kib = 20 << 10, patience_ms = 60'000, seed = 0, seeds = 0;
  bool quiet = false;
};

// A line that is whole, or not there at all, when this process is killed.
void Say(const Json& line) {
  const std::string text = line.dump() + "\n";
  if (write(STDOUT_FILENO, text.data(), text.size()) < 0) std::_Exit(1);  // whoever listened has gone
}

Json Summary(const UplinkStats& stats, const Uplink::Outcome& outcome) {
  return {{"delivered", outcome.delivered},       {"offered", stats.events_offered}, {"acked", stats.events_acked},
          {"dropped", stats.events_dropped},      {"refused", stats.events_refused}, {"left", outcome.events_left},
          {"batches_acked", stats.batches_acked}, {"sent", stats.batches_sent},      {"streams", stats.streams},
          {"kept", outcome.kept},                 {"spool_failures", stats.spool.append_failures},
          {"problem", outcome.problem}};
}

UplinkOptions UplinkFor(const Options& options, const std::string& server) {
  UplinkOptions uplink;
  uplink.server = server;
  uplink.queue.bytes_max = options.queue_kib << 10;
  uplink.queue.batches_max = 1u << 20;
  uplink.spool = options.spool;
  uplink.spool_bytes_max = options.spool_mib << 20;
  uplink.back_off = {.first = milliseconds(4), .longest = milliseconds(50), .healthy = milliseconds(100)};
  uplink.slow_retry = milliseconds(30);
  uplink.welcome_timeout = milliseconds(options.seeds == 0 ? 2'000 : 150);
  return uplink;
}

// Until the batch of this sequence is due; in a hurry, and with a spool where nothing is said of time, until less waits
// in memory. `begin`: when the first batch behind those in a hurry could be made.
void AwaitTurn(const Options& options, double batch_events, SteadyClock::time_point begin, uint64_t sequence,
               const Uplink& uplink) {
  const bool hurries = sequence <= options.hurry_batches;
  if (options.events_per_second > 0 && !hurries) {
    const std::chrono::duration<double> due(static_cast<double>(sequence - options.hurry_batches) * batch_events /
                                            options.events_per_second);
    std::this_thread::sleep_until(begin + std::chrono::duration_cast<SteadyClock::duration>(due));
  } else if (hurries || !options.spool.empty()) {
    while (uplink.stats().queue_bytes > options.queue_kib << 9) std::this_thread::sleep_for(milliseconds(1));
  }
}

// Sends the plan's session to `server`, and says how that went.
Result<Json> Send(const Options& options, const SessionPlan& plan, const std::string& server, NumberedEvents* events) {
  Uplink* told = nullptr;  // the hook comes behind the first Offer
  const auto acknowledged = [&](std::chrono::nanoseconds latency) {
    if (options.quiet) return;
    const UplinkStats stats = told->stats();
    Say({{"event", "acked"}, {"events", stats.events_acked}, {"batches", stats.batches_acked},
         {"ack_ns", latency.count()}});
  };
  Uplink uplink(UplinkFor(options, server), {.profile_asked = {}, .acknowledged = acknowledged});
  told = &uplink;
  auto begin = SteadyClock::now();
  const double batch_events = static_cast<double>(plan.cpu_events) * static_cast<double>(events->cpus());
  for (uint64_t sequence = 1; sequence <= plan.batches; ++sequence) {
    if (sequence == options.hurry_batches + 1) begin = SteadyClock::now();
    AwaitTurn(options, batch_events, begin, sequence, uplink);
    auto batch = events->Make(plan, sequence);
    if (!batch) return Fail(batch.error());
    uplink.Offer(*std::move(batch));
  }
  if (!options.quiet) {
    const UplinkStats stats = uplink.stats();
    Say({{"event", "offered"},
         {"events", stats.events_offered},
         {"queue_bytes", stats.queue_bytes},
         {"spool_bytes", stats.spool.bytes}});
  }
  const auto outcome = uplink.Finish(milliseconds(options.patience_ms));
  Json summary = Summary(uplink.stats(), outcome);
  summary["cpus"] = events->cpus();
  summary["cpu_events"] = plan.batches * plan.cpu_events;
  return summary;
}

Status SendSeeds(const Options& options, NumberedEvents* events) {
  for (uint64_t seed = options.seed; seed < options.seed + options.seeds; ++seed) {
    const auto proxy = FaultyProxy::Start(options.server, seed);
    if (!proxy) return Fail(proxy.error());
    SessionPlan plan = options.plan;
    plan.host += "-" + std::to_string(seed);
    auto summary = Send(options, plan, (*proxy)->address(), events);
    if (!summary) return Fail(summary.error());
    (*summary)["event"] = "end";
    (*summary)["seed"] = seed;
    (*summary)["host"] = plan.host;
    (*summary)["faults"] = (*proxy)->done();
    Say(*summary);
  }
  return {};
}

Status Run(const Options& options) {
  auto events = NumberedEvents::Load(options.recording);
  if (!events) return Fail(events.error());
  if (options.seeds > 0) return SendSeeds(options, &*events);
  auto summary = Send(options, options.plan, options.server, &*events);
  if (!summary) return Fail(summary.error());
  (*summary)["event"] = "end";
  Say(*summary);
  return {};
}

void Define(Options* options, CLI::App* app) {
  app->add_option("--server", options->server, "127.0.0.1:PORT")->required();
  app->add_option("--recording", options->recording, "What the events say")->required();
  app->add_option("--host", options->plan.host, "Name; with --seeds its beginning")->capture_default_str();
  app->add_option("--boot", options->plan.boot_id, "Id of the boot")->capture_default_str();
  app->add_option("--session", options->plan.session, "Name of the session")->capture_default_str();
  app->add_option("--batches", options->plan.batches, "How many to send")->check(CLI::PositiveNumber);
  app->add_option("--cpu-events", options->plan.cpu_events, "Events of each CPU in a batch")
      ->check(CLI::Range(1u, 100'000u));
  app->add_option("--events-per-second", options->events_per_second, "Of all CPUs; without it as fast as possible");
  app->add_option("--hurry-batches", options->hurry_batches, "The first so many are sent as fast as they are taken");
  app->add_option("--queue-kib", options->queue_kib, "What may wait in memory")->check(CLI::PositiveNumber);
  app->add_option("--spool", options->spool, "Folder in which waits what memory does not hold");
  app->add_option("--spool-mib", options->spool_mib, "What may wait in it")->check(CLI::PositiveNumber);
  app->add_option("--patience-ms", options->patience_ms, "How long to wait for the last acknowledgement");
  app->add_option("--seed", options->seed, "Of the network between; the first of --seeds");
  app->add_option("--seeds", options->seeds, "Send a session through each of that many failing networks");
  app->add_option("--wall-begin-s", options->plan.clocks.wall_begin_s, "Wall time at the beginning; default: now");
  app->add_option("--wall-jump-s", options->plan.clocks.wall_jump_s, "The wall clock jumps by that in the middle");
  app->add_option("--page-time-back-ns", options->plan.clocks.page_time_back_ns,
                  "The batch in the middle is that much earlier");
  app->add_option("--bomb-bytes", options->plan.bomb_bytes, "A chunk of the batch in the middle inflates to that");
  app->add_flag("--quiet", options->quiet, "Say only how it ended");
}

int Main(int argc, char** argv) {
  Options options;
  CLI::App app("a collector with numbered events, for tests of faults", "fault_collector");
  Define(&options, &app);
  CLI11_PARSE(app, argc, argv);
  if (options.seeds > 0) options.quiet = true;
  if (options.plan.clocks.wall_begin_s == 0) {
    const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
    options.plan.clocks.wall_begin_s = std::chrono::duration_cast<std::chrono::seconds>(since_1970).count();
  }
  spdlog::set_default_logger(spdlog::stderr_logger_mt("fault_collector"));
  spdlog::set_level(options.quiet ? spdlog::level::err : spdlog::level::info);
  if (auto status = Run(options); !status) {
    std::fprintf(stderr, "fault_collector: error: %s\n", status.error().Text().c_str());
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace wakewatch::faults

int main(int argc, char** argv) { return wakewatch::faults::Main(argc, argv); }
