#include "analysis/checks/lost_wakeup/undecided_sleeps.h"

#include <gtest/gtest.h>

#include "analysis/checks/lost_wakeup/story_test_support.h"

namespace wakewatch {
namespace {

// "check-before-sleep 1 try_to_wake_up; " of every class.
std::string Undecidable(Story story) {
  LostWakeupRun run;
  ToldOf(std::move(story), &run);
  std::string text;
  for (const auto& row : run.summaries().undecidable) {
    text += row.cls + " " + std::to_string(row.sleeps);
    for (const std::string& probe : row.needs) text += " " + probe;
    text += "; ";
  }
  return text;
}

Story Slept(uint32_t letter, uint64_t ms) {
  Story story(letter);
  return story.Rescue(1 + ms);
}

TEST(UndecidedSleeps, WhatTracepointsCannotDecideIsCountedWithItsProbes) {
  EXPECT_EQ("", Undecidable(Slept(kSleepS, 99)));
  EXPECT_EQ(
      "check-before-sleep 1 try_to_wake_up; state-overwritten 1 try_to_wake_up; "
      "wake-before-enqueue 1 __wake_up prepare_to_wait add_wait_queue; "
      "exclusive-consumed 1 __wake_up prepare_to_wait_exclusive; waitqueue-active 1; ",
      Undecidable(Slept(kSleepS, 101)));
  EXPECT_EQ(
      "check-before-sleep 1 try_to_wake_up; state-overwritten 1 try_to_wake_up; "
      "completion-init-with-waiter 1 complete wait_for_completion; completion-reinit 1 complete wait_for_completion; "
      "wrong-mask 1 try_to_wake_up prepare_to_wait; ",
      Undecidable(Slept(kSleepD, 101)));
}

TEST(UndecidedSleeps, AThreadsOwnPeriodRaisesTheThreshold) {
  Story story;
  for (uint64_t ms = 300; ms <= 1500; ms += 300) story.Rescue(ms).Sleep(ms + 1);
  const std::string before = Undecidable(story);
  EXPECT_EQ(before, Undecidable(story.Rescue(2100)));  // 600 ms, where 300 are usual
  EXPECT_NE(before, Undecidable(Story(story).Sleep(2101).Rescue(4500)));
}

TEST(UndecidedSleeps, ACompletionThatIsCompletedForGoodTwice) {
  Story story;
  for (const uint64_t ms : {10, 20, 30}) {
    story.script().On(1).Probe(ms * kMs, EventType::kProbeCompleteAll, kFeed, {kDone, 0, 0, 0, 0, UINT32_MAX});
  }
  EXPECT_EQ("completion-reinit 3 complete wait_for_completion; ", Undecidable(std::move(story)));
}

}  // namespace
}  // namespace wakewatch
