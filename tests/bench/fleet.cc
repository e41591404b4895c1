// Why: what does the server do with five hundred hosts? This plays recordings of real machines as that many collectors
// would send them, and says what was sent, what was acknowledged, and how long that took.
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <memory>
#include <optional>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "server/store/recording.h"
#include "tests/bench/fleet_collector.h"
#include "tests/bench/fleet_recording.h"

namespace wakewatch::fleet {
namespace {

struct Options {
  std::string server = "127.0.0.1:7400", host_prefix = "sim-";
  std::vector<std::string> recordings;
  uint32_t collectors = 10, channels = 16;
  double events_per_second = 0, seconds = 0, speed = 1;
  double patience_seconds = 30;
  bool as_fast_as_possible = false, once = false, json = false;
};

struct Prepared {
  std::unique_ptr<TraceInput> input;
  Recording recording;
  double speed = 1;
};

Result<std::vector<Prepared>> PrepareAll(const Options& options) {
  Pace pace;
  pace.speed = options.as_fast_as_possible ? 0 : options.speed;
  pace.events_per_second = options.as_fast_as_possible ? 0 : options.events_per_second / options.collectors;
  pace.seconds = options.once ? 0 : options.seconds;
  ReplayOptions replay;
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  replay.real_begin_ns = static_cast<uint64_t>(std::chrono::nanoseconds(since_1970).count());
  std::vector<Prepared> all;
  for (const std::string& path : options.recordings) {
    auto input = OpenTraceOrRecording(path);
    if (!input) return Fail(input.error());
    Prepared prepared;
    prepared.input = *std::move(input);
    auto recording = Prepare(path, *prepared.input, replay, pace, &prepared.speed);
    if (!recording) return Fail(recording.error());
    prepared.recording = *std::move(recording);
    all.push_back(std::move(prepared));
  }
  return all;
}

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& server) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection of its own
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
  // GRPC_ARG_MIN_RECONNECT_BACKOFF_MS stays: it is also how long a connection may take to come about.
  return grpc::CreateCustomChannel(server, grpc::InsecureChannelCredentials(), arguments);
}

class Fleet {
 public:
  Fleet(const Options& options, const std::vector<Prepared>& prepared) : options_(options) {
    for (uint32_t i = 0; i < std::min(options.channels, options.collectors); ++i) {
      stubs_.push_back(std::make_unique<grpc::GenericStub>(MakeChannel(options.server)));
    }
    const auto now = Clock::now();
    const auto seconds = std::chrono::duration<double>(options.seconds);
    ends_at_ = options.once || options.seconds <= 0 ? Clock::time_point::max()
                                                    : now + std::chrono::duration_cast<Clock::duration>(seconds);
    for (uint32_t i = 0; i < options.collectors; ++i) {
      const Prepared& played = prepared[i % prepared.size()];
      Start start{options.host_prefix + std::to_string(i), played.speed, now, ends_at_};
      if (played.speed > 0) {  // real collectors did not start in step
        const double slice = 0.5 / played.speed * i / options.collectors;
        start.begins_at += std::chrono::nanoseconds(static_cast<int64_t>(slice * 1e9));
      }
      collectors_.push_back(std::make_unique<Collector>(start, played.recording, stubs_[i % stubs_.size()].get(),
                                                        &queue_, &timers_, &totals_));
      timers_.At(now, collectors_.back().get());
    }
  }
  ~Fleet() {
    queue_.Shutdown();
    void* tag = nullptr;
    for (bool ok = false; queue_.Next(&tag, &ok);) continue;
  }

  // Until all are done, or patience ends.
  const Totals& Run() {
    const auto patience = std::chrono::duration<double>(options_.patience_seconds);
    auto give_up_at = Clock::time_point::max();
    if (ends_at_ != Clock::time_point::max()) {
      give_up_at = ends_at_ + std::chrono::duration_cast<Clock::duration>(patience);
    }
    auto progress_at = Clock::now();
    uint64_t progress = 0;
    while (!AllOver()) {
      auto now = Clock::now();
      for (Collector* collector : timers_.Due(now)) collector->Look(now);
      Turn(timers_.Next(now + std::chrono::seconds(1)));
      now = Clock::now();
      if (totals_.batches_acked + totals_.refusals != progress) {
        progress = totals_.batches_acked + totals_.refusals;
        progress_at = now;
      }
      const bool stuck = now - progress_at > patience && Waiting();
      if (now > give_up_at || stuck) {
        for (const auto& collector : collectors_) collector->GiveUp();
        give_up_at = Clock::time_point::max();
        if (std::exchange(given_up_, true)) break;
        progress_at = now;
      }
    }
    return totals_;
  }
  uint64_t EventsOpen() const {
    uint64_t events = 0;
    for (const auto& collector : collectors_) events += collector->EventsOpen();
    return events;
  }

 private:
  // Handles what has happened, and waits for something to happen until `until`.
  void Turn(Clock::time_point until) {
    auto deadline = std::chrono::system_clock::now() + std::max(until - Clock::now(), Clock::duration::zero());
    void* tag = nullptr;
    bool ok = false;
    while (queue_.AsyncNext(&tag, &ok, deadline) == grpc::CompletionQueue::GOT_EVENT) {
      const auto* const done = static_cast<const Collector::Tag*>(tag);
      done->collector->Done(done->op, ok, Clock::now());
      deadline = std::chrono::system_clock::now();  // what else is there, but wait no more
    }
  }
  bool AllOver() const {
    return std::all_of(collectors_.begin(), collectors_.end(), [](const auto& c) { return c->over(); });
  }
  // Nothing comes although something was sent, or although nobody could send.
  bool Waiting() const { return EventsOpen() > 0 || totals_.streams == 0 || given_up_; }

  const Options& options_;
  Totals totals_;
  Timers timers_;
  grpc::CompletionQueue queue_;
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs_;
  std::vector<std::unique_ptr<Collector>> collectors_;
  Clock::time_point ends_at_;
  bool given_up_ = false;
};

double OwnCpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

nlohmann::ordered_json Summary(const Options& options, const Totals& totals, double cpu_seconds) {
  const double seconds = std::chrono::duration<double>(totals.last_acked_at - totals.first_sent_at).count();
  const auto ms = [](uint64_t ns) { return static_cast<double>(ns) * 1e-6; };
  const auto quantiles = [&](const Histogram& h) {
    return nlohmann::ordered_json{
        {"n", h.n()}, {"p50", ms(h.Quantile(0.5))}, {"p99", ms(h.Quantile(0.99))}, {"max", ms(h.max())}};
  };
  return {{"collectors", options.collectors},
          {"seconds", seconds},
          {"streams", totals.streams},
          {"events_sent", totals.events_sent},
          {"events_acked", totals.events_acked},
          {"events_refused", totals.events_refused},
          {"events_lost", totals.events_sent - totals.events_acked - totals.events_refused},
          {"events_per_second", seconds > 0 ? static_cast<double>(totals.events_acked) / seconds : 0},
          {"batches_sent", totals.batches_sent},
          {"batches_acked", totals.batches_acked},
          {"batches_resent", totals.batches_resent},
          {"bytes_sent", totals.bytes_sent},
          {"refusals", totals.refusals},
          {"errors", totals.errors},
          {"ack_ms", quantiles(totals.ack_ns)},
          {"behind_ms", quantiles(totals.behind_ns)},
          {"own_cpu_seconds", cpu_seconds}};
}

void Print(const nlohmann::ordered_json& summary, bool json) {
  if (json) {
    std::cout << summary.dump(2) << "\n";
    return;
  }
  for (const auto& [name, value] : summary.items()) std::printf("%-18s %s\n", name.c_str(), value.dump().c_str());
}

void Define(Options* options, CLI::App* app) {
  app->add_option("--server", options->server, "HOST:PORT")->capture_default_str();
  app->add_option("--collectors", options->collectors, "How many hosts")->check(CLI::Range(1, 100'000));
  app->add_option("--recording", options->recordings, "A trace or recording to play; several are dealt out in turn")
      ->required();
  app->add_option("--host-prefix", options->host_prefix, "Hosts are PREFIX0, PREFIX1, …")->capture_default_str();
  app->add_option("--seconds", options->seconds, "Play for so long, again and again; without it each is played once")
      ->check(CLI::NonNegativeNumber);
  auto* const rate = app->add_option("--events-per-second", options->events_per_second, "Of all collectors together")
                         ->check(CLI::PositiveNumber);
  auto* const speed =
      app->add_option("--speed", options->speed, "Trace seconds in a second")->check(CLI::PositiveNumber);
  auto* const fast =
      app->add_flag("--as-fast-as-possible", options->as_fast_as_possible, "Each recording once, unpaced");
  rate->excludes(speed)->excludes(fast);
  speed->excludes(fast);
  app->add_flag("--once", options->once, "Each recording once, to its end");
  app->add_option("--channels", options->channels, "TCP connections")->check(CLI::Range(1, 10'000));
  app->add_option("--patience", options->patience_seconds, "Seconds to wait for the server")->capture_default_str();
  app->add_flag("--json", options->json, "Write JSON");
}

int Main(int argc, char** argv) {
  Options options;
  CLI::App app("plays recordings as many collectors", "fleet_bench");
  Define(&options, &app);
  CLI11_PARSE(app, argc, argv);
  if (options.seconds <= 0) options.once = true;
  if (options.as_fast_as_possible) options.once = true;
  auto prepared = PrepareAll(options);
  if (!prepared) {
    std::fprintf(stderr, "fleet_bench: error: %s\n", prepared.error().Text().c_str());
    return 1;
  }
  const double cpu_before = OwnCpuSeconds();
  Fleet fleet(options, *prepared);
  const Totals& totals = fleet.Run();
  Print(Summary(options, totals, OwnCpuSeconds() - cpu_before), options.json);
  const bool fine = totals.errors.empty() && totals.refusals == 0 && totals.events_acked == totals.events_sent;
  return fine && totals.batches_sent > 0 ? 0 : 1;
}

}  // namespace
}  // namespace wakewatch::fleet

int main(int argc, char** argv) { return wakewatch::fleet::Main(argc, argv); }
