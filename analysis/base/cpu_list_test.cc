#include "analysis/base/cpu_list.h"

#include <gtest/gtest.h>

namespace wakewatch {
namespace {

TEST(ParseCpuList, ReadsWhatTheKernelWrites) {
  const struct {
    const char *story, *text;
    std::vector<uint32_t> expected;
  } rows[] = {
      {"one CPU", "0\n", {0}},
      {"a range", "0-3", {0, 1, 2, 3}},
      {"holes", "0,2-3,8\n", {0, 2, 3, 8}},
      {"out of order, with repeats", "3,1-2,2", {1, 2, 3}},
      {"empty, as in offline", "\n", {}},
  };
  for (const auto& row : rows) {
    const auto cpus = ParseCpuList(row.text);
    ASSERT_TRUE(cpus) << row.story;
    EXPECT_EQ(*cpus, row.expected) << row.story;
  }
}

TEST(ParseCpuList, RefusesTheRest) {
  for (const char* text : {"a", "0-", "-3", "3-1", "0,,2", "0,", "0-4294967295", "99999999999999999999", "1 2"}) {
    EXPECT_FALSE(ParseCpuList(text)) << text;
  }
}

}  // namespace
}  // namespace wakewatch
