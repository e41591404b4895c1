#include "analysis/report/mann_whitney.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace wakewatch {
namespace {

using Samples = std::vector<uint64_t>;

Histogram HistogramOf(const Samples& samples) {
  Histogram histogram;
  for (const uint64_t sample : samples) histogram.Add(sample);
  return histogram;
}
RankComparison Compared(const Samples& before, const Samples& after) {
  return MannWhitney(HistogramOf(before), static_cast<double>(before.size()), HistogramOf(after),
                     static_cast<double>(after.size()));
}

// How often one of `after` is longer, by trying all pairs.
double LongerOf(const Samples& before, const Samples& after) {
  double longer = 0;
  for (const uint64_t a : before) {
    for (const uint64_t b : after) longer += b > a ? 1 : b == a ? 0.5 : 0;
  }
  return longer / static_cast<double>(before.size() * after.size());
}

// The exact test: of all ways to deal the samples to the sides, how many differ as much.
double ExactP(const Samples& before, const Samples& after) {
  Samples all = before;
  all.insert(all.end(), after.begin(), after.end());
  const double seen = std::abs(LongerOf(before, after) - 0.5);
  std::vector<bool> is_after(all.size(), false);
  std::fill(is_after.end() - static_cast<ptrdiff_t>(after.size()), is_after.end(), true);
  uint64_t ways = 0, as_much = 0;
  do {
    Samples left, right;
    for (size_t i = 0; i < all.size(); ++i) (is_after[i] ? right : left).push_back(all[i]);
    ++ways;
    if (std::abs(LongerOf(left, right) - 0.5) >= seen - 1e-12) ++as_much;
  } while (std::next_permutation(is_after.begin(), is_after.end()));
  return static_cast<double>(as_much) / static_cast<double>(ways);
}

// Waits as they are: many short ones, a long tail.
class Waits {
 public:
  explicit Waits(uint64_t seed) : random_(seed) {}
  uint64_t One(double scale_ns = 20'000) {
    return static_cast<uint64_t>(scale_ns * std::exp(std::normal_distribution<double>(0, 1)(random_)));
  }
  Samples Some(size_t n, double scale_ns = 20'000) {
    Samples samples(n);
    for (uint64_t& sample : samples) sample = One(scale_ns);
    return samples;
  }
  // `longer` where a coin of this probability says so, else 0.
  Samples MostlyNone(size_t n, double probability) {
    Samples samples(n);
    for (uint64_t& sample : samples) sample = std::bernoulli_distribution(probability)(random_) ? One() : 0;
    return samples;
  }
  // Waits of busy stretches: `together` in a row have one scale.
  Samples InStretches(size_t n, size_t together) {
    Samples samples;
    while (samples.size() < n) {
      const auto scale_ns = static_cast<double>(One());
      for (size_t i = 0; i < together; ++i) samples.push_back(One(scale_ns));
    }
    return samples;
  }

 private:
  std::mt19937_64 random_;
};

struct SmallStory {
  std::string name;
  Samples before, after;
};
class SmallSamples : public testing::TestWithParam<SmallStory> {};

// Below 64 a bucket is one value, so nothing is lost in the histogram.
TEST_P(SmallSamples, IsCloseToTheExactTest) {
  const SmallStory& story = GetParam();
  const RankComparison answer = Compared(story.before, story.after);
  EXPECT_NEAR(answer.longer, LongerOf(story.before, story.after), 1e-12);
  ASSERT_TRUE(answer.p.has_value());
  const double exact = ExactP(story.before, story.after);
  if (exact > 0.05) {
    EXPECT_NEAR(*answer.p, exact, 0.04);
  } else {
    EXPECT_GT(*answer.p, exact / 2) << "a false alarm is the worse error";
    EXPECT_LT(*answer.p, exact * 2 + 0.002);
  }
}
INSTANTIATE_TEST_SUITE_P(
    Stories, SmallSamples,
    testing::Values(SmallStory{"Alike", {1, 3, 5, 7, 9, 11, 13, 15}, {2, 4, 6, 8, 10, 12, 14, 16}},
                    SmallStory{"OneSideLonger", {1, 2, 3, 4, 5, 6, 7, 8}, {9, 10, 11, 12, 13, 14, 15, 16}},
                    SmallStory{"OneSideShorter", {9, 10, 11, 12, 13, 14, 15, 16}, {1, 2, 3, 4, 5, 6, 7, 8}},
                    SmallStory{"Overlapping", {1, 2, 3, 4, 5, 9, 10, 11}, {6, 7, 8, 12, 13, 14, 15, 16, 17}},
                    SmallStory{"Ties", {1, 1, 2, 2, 3, 3, 4, 4, 5}, {2, 3, 3, 4, 4, 5, 5, 6, 6}},
                    SmallStory{"ManyTies", {0, 0, 0, 0, 0, 5, 6, 7, 8, 9}, {0, 0, 5, 6, 7, 8, 9, 9, 9, 9}},
                    SmallStory{"TwoValues", {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, {0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
                    SmallStory{
                        "UnequalSizes", {1, 4, 6, 7, 9, 11, 12, 15}, {3, 8, 10, 13, 14, 16, 17, 18, 19, 20, 21, 22}},
                    SmallStory{"OneOutlier", {1, 2, 3, 4, 5, 6, 7, 8}, {1, 2, 3, 4, 5, 6, 7, 60}}),
    [](const auto& info) { return info.param.name; });

TEST(MannWhitney, TakesWaitsOfOneBucketForEqual) {
  Waits waits(7);
  const Samples before = waits.Some(300), after = waits.Some(200, 23'000);
  EXPECT_NEAR(Compared(before, after).longer, LongerOf(before, after), 0.005);
}

TEST(MannWhitney, ChanceIsUniform) {
  // Kolmogorov's distance of the p of 2000 comparisons without a difference from the uniform distribution; 0.0364 is
  // its 1 % point.
  constexpr size_t kSeeds = 2000;
  std::vector<double> p;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    Waits waits(seed);
    const Samples before = waits.Some(60), after = waits.Some(90);
    p.push_back(Compared(before, after).p.value_or(-1));
  }
  std::sort(p.begin(), p.end());
  double distance = 0;
  for (size_t i = 0; i < kSeeds; ++i) {
    distance = std::max(distance, std::abs(p[i] - (static_cast<double>(i) + 0.5) / kSeeds));
  }
  EXPECT_LT(distance, 0.0364);
}

// In how many of 1000 comparisons p is at most `p`.
template <typename Make>
double Alarms(double p, Make make) {
  constexpr size_t kSeeds = 1000;
  size_t alarms = 0;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    Waits waits(seed);
    const RankComparison answer = make(&waits);
    if (answer.p && *answer.p <= p) ++alarms;
  }
  return static_cast<double>(alarms) / kSeeds;
}

TEST(MannWhitney, FewLongOnesAmongManyEqualAreNoFalseAlarm) {
  // One side a fortieth of the other: the statistic is skewed, and the plain approximation is off by a factor of ten.
  const auto compare = [](Waits* waits) {
    const Samples before = waits->MostlyNone(150, 0.06), after = waits->MostlyNone(6000, 0.06);
    return Compared(before, after);
  };
  EXPECT_LE(Alarms(0.01, compare), 0.012);
  EXPECT_LE(Alarms(0.001, compare), 0.002);
}

TEST(MannWhitney, WaitsThatComeInStretchesAreFewerObservations) {
  constexpr size_t kWaits = 1000, kTogether = 20;
  const auto compare = [&](Waits* waits, double independent) {
    const Histogram before = HistogramOf(waits->InStretches(kWaits, kTogether));
    return MannWhitney(before, independent, HistogramOf(waits->InStretches(kWaits, kTogether)), independent);
  };
  EXPECT_GT(Alarms(0.01, [&](Waits* waits) { return compare(waits, kWaits); }), 0.3);
  EXPECT_LE(Alarms(0.01, [&](Waits* waits) { return compare(waits, kWaits / kTogether); }), 0.01);
}

TEST(MannWhitney, FindsAShift) {
  Waits waits(3);
  const Samples before = waits.Some(4000), after = waits.Some(3000, 23'000);
  const RankComparison longer = Compared(before, after), shorter = Compared(after, before);
  EXPECT_GT(longer.longer, 0.52);
  EXPECT_LT(longer.p.value_or(1), 1e-4);
  EXPECT_NEAR(longer.longer + shorter.longer, 1, 1e-9);
  EXPECT_DOUBLE_EQ(longer.p.value_or(1), shorter.p.value_or(2));
}

TEST(MannWhitney, SaysNothingOfTooFew) {
  EXPECT_DOUBLE_EQ(Compared({}, {1, 2, 3}).longer, 0.5);
  EXPECT_FALSE(Compared({}, {1, 2, 3}).p);
  Waits waits(1);
  const Samples many = waits.Some(1000);
  EXPECT_FALSE(Compared(waits.Some(7), many).p);
  EXPECT_TRUE(Compared(waits.Some(8), many).p);
  // As many waits, but of a stretch in which no more than seven are independent.
  EXPECT_FALSE(MannWhitney(HistogramOf(many), 7.9, HistogramOf(many), 1000).p);
}

TEST(MannWhitney, EqualWaitsAreNoDifference) {
  const RankComparison answer = Compared(Samples(50, 0), Samples(70, 0));
  EXPECT_DOUBLE_EQ(answer.longer, 0.5);
  EXPECT_DOUBLE_EQ(answer.p.value_or(0), 1);
}

TEST(MannWhitney, SaysNothingWhereNearlyAllAreEqual) {
  Samples after(1000, 0);
  std::fill(after.begin(), after.begin() + 4, 5000);
  EXPECT_FALSE(Compared(Samples(1000, 0), after).p);
  std::fill(after.begin(), after.begin() + 40, 5000);
  EXPECT_LT(Compared(Samples(1000, 0), after).p.value_or(1), 1e-6);
}

struct HolmStory {
  std::string name;
  std::vector<double> p, adjusted;
};
class Holm : public testing::TestWithParam<HolmStory> {};
TEST_P(Holm, Adjusts) {
  std::vector<double> p = GetParam().p;
  HolmAdjust(p);
  ASSERT_EQ(p.size(), GetParam().adjusted.size());
  for (size_t i = 0; i < p.size(); ++i) EXPECT_NEAR(p[i], GetParam().adjusted[i], 1e-12) << i;
}
INSTANTIATE_TEST_SUITE_P(Stories, Holm,
                         testing::Values(HolmStory{"None", {}, {}}, HolmStory{"One", {0.04}, {0.04}},
                                         HolmStory{"InAnyOrder", {0.04, 0.01, 0.03, 0.005}, {0.06, 0.03, 0.06, 0.02}},
                                         HolmStory{"NeverAboveOne", {0.5, 0.6, 0.9}, {1, 1, 1}},
                                         HolmStory{"NeverBelowASmallerOne", {0.01, 0.011}, {0.02, 0.02}}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace wakewatch
