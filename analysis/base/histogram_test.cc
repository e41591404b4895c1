#include "analysis/base/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace wakewatch {
namespace {

uint64_t Exact(std::vector<uint64_t> samples, double q) {
  std::sort(samples.begin(), samples.end());
  const auto rank = static_cast<size_t>(std::ceil(q * static_cast<double>(samples.size())));
  return samples[std::max<size_t>(rank, 1) - 1];
}

Histogram Of(const std::vector<uint64_t>& samples) {
  Histogram histogram;
  for (const uint64_t sample : samples) histogram.Add(sample);
  return histogram;
}

TEST(Histogram, EmptyHasNoQuantiles) {
  const Histogram histogram;
  EXPECT_EQ(0u, histogram.n());
  EXPECT_EQ(0u, histogram.Quantile(0.5));
  EXPECT_TRUE(histogram.Buckets().empty());
}

TEST(Histogram, SmallValuesAndTheMaximumAreExact) {
  const Histogram histogram = Of({3, 7, 7, 63, UINT64_MAX});
  EXPECT_EQ(3u, histogram.Quantile(0.2));
  EXPECT_EQ(7u, histogram.Quantile(0.5));
  EXPECT_EQ(63u, histogram.Quantile(0.8));
  EXPECT_EQ(UINT64_MAX, histogram.max());
}

// Any number of samples, few or many, over the whole range: within one part in a hundred of the exact answer.
TEST(Histogram, QuantilesAreWithinOnePercent) {
  std::mt19937_64 random(7);
  for (const size_t size : {1u, 2u, 23u, 24u, 25u, 26u, 100u, 5000u}) {
    std::vector<uint64_t> samples;
    for (size_t i = 0; i < size; ++i) samples.push_back(random() >> (random() % 64));
    const Histogram histogram = Of(samples);
    for (const double q : {0.01, 0.5, 0.9, 0.99, 1.0}) {
      const auto exact = static_cast<double>(Exact(samples, q));
      EXPECT_NEAR(exact, static_cast<double>(histogram.Quantile(q)), exact * 0.01) << size << " samples, q " << q;
    }
  }
}

// A bucket that was hit more often than its counter can say.
TEST(Histogram, CountsBeyondABucketsOwn) {
  Histogram histogram, other;
  for (int i = 0; i < 70'000; ++i) histogram.Add(100);
  for (int i = 0; i < 140'000; ++i) other.Add(i % 2 == 0 ? 100 : 1000);
  for (int i = 0; i < 3; ++i) histogram.Merge(other);
  const auto buckets = histogram.Buckets();
  ASSERT_EQ(2u, buckets.size());
  EXPECT_EQ(280'000u, buckets[0].count);
  EXPECT_EQ(210'000u, buckets[1].count);
  EXPECT_EQ(490'000u, histogram.n());
  EXPECT_EQ(100u, histogram.Quantile(0.57));
  EXPECT_NEAR(1000.0, static_cast<double>(histogram.Quantile(0.58)), 10.0);
}

// How samples came in must not show: one by one, or merged out of parts of any size.
TEST(Histogram, MergingEqualsAdding) {
  std::mt19937_64 random(11);
  for (const size_t size : {5u, 24u, 30u, 400u}) {
    for (const size_t part : {1u, 10u, 24u, 25u, 100u}) {
      Histogram whole, merged, piece;
      for (size_t i = 0; i < size; ++i) {
        const uint64_t value = random() >> (random() % 60);
        whole.Add(value);
        piece.Add(value);
        if (piece.n() == part || i + 1 == size) {
          merged.Merge(piece);
          piece = Histogram();
        }
      }
      EXPECT_EQ(whole.n(), merged.n());
      EXPECT_EQ(whole.sum(), merged.sum());
      EXPECT_EQ(whole.max(), merged.max());
      const auto left = whole.Buckets(), right = merged.Buckets();
      ASSERT_EQ(left.size(), right.size());
      for (size_t i = 0; i < left.size(); ++i) {
        EXPECT_EQ(left[i].low, right[i].low);
        EXPECT_EQ(left[i].high, right[i].high);
        EXPECT_EQ(left[i].count, right[i].count);
      }
    }
  }
}

TEST(Histogram, BucketsCoverTheirSamples) {
  const std::vector<uint64_t> samples = {0, 63, 64, 65, 127, 128, 1'000'003, UINT64_MAX};
  uint64_t count = 0;
  for (const auto& bucket : Of(samples).Buckets()) {
    count += bucket.count;
    EXPECT_LE(bucket.low, bucket.high);
    const auto inside = std::count_if(samples.begin(), samples.end(),
                                      [&](uint64_t sample) { return sample >= bucket.low && sample <= bucket.high; });
    EXPECT_EQ(static_cast<uint64_t>(inside), bucket.count);
  }
  EXPECT_EQ(samples.size(), count);
}

}  // namespace
}  // namespace wakewatch
