// Why: a wait is accounted for to the last nanosecond: each moment of it is in exactly one bucket, so that the buckets
// sum to the wait. [start, wakeup) is delivery. From wakeup to the switch-in the CPU whose run queue the task is on
// decides, at each moment, the first of this list that holds there:
//   hardirq   inside an irq handler.
//   softirq   inside a softirq vector's handler.
//   off       a task is on the CPU and the CPU does not reschedule: the events at both ends of that moment's span carry
//             need-resched (preemption is off, or the kernel cannot preempt there), or its end does and the span is
//             longer than the tick allows (interrupts are off, or a hypervisor does not run the CPU). Without
//             need-resched nobody asked the CPU to do otherwise, and the task on it is the reason.
//   migration the CPU's migration thread runs, or the CPU is idle and the task was moved to it while it waited.
//   higher, equal, lower   a task of that rank, compared to the one that waits, is on the CPU.
//   idle_exit the CPU is idle.
//   unexplained            who is on the CPU is not known.
// A span lies between two neighbouring events of one CPU. One that a move of the task cuts short is not yet known to be
// off, and counts by who is on the CPU.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "analysis/model/rank.h"

namespace wakewatch {

enum class Bucket : uint8_t {
  kDelivery,  // sched_waking to sched_wakeup: wake list, inter-processor interrupt, the target's way out of idle
  kIdleExit,
  kHardirq,
  kSoftirq,
  kHigher,
  kEqual,
  kLower,
  kMigration,
  kOff,
  kUnexplained,
};
constexpr Bucket LastOf(Bucket) { return Bucket::kUnexplained; }
inline constexpr size_t kBucketCount = static_cast<size_t>(LastOf(Bucket{})) + 1;

// That of a wait of rank `waiting` while a task of `running` is on the CPU.
constexpr Bucket BucketOfTask(Rank running, Rank waiting) {
  if (running == waiting) return Bucket::kEqual;
  return running < waiting ? Bucket::kHigher : Bucket::kLower;
}

// The key in JSON and the column in SQL: "idle_exit".
constexpr std::string_view Name(Bucket bucket) {
  constexpr std::array<std::string_view, kBucketCount> kNames = {
      "delivery", "idle_exit", "hardirq", "softirq", "higher", "equal", "lower", "migration", "off", "unexplained"};
  return kNames[static_cast<size_t>(bucket)];
}

struct DelayBuckets {
  std::array<uint64_t, kBucketCount> ns{};

  uint64_t& Of(Bucket bucket) { return ns[static_cast<size_t>(bucket)]; }
  uint64_t Of(Bucket bucket) const { return ns[static_cast<size_t>(bucket)]; }
  uint64_t Total() const {
    uint64_t total = 0;
    for (const uint64_t part : ns) total += part;
    return total;
  }
  void Add(const DelayBuckets& other) {
    for (size_t i = 0; i < kBucketCount; ++i) ns[i] += other.ns[i];
  }
  bool operator==(const DelayBuckets&) const = default;
  static void Fields(auto& self, auto& archive) { archive(self.ns); }
};

}  // namespace wakewatch
