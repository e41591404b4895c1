#include "analysis/model/tick_period.h"

#include <gtest/gtest.h>

namespace wakewatch {
namespace {

TEST(TickPeriod, KnowsTheTickByName) {
  SymbolTable symbols;
  symbols.Add(0x1000, "tick_nohz_handler");
  symbols.Add(0x2000, "hrtimer_wakeup");
  TickPeriod tick(symbols);
  EXPECT_FALSE(tick.IsTick(0x2000));
  EXPECT_TRUE(tick.IsTick(0x1000));
  EXPECT_TRUE(tick.IsTick(0x1000));
  EXPECT_FALSE(tick.IsTick(0x2000));
  EXPECT_FALSE(tick.IsTick(0));
}

TEST(TickPeriod, TellsNothingUntilItHasSeenEnough) {
  const SymbolTable symbols;
  TickPeriod tick(symbols);
  for (int i = 0; i < 7; ++i) tick.Learn(4'000'000);
  EXPECT_EQ(UINT64_MAX, tick.silence_ns());
  tick.Learn(4'000'000);
  EXPECT_EQ(6'000'000u, tick.silence_ns());
}

TEST(TickPeriod, LateTicksAndIdleGapsDoNotVote) {
  const SymbolTable symbols;
  TickPeriod tick(symbols);
  for (int i = 0; i < 20; ++i) {
    tick.Learn(7'000'000);   // one tick late, the next on time
    tick.Learn(1'000'150);   // HZ=1000, a little late
    tick.Learn(96'000'000);  // idle
  }
  EXPECT_EQ(1'500'000u, tick.silence_ns());
}

}  // namespace
}  // namespace wakewatch
