// Why: a finding that is a suspicion about a task that still sleeps is worth a look into its /proc, while it does. This
// decides what a host's collector is asked for, and matches its answers. A collector is a stranger: it may answer
// never, twice, late, with anything. Thread-safe: answers come from the network, all else from the host's worker.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "server/store/finding_query.h"

namespace wakewatch {

struct SnapshotLimits {
  unsigned per_minute = 10;  // requests of one host; 0: none is ever made
  unsigned burst = 10;
  std::chrono::seconds same_pid{10};  // a task is asked about once in this time
  std::chrono::seconds timeout{5};
  std::chrono::seconds lag_max{10};  // of the analysis behind the host: the task has moved on
};

struct SnapshotCounts {
  uint64_t requests = 0, answers = 0, timeouts = 0;
  uint64_t refused = 0;  // not asked for, because of the limits
  uint64_t dropped = 0;  // answers to what was not asked for, or no more
};

class SnapshotRequests {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr size_t kTextMax = 64u << 10;  // bytes of each text of an answer

  explicit SnapshotRequests(const SnapshotLimits& limits) : limits_(limits), tokens_(limits.burst) {}

  // Whether a finding is one that snapshots are taken for: open, of a check that suspects a sleep.
  static bool Wants(const Finding& finding);
  // Requests the finding's task and its waker; `ask` sends a request, and answers false where nobody can be asked.
  void Ask(const Finding& finding, TimePoint now, const std::function<bool(uint64_t request_id, int32_t pid)>& ask);
  // An answer, as it came. False: nothing is known of such a request.
  bool Answer(uint64_t request_id, ProcSnapshot answer);
  // What was answered since the last call, and what will not be any more: printable, bounded, or with an error.
  // With `last`, what is outstanding is given up.
  std::vector<FindingSnapshot> Take(TimePoint now, bool last = false);
  // Take has something.
  bool Due(TimePoint now) const;
  SnapshotCounts counts() const;

 private:
  struct Request {
    std::string finding_id, role;
    int32_t pid = 0;
    uint64_t finding_end_ns = 0;  // trace clock
    TimePoint asked_at;
  };
  bool Allowed(int32_t pid, TimePoint now);
  static FindingSnapshot Failed(const Request& request, std::string error);

  const SnapshotLimits limits_;
  mutable std::mutex mutex_;  // guards what follows
  double tokens_ = 0;
  TimePoint filled_at_{};
  std::map<int32_t, TimePoint> asked_;  // by pid, of the last seconds
  uint64_t last_id_ = 0;
  std::map<uint64_t, Request> outstanding_;  // by request id
  std::vector<FindingSnapshot> answered_;
  SnapshotCounts counts_;
};

}  // namespace wakewatch
