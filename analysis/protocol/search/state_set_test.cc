#include "analysis/protocol/search/state_set.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace wakewatch::protocol {
namespace {

TEST(StateSet, HoldsEachKeyOnceAndHowItWasFirstReached) {
  for (const size_t words : {1, 3}) {
    StateSet set(words, false);
    std::mt19937_64 random(7);
    std::vector<std::vector<uint64_t>> keys(5000, std::vector<uint64_t>(words));
    for (auto& key : keys) {
      for (uint64_t& word : key) word = random();
    }
    for (uint32_t n = 0; n < keys.size(); ++n) {
      const uint64_t hash = StateSet::HashOf(keys[n].data(), words);
      EXPECT_EQ(set.Find(hash, keys[n].data()), StateSet::kNone);
      const uint64_t before = set.memory_bytes(), growth = set.GrowthBytes(1);
      EXPECT_TRUE(set.Insert(hash, keys[n].data(), n / 2, Move::Step(n % 32, n % 1024)));
      EXPECT_LE(set.memory_bytes(), before + growth + 1024) << n;  // the vector of chunks is not foreseen
      EXPECT_FALSE(set.Insert(hash, keys[n].data(), 77, Move::Flush(1)));
    }
    ASSERT_EQ(set.size(), keys.size());
    for (uint32_t n = 0; n < keys.size(); ++n) {
      EXPECT_EQ(set.Find(StateSet::HashOf(keys[n].data(), words), keys[n].data()), n);
      EXPECT_EQ(std::vector<uint64_t>(set.Key(n), set.Key(n) + words), keys[n]);
      EXPECT_EQ(set.ParentOf(n), n / 2);
      EXPECT_EQ(set.MoveOf(n).task(), n % 32);
      EXPECT_EQ(set.MoveOf(n).alternative(), n % 1024);
      EXPECT_FALSE(set.MoveOf(n).flush());
    }
  }
}

TEST(StateSet, KeysWithOneHashAreToldApart) {
  StateSet set(1, false);
  for (uint64_t key = 0; key < 40; ++key) EXPECT_TRUE(set.Insert(42, &key, 0, {}));
  for (uint64_t key = 0; key < 40; ++key) EXPECT_FALSE(set.Insert(42, &key, 0, {}));
}

TEST(StateSet, AMoveIsAStepOrAFlush) {
  EXPECT_TRUE(Move::Flush(31).flush());
  EXPECT_EQ(Move::Flush(31).task(), 31u);
  EXPECT_EQ(Move::Step(31, Move::kAlternativesMax - 1).alternative(), Move::kAlternativesMax - 1);
}

}  // namespace
}  // namespace wakewatch::protocol
