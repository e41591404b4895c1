// Why: findings go to whoever watches while they are made. A watcher that is slow loses the oldest and is told how
// many; it never holds up the analysis. A finding may be told again, under its id, when more of it is known.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "analysis/checks/finding.h"

namespace wakewatch {

struct FoundFinding {
  Finding finding;
  std::string host, recording;
  uint64_t start_real_ns = 0;  // on the host's wall clock; 0: not known
  uint64_t found_real_ns = 0;  // CLOCK_REALTIME of the server when it was made; 0: read back from a recording
  bool update = false;         // it takes the place of one of its id that was published before
};

class FindingFeed {
 public:
  // Which findings a watcher gets.
  struct Wanted {
    std::string host;          // empty: all
    bool kernel_only = false;  // leaves those of user tasks out
    bool Matches(const FoundFinding& found) const {
      return (host.empty() || host == found.host) && (!kernel_only || found.finding.kind != "user");
    }
  };
  class Watcher {
   public:
    // What came since the last call; waits up to `timeout` for it. `missed`: how many were dropped meanwhile.
    std::vector<FoundFinding> Wait(std::chrono::milliseconds timeout, uint64_t* missed);

   private:
    friend class FindingFeed;
    std::mutex mutex_;
    std::condition_variable changed_;
    Wanted wanted_;
    std::deque<FoundFinding> waiting_;
    uint64_t missed_ = 0;
  };

  // Findings from now on; first up to `backlog` of the newest. Ends with the pointer.
  std::shared_ptr<Watcher> Watch(const Wanted& wanted, size_t backlog);
  void Publish(const std::vector<FoundFinding>& found);

 private:
  static constexpr size_t kRecentMax = 1000;     // kept for new watchers, of all hosts
  static constexpr size_t kWaitingMax = 10'000;  // of one watcher

  std::mutex mutex_;
  std::deque<FoundFinding> recent_;
  std::vector<std::weak_ptr<Watcher>> watchers_;
};

}  // namespace wakewatch
