#include "analysis/checks/hung_task.h"

#include <gtest/gtest.h>

#include "analysis/checks/check_test_support.h"

namespace wakewatch {
namespace {

Script Slept(uint32_t state, uint64_t until) {
  Script script;
  script.On(1).Switch(10, 7, state, 0).On(0).Waking(until, 5, 7, 1).Wakeup(until + 1, 5, 7, 1);
  return script;
}

struct Story {
  const char* name;
  Script script;
  const char* told;
};

TEST(HungTask, Stories) {
  const Story stories[] = {
      {"shorter than the threshold", Slept(kSleepD, 1009), ""},
      {"as long as the threshold", Slept(kSleepD, 1010), "unexplained 7 10..1010; "},
      {"interruptible: it may wait for work as long as it likes", Slept(kSleepS, 5000), ""},
      {"still asleep when the trace ends", Script().On(1).Switch(10, 7, kSleepD, 0).Switch(2000, 0, 0, 8),
       "unexplained 7 10..2000; "},
      {"a gap: its wakeup may be in it",
       Script().On(1).Switch(10, 7, kSleepD, 0).On(0).Gap(500, 600).On(0).Waking(3000, 5, 7, 1), ""},
  };
  for (const Story& story : stories) {
    EXPECT_EQ(story.told, CheckRun(HungTask::kInfo).Play(story.script).Told()) << story.name;
  }
}

}  // namespace
}  // namespace wakewatch
