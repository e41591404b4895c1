#include "server/live/rate.h"

#include <gtest/gtest.h>

#include <vector>

namespace wakewatch {
namespace {

using std::chrono::milliseconds;

TEST(Rate, IsOfTheLastFourWholeSeconds) {
  struct Added {
    int64_t at_ms;
    uint64_t amount;
  };
  struct Row {
    const char* story;
    std::vector<Added> added;
    int64_t now_ms;
    double wanted;
  };
  const Row rows[] = {
      {"nothing yet", {}, 10'000, 0},
      {"the second that goes on is left out", {{10'000, 100}}, 10'999, 0},
      {"a second later it counts", {{10'000, 100}}, 11'000, 25},
      {"amounts of one second add up", {{10'000, 100}, {10'999, 300}}, 11'500, 100},
      {"steady", {{10'000, 8}, {11'000, 8}, {12'000, 8}, {13'000, 8}, {14'000, 8}}, 14'100, 8},
      {"the fourth second back counts", {{10'000, 100}}, 14'999, 25},
      {"the fifth does not", {{10'000, 100}}, 15'000, 0},
      {"idle for long", {{10'000, 100}, {11'000, 100}}, 1'000'000, 0},
      {"again after a pause", {{10'000, 100}, {900'000, 4}}, 901'000, 1},
      {"a pause of a whole turn", {{10'000, 100}, {15'000, 4}}, 16'000, 1},
      {"a second that was asked for before it came", {{20'000, 100}}, 10'000, 0},
      {"soon after the machine started", {{0, 40}}, 1'000, 10},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.story);
    Rate rate;
    for (const Added& added : row.added) rate.Add(Rate::Time(milliseconds(added.at_ms)), added.amount);
    EXPECT_EQ(rate.PerSecond(Rate::Time(milliseconds(row.now_ms))), row.wanted);
  }
}

}  // namespace
}  // namespace wakewatch
