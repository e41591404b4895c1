// Why: whose sleep a lost wakeup can be, and which wakes are a thread's own time-outs rather than somebody's call.
#pragma once

#include <cstdint>
#include <vector>

#include "analysis/checks/check.h"

namespace wakewatch {

// Kernel threads that sleep for a condition of their own. Not kworkers, which their pool wakes, any of them for any
// work; nor ksoftirqd, migration and cpuhp threads, whose work has rules of its own.
inline bool MayBeVictim(const Task& task) {
  switch (task.kind) {
    case ThreadKind::kUser:
    case ThreadKind::kIdle:
    case ThreadKind::kKsoftirqd:
    case ThreadKind::kKworker:
    case ThreadKind::kKworkerRescuer:
    case ThreadKind::kMigration:
    case ThreadKind::kCpuhp:
    case ThreadKind::kIdleInject:
    case ThreadKind::kKtimers: return false;
    default: return true;
  }
}

// Tells a thread's own time-outs: schedule_timeout()'s timer runs process_timeout(), that of usleep_range() and of
// schedule_hrtimeout() hrtimer_wakeup(). Source: kernel/time/timer.c, kernel/time/hrtimer.c.
class OwnTimers {
 public:
  explicit OwnTimers(const CheckInput& input) : input_(&input) {}
  bool IsTimeout(uint64_t function);
  // The newest wake of `task` is one.
  bool IsOwnTimer(const Task& task) {
    const WakeHistory::Wake* const wake = input_->wakes.Last(task);
    return wake != nullptr && (wake->source == WakeSource::kTimer || wake->source == WakeSource::kHrtimer) &&
           IsTimeout(wake->source_id);
  }

 private:
  struct Known {
    uint64_t function = 0;
    bool timeout = false;
  };
  const CheckInput* input_;
  std::vector<Known> known_ = std::vector<Known>(64);  // by address: names are looked up once
};

}  // namespace wakewatch
