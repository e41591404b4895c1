// Why: a real-time task waits for nobody below it. Where it does, and the CPU was not held by interrupts, softirqs or a
// section without preemption, the order of the classes is broken. Not told where the kernel may have throttled
// real-time tasks, or have let its fair deadline server run: those are limits that somebody set. Source:
// kernel/sched/rt.c (sched_rt_runtime_exceeded), kernel/sched/deadline.c (fair server, 6.12).
#pragma once

#include "analysis/checks/check.h"

namespace wakewatch {

class PriorityInversion : public Check {
 public:
  explicit PriorityInversion(const CheckInput& input) : input_(input) {}
  void OnLongWait(const Step& step) override;

  static const CheckInfo kInfo;

 private:
  // A tick is where a CPU notices that it is to reschedule; less than this many of them tell nothing.
  static constexpr uint64_t kTicks = 3;

  const CheckInput input_;
};

}  // namespace wakewatch
