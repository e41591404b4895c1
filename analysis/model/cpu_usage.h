// Why: the cause of a wait is what its CPU did meanwhile. Each CPU adds up how long it spent in which context; a wait
// keeps a copy from when it began, and the difference at its end is the answer, at a constant cost an event.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace wakewatch {

// The first five exclude one another and sum to the time that passed; the last lies over them.
enum class Use : uint8_t {
  kIdle,
  kFair,      // a task of normal priority
  kRealTime,  // a task of real-time, deadline or stop priority
  kSoftirq,
  kHardirq,
  kReschedPending,  // in a task, asked to reschedule and not doing it: preemption is off, or the kernel cannot preempt
};
constexpr Use LastOf(Use) { return Use::kReschedPending; }
inline constexpr size_t kUseCount = static_cast<size_t>(LastOf(Use{})) + 1;

struct CpuUsage {
  std::array<uint64_t, kUseCount> ns{};

  uint64_t Of(Use use) const { return ns[static_cast<size_t>(use)]; }
  void Add(Use use, uint64_t time_ns) { ns[static_cast<size_t>(use)] += time_ns; }
  void Add(const CpuUsage& other) {
    for (size_t i = 0; i < kUseCount; ++i) ns[i] += other.ns[i];
  }
  // What was added since `earlier`, an older copy of the same CPU's, which may have expected more (CpuState::UsageAt).
  CpuUsage Since(const CpuUsage& earlier) const {
    CpuUsage difference;
    for (size_t i = 0; i < kUseCount; ++i) difference.ns[i] = ns[i] > earlier.ns[i] ? ns[i] - earlier.ns[i] : 0;
    return difference;
  }
  static void Fields(auto& self, auto& archive) { archive(self.ns); }
};

// The last times that a CPU ran a task and showed no event for longer than its tick allows: interrupts were off, or a
// hypervisor did not run it.
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
