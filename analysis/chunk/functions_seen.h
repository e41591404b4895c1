// Why: batches travel with the names of the functions that occur in them, and with those alone: all of kallsyms would
// be larger than the events. Collector and import find the addresses here; who can name them differs.
#pragma once

#include <array>
#include <cstdint>
#include <unordered_set>
#include <utility>
#include <vector>

#include "analysis/trace/event.h"

namespace wakewatch {

// The address of the function that a work, kthread work, timer, tasklet or cross-CPU call event names; 0: none.
inline uint64_t FunctionOf(const Event& event) {
  switch (event.type) {
    case EventType::kWorkQueue:
    case EventType::kWorkActivate:
    case EventType::kWorkStart:
    case EventType::kWorkEnd: return event.work.function;
    case EventType::kKthreadWorkQueue:
    case EventType::kKthreadWorkStart:
    case EventType::kKthreadWorkEnd: return event.kwork.function;
    case EventType::kTimerInit:
    case EventType::kTimerStart:
    case EventType::kTimerExpireEntry:
    case EventType::kTimerExpireExit:
    case EventType::kTimerCancel:
    case EventType::kHrtimerInit:
    case EventType::kHrtimerStart:
    case EventType::kHrtimerExpireEntry:
    case EventType::kHrtimerExpireExit:
    case EventType::kHrtimerCancel: return event.timer.function;
    case EventType::kTaskletEntry:
    case EventType::kTaskletExit: return event.tasklet.function;
    case EventType::kIpiSendCpu:
    case EventType::kCsdQueueCpu:
    case EventType::kCsdFunctionEntry:
    case EventType::kCsdFunctionExit: return event.ipi.function;
    default: return 0;
  }
}

// Distinct addresses, up to a limit that made-up input cannot pass.
class FunctionsSeen {
 public:
  // Called for every event: a few nanoseconds for an address that was seen lately.
  void See(const Event& event) {
    const uint64_t address = FunctionOf(event);
    if (address == 0) return;
    uint64_t& recent = recent_[(address ^ (address >> 12)) & (recent_.size() - 1)];
    if (recent == address) return;
    recent = address;
    if (seen_.size() < kAddressesMax && seen_.insert(address).second) new_.push_back(address);
  }
  // Those seen since the last call, in the order in which they came.
  std::vector<uint64_t> TakeNew() { return std::exchange(new_, {}); }

 private:
  static constexpr size_t kAddressesMax = 1u << 16;

  std::array<uint64_t, 1024> recent_{};
  std::unordered_set<uint64_t> seen_;
  std::vector<uint64_t> new_;
};

}  // namespace wakewatch
