#include "analysis/report/heat_map.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <utility>

namespace wakewatch {
namespace {

TEST(HeatMap, RowsAreAsTheySay) {
  EXPECT_EQ(HeatMapRowOf(0), 0u);
  for (size_t row = 1; row < kHeatMapRows; ++row) {
    EXPECT_EQ(HeatMapRowOf(HeatMapRowLowNs(row)), row);
    EXPECT_EQ(HeatMapRowOf(HeatMapRowLowNs(row) - 1), row - 1);
  }
  EXPECT_EQ(HeatMapRowOf(UINT64_MAX), kHeatMapRows - 1);
  EXPECT_EQ(HeatMapRowLowNs(1), 1000u);
}

TEST(HeatMap, CountsAsOneByOne) {
  for (uint32_t seed = 0; seed < 50; ++seed) {
    std::mt19937_64 random(seed);
    const uint64_t start_ns = random() % 1'000'000, end_ns = start_ns + 1 + random() % 100'000;
    constexpr uint32_t kColumns[] = {0, 1, 7, 256, 1024, 5000};
    const uint32_t columns_max = kColumns[seed % 6];
    HeatMap map(start_ns, end_ns, columns_max);
    const uint64_t most = columns_max == 0 ? kHeatMapColumnsDefault : std::min(columns_max, kHeatMapColumnsMax);
    ASSERT_LE(map.columns().size(), most);
    ASSERT_GE(map.start_ns() + map.columns().size() * map.column_ns(), end_ns);
    ASSERT_LT(map.start_ns() + (map.columns().size() - 1) * map.column_ns(), end_ns);
    std::map<std::pair<size_t, size_t>, uint64_t> counts;
    std::map<size_t, uint64_t> longest;
    uint64_t waits = 0;
    for (int i = 0; i < 500; ++i) {
      const uint64_t at_ns = random() % 1'200'000, length_ns = random() >> random() % 64;
      map.Add(at_ns, length_ns);
      if (at_ns < start_ns || at_ns >= end_ns) continue;
      const size_t column = (at_ns - start_ns) / map.column_ns();
      size_t row = 0;
      while (row + 1 < kHeatMapRows && length_ns >= HeatMapRowLowNs(row + 1)) ++row;
      ++counts[{column, row}];
      longest[column] = std::max(longest[column], length_ns);
      ++waits;
    }
    EXPECT_EQ(map.waits(), waits);
    for (size_t column = 0; column < map.columns().size(); ++column) {
      uint64_t sum = 0;
      for (size_t row = 0; row < kHeatMapRows; ++row) {
        EXPECT_EQ(map.columns()[column].counts[row], (counts[{column, row}]));
        sum += map.columns()[column].counts[row];
      }
      EXPECT_EQ(map.columns()[column].waits, sum);
      EXPECT_EQ(map.columns()[column].max_ns, longest[column]);
    }
  }
}

}  // namespace
}  // namespace wakewatch
