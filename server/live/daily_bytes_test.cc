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

TEST(DailyBytes, ZeroIsNoLimit) {
  DailyBytes bytes(0);
  EXPECT_TRUE(bytes.Take(1ull << 62, kDay));
  EXPECT_EQ(bytes.Used(kDay), 1ull << 62);
}

}  // namespace
}  // namespace wakewatch
