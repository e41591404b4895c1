// Why: the collector as it runs on every host: it records, keeps within its budget, and delivers. Recorder and Uplink
// know nothing of each other; this is what joins them.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "analysis/base/result.h"
#include "collector/agent/event_budget.h"
#include "collector/agent/uplink.h"
#include "collector/recorder.h"

namespace wakewatch {

struct AgentOptions {
  UplinkOptions uplink;
  BudgetOptions budget;
  std::chrono::milliseconds deliver_timeout{30'000};  // when the recording ended by itself
  std::chrono::milliseconds stop_timeout{5'000};      // when it was told to stop, or an error ended it
};

// What of `options` is bounded for a service that nobody watches: kernel buffers of 64 MiB in all, and as little memory
// as `cpus` CPUs allow. Makes the profile changeable, and says what a killed one left.
void BoundForService(uint32_t cpus, RecorderOptions* options);

// What the agent is doing, for metrics.
struct AgentState {
  uint64_t events_read = 0;
  uint64_t events_lost = 0;  // in the kernel's buffers, where they were counted
  uint64_t gaps = 0;         // in what was read
  uint64_t batches = 0;
  std::string profile, profile_wanted;
  std::string evidence;  // see RecorderTotals
  std::vector<ProbeState> probes;
  UplinkStats uplink;
};

struct AgentHooks {
  std::function<void()> recording = {};                             // the first batch is there
  std::function<void()> alive = {};                                 // for each batch: nothing hangs
  std::function<void()> stopping = {};                              // the recording has ended, delivery goes on
  std::function<void(std::chrono::nanoseconds)> acknowledged = {};  // on another thread
};

class Agent {
 public:
  Agent(std::unique_ptr<Recorder> recorder, const AgentOptions& options, AgentHooks hooks);
  ~Agent();

  struct Outcome {
    Status recorded;                     // an error ended the recording; what was read before it is delivered as well
    uint64_t events_lost = 0, gaps = 0;  // of the recording
    Uplink::Outcome delivery;
    AgentState state;
  };
  // Records until `stop` or for `duration` (zero: no limit), then delivers what is left. Runs once.
  Outcome Run(std::chrono::nanoseconds duration, const std::atomic<bool>& stop);

  // From any thread.
  AgentState state() const;

 private:
  Status Take(Batch&& batch);
  void KeepBudget(uint64_t events);
  void ApplyWish();
  void Change(const EventBudget::Step& step);
  void Report(const RecorderTotals& totals);
  // Probe events are the first to go when the server does not keep up: while the queue is long, none are recorded.
  void SpareQueue();
  void Deliver(const std::atomic<bool>& stop, std::chrono::milliseconds timeout);
  // Gives back what a long queue took, once it is short again: the allocator would keep it.
  void TrimMemory();

  const AgentOptions options_;
  const AgentHooks hooks_;
  const std::unique_ptr<Recorder> recorder_;
  EventBudget budget_;
  bool helpless_said_ = false;
  size_t warnings_said_ = 0;
  bool queue_was_long_ = false;
  bool probes_paused_ = false;
  mutable std::mutex mutex_;                                 // guards what follows
  AgentState state_;                                         // without uplink
  std::optional<std::pair<std::string, std::string>> wish_;  // of the server: profile, reason
  Uplink uplink_;                                            // last: its threads use the above
};

}  // namespace wakewatch
