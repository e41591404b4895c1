#include "server/live/daily_bytes.h"

#include <gtest/gtest.h>

namespace wakewatch {
namespace {

constexpr uint64_t kDay = 86'400'000'000'000;

TEST(DailyBytes, ADayHasItsBytesAndTheNextHasThemAgain) {
  DailyBytes bytes(100);
  const uint64_t now = 20'000 * kDay + 5;
  EXPECT_TRUE(bytes.Take(60, now));
  EXPECT_TRUE(bytes.Take(40, now + 1));
  EXPECT_FALSE(bytes.Take(1, now + 2));
  EXPECT_TRUE(bytes.Take(0, now + 2));
  EXPECT_EQ(bytes.Used(now + 2), 100u);
  EXPECT_FALSE(bytes.Take(1, now - kDay)) << "a clock that was set back";
  EXPECT_EQ(bytes.Used(now + kDay), 0u);
  EXPECT_TRUE(bytes.Take(100, now + kDay));
  EXPECT_FALSE(bytes.Take(UINT64_MAX, now + 2 * kDay));
  EXPECT_TRUE(bytes.Take(99, now + 2 * kDay));
}

TEST(DailyBytes, ARestartDoesNotBeginTheDayAnew) {
  const uint64_t now = 20'000 * kDay + 5;
  struct Case {
    const char* story;
    DayBytes before;
    uint64_t bytes_max, used, takes;
  };
  const Case cases[] = {
      {"nothing was kept", {}, 100, 0, 100},
      {"a part of this day's", {20'000, 60}, 100, 60, 40},
      {"all of this day's", {20'000, 100}, 100, 100, 0},
      {"more than the limit that was lowered since", {20'000, 500}, 100, 500, 0},
      {"of yesterday", {19'999, 100}, 100, 0, 100},
      {"of a day that a clock ahead has named", {20'400, 100}, 100, 0, 100},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.story);
    DailyBytes bytes(c.bytes_max);
    bytes.Resume(c.before, now);
    EXPECT_EQ(bytes.Used(now), c.used);
    EXPECT_FALSE(bytes.Take(c.takes + 1, now));
    EXPECT_TRUE(bytes.Take(c.takes, now));
    EXPECT_EQ(bytes.Last(), (DayBytes{20'000, c.used + c.takes}));
  }
}

TEST(DailyBytes, ZeroIsNoLimit) {
  DailyBytes bytes(0);
  EXPECT_TRUE(bytes.Take(1ull << 62, kDay));
  EXPECT_EQ(bytes.Used(kDay), 1ull << 62);
}

}  // namespace
}  // namespace wakewatch
