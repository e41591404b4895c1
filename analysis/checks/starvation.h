// Why: a task that can run and is not let run. A task that was preempted waits for its next turn as a matter of course,
// so only waits far beyond a turn are told; a woken task that had not run when the trace ended is told from the latency
// threshold on, since no switch to it will ever make it a latency.
#pragma once

#include "analysis/checks/check.h"

namespace wakewatch {

class Starvation : public Check {
 public:
  explicit Starvation(const CheckInput& input) : input_(input) {}
  void OnLongWait(const Step& step) override;
  void Finish(uint64_t end_ns) override;

  static const CheckInfo kInfo;

 private:
  // A preempted wait is looked at from this many latency thresholds on: 100 ms by default, some thirty turns.
  static constexpr uint64_t kTurns = 20;

  const CheckInput input_;
};

}  // namespace wakewatch
