#include "collector/trace_clock.h"

#include <gtest/gtest.h>

namespace wakewatch {
namespace {

TEST(TraceClock, OnlyClocksThatUserSpaceCanRead) {
  for (const char* name : {"mono", "boot"}) {
    const auto clock = TraceClock::Named(name);
    ASSERT_TRUE(clock) << name;
    EXPECT_EQ(clock->name(), name);
  }
  for (const char* name : {"local", "global", "counter", "x86-tsc", "mono_raw", ""})
    EXPECT_FALSE(TraceClock::Named(name));
}

TEST(TraceClock, APairLiesBetweenReadingsAroundIt) {
  const auto clock = *TraceClock::Named("boot");
  const uint64_t before = clock.NowNs();
  const ClockPair pair = clock.Pair();
  EXPECT_LE(before, pair.trace_ns);
  EXPECT_LE(pair.trace_ns, clock.NowNs());
  constexpr uint64_t kYear2020Ns = 1'577'836'800ull * 1'000'000'000;
  EXPECT_GT(pair.real_ns, kYear2020Ns) << "is this machine's wall clock set?";
}

}  // namespace
}  // namespace wakewatch
