// Why: a reader wants to know who was on the CPU while a task waited, by name and time. The newest switches of a CPU
// are kept one by one, and for half a second how long each of its busiest tasks ran in every stretch of some
// milliseconds, so that a long wait behind thousands of switches has an answer too. Time in interrupts counts as the
// task's under them.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "analysis/model/rank.h"

namespace wakewatch {

class RunLog {
 public:
  static constexpr int32_t kNobody = -1;  // it is not known who was on the CPU
  static constexpr int32_t kOthers = -2;  // tasks that were not among the busiest of their stretch
  struct Run {
    uint64_t start_ns = 0;
    int32_t pid = 0;  // 0: idle
    Rank rank = kIdleRank;
    static void Fields(auto& self, auto& archive) { archive(self.start_ns, self.pid, self.rank); }
  };
  // `run` begins, and the one before it ends.
  void Add(const Run& run) {
    if (count_ > 0) {
      const Run& before = runs_[(count_ - 1) % kRuns];
      AddToStretches(before, run.start_ns);
    }
    runs_[count_++ % kRuns] = run;
  }
  // When the newest of them began; 0: none yet.
  uint64_t newest_ns() const { return count_ == 0 ? 0 : runs_[(count_ - 1) % kRuns].start_ns; }
  // Calls visit(run, end_ns) for what ran in [start_ns, end_ns], the newest first, as far back as switches are kept.
  // True: all of it.
  template <typename Visit>
  bool ForEachBack(uint64_t start_ns, uint64_t end_ns, Visit&& visit) const {
    for (uint64_t i = count_; i > 0 && count_ - i < kRuns; --i) {
      const Run& run = runs_[(i - 1) % kRuns];
      if (run.start_ns < end_ns) visit(run, end_ns);
      if (run.start_ns <= start_ns) return true;
      end_ns = std::min(end_ns, run.start_ns);
    }
    return false;
  }
  // Calls visit(pid, rank, ns) for the tasks of every stretch that lies in [start_ns, end_ns] and is kept, and answers
  // how long these stretches are together.
  template <typename Visit>
  uint64_t ForEachStretch(uint64_t start_ns, uint64_t end_ns, Visit&& visit) const {
    uint64_t covered_ns = 0;
    for (const Stretch& stretch : stretches_) {
      const uint64_t from_ns = stretch.number << kShift;
      if (stretch.others_ns == 0 && stretch.tasks[0].ns == 0) continue;
      if (from_ns < start_ns || from_ns + (uint64_t{1} << kShift) > end_ns) continue;
      covered_ns += uint64_t{1} << kShift;
      for (const Share& task : stretch.tasks) {
        if (task.ns > 0) visit(task.pid, task.rank, uint64_t{task.ns});
      }
      if (stretch.others_ns > 0) visit(kOthers, kIdleRank, uint64_t{stretch.others_ns});
    }
    return covered_ns;
  }
  static void Fields(auto& self, auto& archive) { archive(self.runs_, self.count_, self.stretches_); }

 private:
  static constexpr uint64_t kRuns = 64;
  static constexpr unsigned kShift = 23;  // 8.4 ms
  struct Share {
    int32_t pid = 0;
    Rank rank = kIdleRank;
    uint32_t ns = 0;
    static void Fields(auto& self, auto& archive) { archive(self.pid, self.rank, self.ns); }
  };
  struct Stretch {
    uint64_t number = 0;
    std::array<Share, 6> tasks;
    uint32_t others_ns = 0;
    static void Fields(auto& self, auto& archive) { archive(self.number, self.tasks, self.others_ns); }
  };

  void AddToStretches(const Run& run, uint64_t end_ns) {
    if (run.pid == kNobody || end_ns <= run.start_ns) return;
    // Of a run that is longer than all stretches together only the end is kept.
    uint64_t from_ns = std::max(run.start_ns, end_ns - std::min(end_ns, stretches_.size() << kShift));
    while (from_ns < end_ns) {
      const uint64_t number = from_ns >> kShift;
      const uint64_t to_ns = std::min(end_ns, (number + 1) << kShift);
      Stretch& stretch = stretches_[number % stretches_.size()];
      if (stretch.number != number) {
        stretch = Stretch{};
        stretch.number = number;
      }
      AddTo(&stretch, run, static_cast<uint32_t>(to_ns - from_ns));
      from_ns = to_ns;
    }
  }
  static void AddTo(Stretch* stretch, const Run& run, uint32_t ns) {
    for (Share& task : stretch->tasks) {
      if (task.ns != 0 && task.pid != run.pid) continue;
      task = {run.pid, run.rank, task.ns + ns};
      return;
    }
    stretch->others_ns += ns;
  }

  std::array<Run, kRuns> runs_;
  uint64_t count_ = 0;
  std::array<Stretch, 64> stretches_;
};

}  // namespace wakewatch
