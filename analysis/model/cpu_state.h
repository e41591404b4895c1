// Why: what the model believes about one CPU: who runs there, in which context, and since when its events are complete.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "analysis/model/cpu_usage.h"
#include "analysis/model/run_log.h"
#include "analysis/model/task.h"

namespace wakewatch {

// When real-time tasks had how much of a CPU, sampled: a CPU that they held for most of a second throttles them.
class RealTimeLog {
 public:
  void Note(uint64_t now_ns, uint64_t real_time_ns) {
    if (count_ > 0 && now_ns - samples_[(count_ - 1) % samples_.size()].ns < kEveryNs) return;
    samples_[count_++ % samples_.size()] = {now_ns, real_time_ns};
  }
  // At most this much of the second before `now_ns` was theirs; `real_time_ns` as of now.
  uint64_t InLastSecond(uint64_t now_ns, uint64_t real_time_ns) const {
    uint64_t most = 0;
    for (uint64_t i = count_; i > 0 && count_ - i < samples_.size(); --i) {
      const RealTime& sample = samples_[(i - 1) % samples_.size()];
      most = real_time_ns - sample.real_time_ns;
      if (now_ns - sample.ns >= 1'000'000'000) break;
    }
    return most;
  }
  static void Fields(auto& self, auto& archive) { archive(self.samples_, self.count_); }

 private:
  static constexpr uint64_t kEveryNs = 50'000'000;
  struct RealTime {
    uint64_t ns = 0, real_time_ns = 0;
    static void Fields(auto& self, auto& archive) { archive(self.ns, self.real_time_ns); }
  };
  std::array<RealTime, 32> samples_;
  uint64_t count_ = 0;
};

struct CpuState {
  uint32_t cpu = 0;
  bool seen = false;           // it had an event
  bool current_known = false;  // `current` and `current_pid` follow from a switch that was seen, or it began idle
  bool in_softirq = false;     // a vector's handler runs
  bool hotplug = false;        // its cpuhp thread ran
  bool going_offline = false;  // perhaps: since then its migration thread made way for idle, and no switch followed
  uint8_t irq_depth = 0;       // hard interrupt handlers, nested
  uint8_t last_flags = 0;      // common_flags of its last event
  uint8_t flags_before = 0;    // and of the one in front of that
  Rank rank = kIdleRank;       // of the current task; kIdleRank while it is not known, too
  int32_t current_pid = 0;
  Task* current = nullptr;        // null for the idle task, and when it is not known
  Use task_use = Use::kUnknown;   // what the current task counts as
  Use use = Use::kUnknown;        // what the time from last_ns on counts as, unless the next event tells that it is off
  uint32_t queued = 0;            // fair tasks on its run queue that wait
  uint64_t last_ns = 0;           // its last event
  uint64_t last_tick_ns = 0;      // its last scheduler tick
  uint64_t dark_end_ns = 0;       // end of its last gap; UINT64_MAX: nothing came after it
  CpuUsage usage;                 // up to last_ns
  RealTimeUsage real_time_usage;  // of Use::kRealTime in `usage`
  Silences silences;
  RunLog runs;
  RealTimeLog real_time_log;

  // A wait that came to this CPU between two of its events: what the first part of that span counts as is not known
  // before the second event.
  struct Arrival {
    uint32_t task = 0;  // Task::index
    uint64_t ns = 0;
    static void Fields(auto& self, auto& archive) { archive(self.task, self.ns); }
  };
  std::vector<Arrival> arrivals;  // since last_ns

  // All but its number and who runs there, which are places.
  static void Fields(auto& self, auto& archive) {
    archive(self.seen, self.current_known, self.in_softirq, self.hotplug, self.going_offline, self.irq_depth,
            self.last_flags, self.flags_before, self.rank, self.current_pid, self.task_use, self.use, self.queued,
            self.last_ns, self.last_tick_ns, self.dark_end_ns, self.usage, self.real_time_usage, self.silences,
            self.runs, self.real_time_log, self.arrivals);
  }
  // Up to `now_ns`, which may lie behind the last event: as if the open span were not off.
  CpuUsage UsageAt(uint64_t now_ns) const {
    CpuUsage at = usage;
    if (seen && now_ns > last_ns) at.Add(use, now_ns - last_ns);
    return at;
  }
  bool Idle() const { return current_known && current_pid == 0; }
};

}  // namespace wakewatch
