#include "analysis/chunk/dictionary.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <unordered_map>

namespace wakewatch::chunk {
namespace {

Bytes BytesOf(const std::string& text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

TEST(IntDictionaryTest, AgreesWithAMapThroughGrowthAndReuse) {
  IntDictionary dictionary(5000);
  std::mt19937_64 random(1);
  for (int round = 0; round < 5; ++round) {
    dictionary.Clear();
    std::unordered_map<uint64_t, uint32_t> map;
    for (int i = 0; i < 20000; ++i) {
      const uint64_t value = (random() % 4000) << (round * 13);
      const auto want = map.emplace(value, static_cast<uint32_t>(map.size())).first->second;
      ASSERT_EQ(dictionary.CodeOf(value), want);
    }
    ASSERT_EQ(dictionary.size(), map.size());
    for (const auto& [value, code] : map) EXPECT_EQ(dictionary.values()[code], value);
  }
}

TEST(IntDictionaryTest, SaysWhenItIsFullAndStillKnowsItsOwn) {
  IntDictionary dictionary(3);
  for (const uint64_t value : {7u, 8u, 9u}) EXPECT_NE(dictionary.CodeOf(value), IntDictionary::kFull);
  EXPECT_EQ(dictionary.CodeOf(10), IntDictionary::kFull);
  EXPECT_EQ(dictionary.CodeOf(9), 2u);
  dictionary.Clear();
  EXPECT_EQ(dictionary.CodeOf(10), 0u);
}

TEST(TextDictionaryTest, TextsThatDifferBehindTheirNulHaveOneCode) {
  TextDictionary dictionary;
  const std::string clean("kworker\0\0\0", 10), dirty("kworker\0xy", 10), full("kworker/12", 10), empty(10, '\0');
  EXPECT_EQ(dictionary.CodeOfPadded(BytesOf(clean)), 0u);
  EXPECT_EQ(dictionary.CodeOfPadded(BytesOf(dirty)), 0u);
  EXPECT_EQ(dictionary.CodeOfPadded(BytesOf(full)), 1u);
  EXPECT_EQ(dictionary.CodeOfPadded(BytesOf(empty)), 2u);
  EXPECT_EQ(dictionary.CodeOf(BytesOf("kworker")), 0u);
  EXPECT_EQ(dictionary.CodeOf(BytesOf("")), 2u);
  EXPECT_EQ(dictionary.CodeOf(BytesOf(clean)), 3u);  // bytes, not text: the NULs count
  EXPECT_EQ(dictionary.size(), 4u);
}

TEST(TextDictionaryTest, AgreesWithAMapThroughGrowthAndReuse) {
  TextDictionary dictionary;
  std::mt19937_64 random(2);
  for (int round = 0; round < 3; ++round) {
    dictionary.Clear();
    std::unordered_map<std::string, uint32_t> map;
    for (int i = 0; i < 20000; ++i) {
      const std::string text = std::to_string(random() % 6000);
      const auto want = map.emplace(text, static_cast<uint32_t>(map.size())).first->second;
      ASSERT_EQ(dictionary.CodeOf(BytesOf(text)), want);
    }
    for (const auto& [text, code] : map) {
      const Bytes kept = dictionary.text(code);
      EXPECT_EQ(std::string(kept.begin(), kept.end()), text);
    }
  }
}

}  // namespace
}  // namespace wakewatch::chunk
