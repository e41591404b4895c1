#include "collector/kernel_functions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collector/test_folder.h"

namespace wakewatch {
namespace {

using ::testing::HasSubstr;

const std::vector<std::string>& Names() {
  static const std::vector<std::string> names = {"try_to_wake_up", "__queue_work", "complete", "finish_wait",
                                                 "wait_for_completion_io"};
  return names;
}

constexpr char kSymbols[] =
    "ffffffff81208122 t __queue_work.cold\n"
    "ffffffff8137fb40 t __queue_work\n"
    "ffffffff813a8620 t try_to_wake_up.isra.0\n"
    "ffffffff813a8630 t try_to_wake_up.constprop.1\n"
    "ffffffff813d17c0 T complete\n"
    "ffffffff813d17d0 t complete\n"
    "ffffffffc00d17d0 t finish_wait\t[some_module]\n"
    "ffffffff813d22b0 D wait_for_completion_io\n"
    "broken\n\nffffffff\nffffffff t\n";

TEST(KernelFunctions, SaysWhyOneCannotBeProbed) {
  TestFolder folder;
  folder.Write("kallsyms", kSymbols);
  const auto functions = KernelFunctions::Load(folder.path(), folder.path() + "/kallsyms", Names());
  ASSERT_TRUE(functions) << functions.error().Text();
  const struct {
    const char *story, *name, *obstacle;
    bool absent;
  } rows[] = {
      {"there, with a part moved out", "__queue_work", "", false},
      {"only copies", "try_to_wake_up", "try_to_wake_up.constprop.1", false},
      {"two of one name", "complete", "2 functions of that name", false},
      {"in a module only", "finish_wait", "no function finish_wait", true},
      {"not a function", "wait_for_completion_io", "no function", true},
      {"never asked about", "schedule", "no function schedule", true},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.story);
    const std::string obstacle = functions->Obstacle(row.name);
    EXPECT_EQ(obstacle.empty(), *row.obstacle == '\0') << obstacle;
    EXPECT_THAT(obstacle, HasSubstr(row.obstacle));
    EXPECT_EQ(functions->Absent(row.name), row.absent);
  }
}

TEST(KernelFunctions, EitherListIsEnough) {
  TestFolder folder;
  EXPECT_FALSE(KernelFunctions::Load(folder.path(), folder.path() + "/kallsyms", Names()));
  folder.Write("available_filter_functions", "complete\nfinish_wait [some_module]\n");
  const auto functions = KernelFunctions::Load(folder.path(), folder.path() + "/kallsyms", Names());
  ASSERT_TRUE(functions);
  EXPECT_EQ(functions->Obstacle("complete"), "");
  EXPECT_TRUE(functions->Absent("finish_wait"));
}

}  // namespace
}  // namespace wakewatch
