// Why: a CPU that is busy but shows no event has its interrupts off, if it should have ticked meanwhile. How often a
// kernel ticks (CONFIG_HZ) is not in a trace, so it is learnt from the ticks themselves.
// Source: kernel/time/tick-sched.c: tick_sched_timer(), tick_nohz_handler() from 6.9 on.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "analysis/trace/symbols.h"

namespace wakewatch {

class TickPeriod {
 public:
  // `symbols` must outlive it.
  explicit TickPeriod(const SymbolTable& symbols) : symbols_(symbols) {}

  // An hrtimer of this function expired. True when it is the scheduler tick.
  bool IsTick(uint64_t function);
  // Two ticks of one CPU stand this far apart.
  void Learn(uint64_t interval_ns);
  // A busy CPU without an event for longer than this missed a tick. UINT64_MAX while too few ticks were seen.
  uint64_t silence_ns() const { return silence_ns_; }
  // Between two ticks of a busy CPU, ns; the longest that kernels are built with while too few ticks were seen.
  uint64_t period_ns() const { return silence_ns_ == UINT64_MAX ? kPeriodsNs.back() : silence_ns_ / 3 * 2; }
  static void Fields(auto& self, auto& archive) {
    archive(self.tick_function_, self.other_functions_, self.votes_, self.silence_ns_);
  }

 private:
  static constexpr std::array<uint64_t, 5> kPeriodsNs = {1'000'000, 2'000'000, 3'333'333, 4'000'000, 10'000'000};

  const SymbolTable& symbols_;
  uint64_t tick_function_ = 0;             // the one seen last; 0: none
  std::vector<uint64_t> other_functions_;  // that are no tick, the first few
  std::array<uint32_t, kPeriodsNs.size()> votes_{};
  uint64_t silence_ns_ = UINT64_MAX;
};

}  // namespace wakewatch
