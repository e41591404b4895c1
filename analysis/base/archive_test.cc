#include "analysis/base/archive.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <tuple>
#include <vector>

#include "analysis/base/histogram.h"

namespace wakewatch {
namespace {

enum class Colour : uint8_t { kRed, kGreen, kBlue };
constexpr Colour LastOf(Colour) { return Colour::kBlue; }

struct Inner {
  int32_t number = 0;
  std::string text;
  bool operator==(const Inner&) const = default;
  static void Fields(auto& self, auto& archive) { archive(self.number, self.text); }
};

struct Outer {
  bool flag = false;
  uint8_t byte = 0;
  int16_t small = 0;
  int64_t wide = 0;
  uint64_t big = 0;
  Colour colour = Colour::kRed;
  std::array<Inner, 2> pair;
  std::vector<Inner> list;
  std::deque<uint32_t> queue;
  std::map<std::string, Inner> by_name;
  std::unordered_map<int32_t, Colour> by_number;
  bool operator==(const Outer&) const = default;
  static void Fields(auto& self, auto& archive) {
    archive(self.flag, self.byte, self.small, self.wide, self.big, self.colour, self.pair, self.list, self.queue,
            self.by_name, self.by_number);
  }
};

Outer Sample() {
  Outer sample;
  sample.flag = true;
  sample.byte = 255;
  sample.small = -32768;
  sample.wide = std::numeric_limits<int64_t>::min();
  sample.big = UINT64_MAX;
  sample.colour = Colour::kBlue;
  sample.pair = {Inner{-1, "one"}, Inner{2, std::string("\0\xff", 2)}};
  sample.list = {{3, "three"}, {}, {4, std::string(500, 'x')}};
  sample.queue = {1, 128, 70'000};
  sample.by_name = {{"a", {5, "five"}}, {"", {}}};
  sample.by_number = {{-7, Colour::kGreen}, {8, Colour::kRed}};
  return sample;
}

template <typename T>
std::vector<uint8_t> Written(const T& value) {
  ArchiveWriter archive;
  archive(value);
  return archive.Take();
}

TEST(Archive, WhatIsWrittenIsRead) {
  const Outer sample = Sample();
  const std::vector<uint8_t> bytes = Written(sample);
  ArchiveReader archive(bytes);
  Outer again;
  again.list = {{9, "is replaced"}};
  archive(again);
  EXPECT_TRUE(archive.ok());
  EXPECT_TRUE(archive.AtEnd());
  EXPECT_EQ(again, sample);
}

TEST(Archive, WhatIsCutIsBad) {
  const std::vector<uint8_t> bytes = Written(Sample());
  for (size_t size = 0; size < bytes.size(); ++size) {
    ArchiveReader archive(Bytes(bytes).first(size));
    Outer again;
    archive(again);
    EXPECT_FALSE(archive.ok()) << size;
  }
}

template <typename Wide, typename Narrow>
bool Fits(Wide wide) {
  const std::vector<uint8_t> bytes = Written(wide);
  ArchiveReader archive(bytes);
  Narrow narrow{};
  archive(narrow);
  return archive.ok();
}

TEST(Archive, WhatDoesNotFitIsBad) {
  EXPECT_TRUE((Fits<uint64_t, uint8_t>(255)));
  EXPECT_FALSE((Fits<uint64_t, uint8_t>(256)));
  EXPECT_TRUE((Fits<int64_t, int32_t>(INT32_MIN)));
  EXPECT_FALSE((Fits<int64_t, int32_t>(int64_t{INT32_MIN} - 1)));
  EXPECT_TRUE((Fits<uint64_t, bool>(1)));
  EXPECT_FALSE((Fits<uint64_t, bool>(2)));
  EXPECT_TRUE((Fits<uint64_t, Colour>(2)));
  EXPECT_FALSE((Fits<uint64_t, Colour>(3)));
}

TEST(Archive, ALengthCannotAskForMoreThanThereIs) {
  EXPECT_FALSE((Fits<uint64_t, std::string>(uint64_t{1} << 40)));
  EXPECT_FALSE((Fits<uint64_t, std::vector<Inner>>(uint64_t{1} << 40)));
  EXPECT_FALSE((Fits<uint64_t, std::map<std::string, Inner>>(UINT64_MAX)));
}

std::vector<std::tuple<uint64_t, uint64_t, uint64_t>> BucketsOf(const Histogram& histogram) {
  std::vector<std::tuple<uint64_t, uint64_t, uint64_t>> buckets;
  for (const auto& [low, high, count] : histogram.Buckets()) buckets.emplace_back(low, high, count);
  return buckets;
}

TEST(Archive, AHistogramGoesOnWhereItWas) {
  for (const uint64_t samples : {0u, 1u, 24u, 25u, 1000u, 200'000u}) {
    Histogram histogram;
    for (uint64_t i = 0; i < samples; ++i) histogram.Add(i % 7 == 0 ? 5 : i * i);
    const std::vector<uint8_t> bytes = Written(histogram);
    ArchiveReader archive(bytes);
    Histogram again;
    again.Add(3);
    archive(again);
    ASSERT_TRUE(archive.ok() && archive.AtEnd());
    for (Histogram* each : {&histogram, &again}) each->Add(1'000'000'007);
    EXPECT_EQ(BucketsOf(again), BucketsOf(histogram)) << samples;
    EXPECT_EQ(again.n(), histogram.n());
    EXPECT_EQ(again.max(), histogram.max());
    EXPECT_EQ(again.sum(), histogram.sum());
  }
}

TEST(Archive, AHistogramOfNoRealBucketsIsBad) {
  struct Row {
    const char* name;
    std::vector<uint64_t> few;
    bool grouped;
    uint64_t index, count;
  };
  const Row rows[] = {{"a bucket behind the last", {}, true, 59 * 64, 1},
                      {"more samples than there were", {}, true, 7, 4},
                      {"samples that are kept in two ways", {1}, true, 7, 1},
                      {"more single samples than are kept", std::vector<uint64_t>(25, 1), false, 0, 0}};
  for (const Row& row : rows) {
    ArchiveWriter writer;
    writer(uint64_t{3}, uint64_t{9}, uint64_t{20}, row.few, row.grouped);
    if (row.grouped) writer(uint64_t{1}, row.index, row.count);
    const std::vector<uint8_t> bytes = writer.Take();
    ArchiveReader archive(bytes);
    Histogram histogram;
    archive(histogram);
    EXPECT_FALSE(archive.ok()) << row.name;
  }
}

}  // namespace
}  // namespace wakewatch
