// Why: what a wait was spent on is what its CPU did meanwhile. Each CPU adds up how long it spent in which use; a wait
// keeps a copy from when it came to that CPU, and the difference at its end is the answer, at a cost that does not grow
// with the number of tasks that wait.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "analysis/model/rank.h"

namespace wakewatch {

// They exclude one another and sum to the time that passed.
enum class Use : uint8_t {
  kIdle,
  kStop,  // the CPU's migration thread
  kDeadline,
  kRealTime,
  kFair,
  kUnknown,  // a task, or nobody, that no switch has named yet
  kSoftirq,
  kHardirq,
  kPreemptOff,   // in a task, asked to reschedule and not doing it: preemption is off, or the kernel cannot preempt
  kIrqOff,       // the same, without an event for longer than the tick allows: interrupts off, or a hypervisor at it
  kRealTimeOff,  // either of them while a task above the fair class is on the CPU, which would run in any case
};
constexpr Use LastOf(Use) { return Use::kRealTimeOff; }
inline constexpr size_t kUseCount = static_cast<size_t>(LastOf(Use{})) + 1;
constexpr bool InTask(Use use) { return use >= Use::kStop && use <= Use::kUnknown; }
constexpr Use UseOf(Rank rank) {
  if (rank == kStopRank) return Use::kStop;
  if (rank == kDeadlineRank) return Use::kDeadline;
  return IsRealTime(rank) ? Use::kRealTime : rank == kIdleRank ? Use::kIdle : Use::kFair;
}

struct CpuUsage {
  std::array<uint64_t, kUseCount> ns{};

  uint64_t Of(Use use) const { return ns[static_cast<size_t>(use)]; }
  void Add(Use use, uint64_t time_ns) { ns[static_cast<size_t>(use)] += time_ns; }
  void Subtract(Use use, uint64_t time_ns) { ns[static_cast<size_t>(use)] -= time_ns; }
  // What was added since `earlier`, an older copy of the same CPU's, of which it may have expected more (Use::kIrqOff):
  // that is no time.
  CpuUsage Since(const CpuUsage& earlier) const {
    CpuUsage difference;
    for (size_t i = 0; i < kUseCount; ++i) difference.ns[i] = ns[i] > earlier.ns[i] ? ns[i] - earlier.ns[i] : 0;
    return difference;
  }
  static void Fields(auto& self, auto& archive) { archive(self.ns); }
};

// How long tasks of each real-time rank ran on a CPU. Sums over ranks cost O(log ranks), and nothing where no real-time
// task ever ran: a Fenwick tree.
class RealTimeUsage {
 public:
  void Add(Rank rank, uint64_t time_ns) {
    if (tree_.empty()) tree_.resize(kSize);
    for (size_t i = At(rank); i < kSize; i += i & (~i + 1)) tree_[i] += time_ns;
  }
  // Of ranks that run in front of `rank`.
  uint64_t Above(Rank rank) const { return Sum(At(rank) - 1); }
  uint64_t Of(Rank rank) const { return Sum(At(rank)) - Sum(At(rank) - 1); }
  static void Fields(auto& self, auto& archive) {
    archive(self.tree_);
    if constexpr (std::remove_reference_t<decltype(archive)>::kReads) {
      if (!self.tree_.empty() && self.tree_.size() != kSize) archive.Spoil();
    }
  }

 private:
  static constexpr size_t kSize = kFairRank - kFirstRealTimeRank + size_t{1};
  static constexpr size_t At(Rank rank) { return rank - kFirstRealTimeRank + size_t{1}; }
  uint64_t Sum(size_t upto) const {
    uint64_t sum = 0;
    if (tree_.empty()) return sum;
    for (size_t i = upto; i > 0; i -= i & (~i + 1)) sum += tree_[i];
    return sum;
  }
  std::vector<uint64_t> tree_;
};

// The last times that a CPU ran a task and showed no event for longer than its tick allows.
class Silences {
 public:
  void Add(uint64_t start_ns, uint64_t end_ns) { spans_[count_++ % spans_.size()] = {start_ns, end_ns}; }
  // The longest part of [start_ns, end_ns] that one of them covers, ns. One long silence tells something; many short
  // ones are a clock that runs late.
  uint64_t LongestWithin(uint64_t start_ns, uint64_t end_ns) const {
    uint64_t longest = 0;
    for (const Span& span : spans_) {
      const uint64_t from = std::max(span.start_ns, start_ns), to = std::min(span.end_ns, end_ns);
      if (to > from) longest = std::max(longest, to - from);
    }
    return longest;
  }
  static void Fields(auto& self, auto& archive) { archive(self.spans_, self.count_); }

 private:
  struct Span {
    uint64_t start_ns = 0, end_ns = 0;
    static void Fields(auto& self, auto& archive) { archive(self.start_ns, self.end_ns); }
  };
  std::array<Span, 8> spans_;
  uint64_t count_ = 0;
};

}  // namespace wakewatch
