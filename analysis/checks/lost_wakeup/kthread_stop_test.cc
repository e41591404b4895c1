#include "analysis/checks/lost_wakeup/kthread_stop.h"

#include <gtest/gtest.h>

#include "analysis/checks/lost_wakeup/story_test_support.h"

namespace wakewatch {
namespace {

// The drain runs from 21 ms on; the feeder stops it at `ms`, and waits from there on.
Story Stopped(uint64_t ms, bool stopper_waits = true) {
  Story story;
  story.Wake(20);
  story.script().On(1).About(ms * kMs, EventType::kSchedKthreadStop, kFeed, kDrain);
  if (stopper_waits) story.script().On(1).Switch(ms * kMs + 100'000, kFeed, kSleepD, 0);
  return story;
}

Story Armed(Story story, uint64_t ms, uint64_t function) {
  story.script().On(0).Timer(ms * kMs, EventType::kTimerStart, function, kDrain);
  return story;
}

TEST(KthreadStop, Stories) {
  const struct {
    const char* name;
    Story story;
    const char* told;
  } rows[] = {
      {"stopped while it runs, then it sleeps", Stopped(22).Sleep(24).Rescue(400),
       "kthread-stop proven 24..124 open; kthread-stop proven 24..400; "},
      {"nobody is seen to wait for its exit", Stopped(22, false).Sleep(24).Rescue(400),
       "kthread-stop strong 24..124 open; kthread-stop strong 24..400; "},
      {"its state was set: the stop wakes it", Stopped(22).Call(23, kStateS, true).Sleep(24).Rescue(400), ""},
      {"a short sleep", Stopped(22).Sleep(24).Rescue(100), ""},
      {"asleep already when it is stopped: it is woken",
       [] {
         Story story = Story().Wake(20).Sleep(24);
         story.script().On(1).About(40 * kMs, EventType::kSchedKthreadStop, kFeed, kDrain);
         return story.Rescue(400);
       }(),
       ""},
      {"its sleep has a time-out of its own", Armed(Stopped(22), 23, 0x50).Sleep(24).Rescue(400), ""},
      {"a timer for something else", Armed(Stopped(22), 23, 0x60).Sleep(24).Rescue(400),
       "kthread-stop proven 24..124 open; kthread-stop proven 24..400; "},
      {"it exits",
       [] {
         Story story = Stopped(22);
         story.script()
             .On(0)
             .About(23 * kMs, EventType::kSchedProcessExit, kDrain, kDrain)
             .Switch(24 * kMs, kDrain, kZombie, 0);
         return story.Pass(400);
       }(),
       ""},
      {"back without a wakeup: a signal cancelled its sleep",
       [] {
         Story story = Stopped(22).Sleep(24);
         story.script().On(0).Switch(25 * kMs, 0, kRunnable, kDrain).Switch(26 * kMs, kDrain, kSleepS, 0);
         return story.Pass(400);
       }(),
       ""},
      {"a gap",
       [] {
         Story story = Stopped(22).Sleep(24);
         story.script().On(2).Gap(50 * kMs, 60 * kMs);
         return story.Pass(400);
       }(),
       ""},
  };
  for (const auto& row : rows) {
    LostWakeupRun run;
    run.input().names().Add(0x50, "process_timeout");
    run.input().names().Add(0x60, "poll_timer_fn");
    run.input().meta().kernel = "6.1.0";  // prints stale sleeps
    EXPECT_EQ(row.told, ToldOf(row.story, &run)) << row.name;
  }
}

}  // namespace
}  // namespace wakewatch
