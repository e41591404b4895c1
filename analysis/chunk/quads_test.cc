#include "analysis/chunk/quads.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace wakewatch::chunk {
namespace {

std::vector<uint8_t> Write(const std::vector<uint64_t>& numbers) {
  std::vector<uint8_t> bytes(QuadsBytesMax(numbers.size()));
  bytes.resize(WriteQuads(numbers.size(), bytes.data(), [&](size_t i) { return numbers[i]; }));
  return bytes;
}

TEST(QuadsTest, NumbersOfEveryWidthComeBack) {
  std::mt19937_64 random(1);
  for (size_t n = 0; n < 70; ++n) {
    std::vector<uint64_t> numbers(n), got(n);
    for (uint64_t& number : numbers) number = random() >> (random() % 64);
    std::vector<uint8_t> bytes = Write(numbers);
    EXPECT_TRUE(QuadsFit(bytes, n));
    bytes.resize(bytes.size() + kQuadsSlack, 0xff);
    ReadQuads(bytes.data(), n, [&](size_t i, uint64_t number) { got[i] = number; });
    EXPECT_EQ(got, numbers);
  }
}

TEST(QuadsTest, TakesTheFewestBytesOfItsFourWidths) {
  struct Row {
    uint64_t number;
    size_t bytes;
  };
  for (const Row row :
       {Row{0, 1}, {255, 1}, {256, 2}, {65535, 2}, {65536, 4}, {UINT32_MAX, 4}, {1ull << 32, 8}, {UINT64_MAX, 8}}) {
    EXPECT_EQ(Write({row.number}).size(), 1 + row.bytes) << row.number;
  }
}

TEST(QuadsTest, OtherLengthsAndOtherCountsDoNotFit) {
  std::vector<uint8_t> bytes = Write({1, 300, 70000, 1ull << 40, 5});
  EXPECT_TRUE(QuadsFit(bytes, 5));
  for (const size_t n : {0u, 1u, 4u, 6u, 9u, 1000u}) EXPECT_FALSE(QuadsFit(bytes, n)) << n;
  for (size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(QuadsFit(Bytes(bytes.data(), size), 5)) << size;
  bytes.push_back(0);
  EXPECT_FALSE(QuadsFit(bytes, 5));
}

}  // namespace
}  // namespace wakewatch::chunk
