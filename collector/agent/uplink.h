// Why: what is recorded must reach the server although networks and servers fail, and recording must never wait for
// them. Batches wait in a bounded queue until the server says that it has them; what a broken stream left open is sent
// again; only when the queue is full are events dropped, and then a gap record says where and how many.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "analysis/chunk/batch.h"
#include "collector/agent/back_off.h"
#include "collector/agent/batch_queue.h"
#include "collector/agent/spool_keeper.h"
#include "collector/task_snapshot.h"
#include "proto/wire/client_channel.h"

namespace wakewatch {

struct UplinkOptions {
  std::string server = "127.0.0.1:7400";
  ServerAccess access = {};
  QueueLimits queue;  // what may wait in memory
  std::string spool;  // folder; empty: memory only
  uint64_t spool_bytes_max = 2ull << 30;
  BackOffLimits back_off;
  std::chrono::milliseconds slow_retry{10'000};       // after an answer that takes people to change
  std::chrono::milliseconds welcome_timeout{10'000};  // for a connection and the server's first word
  std::chrono::milliseconds state_every{2'000};       // CollectorState
  // Where somebody waits for the end: what only people can change ends the uplink at once.
  bool gives_up_when_refused = false;
  // The stack of a task that the server asks for. None: it is told that there are none.
  std::function<TaskSnapshot(uint64_t request_id, int32_t pid, uint64_t trace_now_ns)> snapshot = {};
};

// What the server is told about the collector, besides the state of the queue.
struct CollectorReport {
  std::string profile, profile_wanted;
  uint64_t events_read = 0, events_lost = 0;
  std::vector<std::string> warnings;
};

struct UplinkStats {
  bool connected = false;
  std::string problem;        // why there is no stream; empty: there is one, or none was tried yet
  bool gave_up = false;       // see UplinkOptions; `problem` says why
  uint64_t streams = 0;       // that the server welcomed
  uint64_t batches_sent = 0;  // those sent again included
  uint64_t batches_acked = 0, batches_refused = 0;
  uint64_t events_offered = 0, events_acked = 0;
  uint64_t events_dropped = 0;  // the queue was full, or the batch too large for the server
  uint64_t events_refused = 0;
  size_t queue_bytes = 0, queue_batches = 0;  // in memory
  SpoolFigures spool;
};

struct UplinkHooks {
  // The server asks for another profile. On a thread of the uplink.
  std::function<void(const std::string& profile, const std::string& reason)> profile_asked = {};
  // From sending a batch to its acknowledgement. On a thread of the uplink.
  std::function<void(std::chrono::nanoseconds)> acknowledged = {};
};

class Uplink {
 public:
  // Connects once the first batch is there, since that says who we are.
  Uplink(const UplinkOptions& options, UplinkHooks hooks);
  // Gives up at once what is not delivered.
  ~Uplink();
  Uplink(const Uplink&) = delete;
  Uplink& operator=(const Uplink&) = delete;

  // Batches of one session, in order; the first names the session. Never waits for the network.
  void Offer(Batch&& batch);
  void SetReport(CollectorReport report);
  UplinkStats stats() const;

  // True when everything that was offered is acknowledged, refused or accounted for; false when it is not in `timeout`,
  // or at once when the uplink has given up.
  bool AwaitDelivery(std::chrono::milliseconds timeout);

  struct Outcome {
    bool delivered = false;  // all that was offered is acknowledged, refused or accounted for as dropped
    uint64_t batches_left = 0, events_left = 0;  // events: of those in memory
    bool kept = false;                           // what is left is in the spool, for the next start
    std::string problem;                         // why something is left
  };
  // Waits until everything is acknowledged or `timeout` has passed, then ends. Offer nothing after it.
  Outcome Finish(std::chrono::milliseconds timeout);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace wakewatch
