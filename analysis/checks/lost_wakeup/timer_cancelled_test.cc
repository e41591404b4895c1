#include "analysis/checks/lost_wakeup/timer_cancelled.h"

#include <gtest/gtest.h>

#include "analysis/checks/lost_wakeup/restart_test_support.h"

namespace wakewatch {
namespace {

using E = EventType;

constexpr char kClass[] = "timer-cancelled";
constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kFn = 0x1000, kTimer = 0xaa40, kWork = 0xaa20, kWorkFn = 0x2000;

// Timer kTimer wakes thread 7 on CPU 1 `times` times, every 20 ms; its last sleep begins 1 ms after the last wake.
Script Woken(int times, uint64_t timer = kTimer) {
  Script script;
  script.On(1).Switch(1 * kMs, 7, kSleepS, 0);
  for (int i = 1; i <= times; ++i) {
    const uint64_t at = static_cast<uint64_t>(i) * 20 * kMs;
    script.On(1, kFlagSoftirq).TimerAt(at, E::kTimerCancel, timer, 0, 0, 0, 0);
    script.TimerAt(at + 1, E::kTimerExpireEntry, timer, kFn, 0, 5, 0).Waking(at + 2, 0, 7, 1).Wakeup(at + 3, 0, 7, 1);
    script.TimerAt(at + 4, E::kTimerExpireExit, timer, 0, 0, 0, 0);
    script.On(1).Switch(at + 5, 0, kRunnable, 7).TimerAt(at + 6, E::kTimerStart, timer, kFn, 9, 4, 7);
    script.Switch(at + kMs, 7, kSleepS, 0);
  }
  return script;
}
Script Cancelled(int times, int32_t by = 5, uint8_t flags = 0) {
  return Woken(times).On(0, flags).TimerAt(110 * kMs, E::kTimerCancel, kTimer, 0, 0, 0, by).On(0);
}
// The timer is that of a delayed work, whose item wakes thread 7 from worker 9 on CPU 2.
Script WokenByWork() {
  Script script;
  script.On(1).Switch(1 * kMs, 7, kSleepS, 0);
  for (uint64_t i = 1; i <= 4; ++i) {
    const uint64_t at = i * 20 * kMs;
    script.On(2, kFlagSoftirq).TimerAt(at, E::kTimerCancel, kTimer, 0, 0, 0, 0);
    script.TimerAt(at + 1, E::kTimerExpireEntry, kTimer, kFn, 0, 5, 0).Work(at + 2, E::kWorkQueue, kWork, kWorkFn, 0);
    script.On(2)
        .Work(at + 10, E::kWorkStart, kWork, kWorkFn, 9)
        .Waking(at + 11, 9, 7, 1)
        .On(1)
        .Wakeup(at + 12, 0, 7, 1);
    script.On(2).Work(at + 13, E::kWorkEnd, kWork, kWorkFn, 9);
    script.On(1).Switch(at + 15, 0, kRunnable, 7).Switch(at + kMs, 7, kSleepS, 0);
  }
  return script.On(0).TimerAt(110 * kMs, E::kTimerCancel, kTimer, 0, 0, 0, 5);
}
Script Until(Script script, uint64_t ms) { return script.On(0).Switch(ms * kMs, 0, kRunnable, 5); }

struct Story {
  const char* name;
  Script script;
  const char* said;
  const char* ended;
};

TEST(TimerCancelled, Stories) {
  const Story stories[] = {
      {"cancelled by another task, and it sleeps on", Until(Cancelled(5), 600),
       "suspicious 7 101000000..600000000 open; ", "opened 1, expired 1"},
      {"woken by somebody long after", Until(Cancelled(5).Waking(500 * kMs, 5, 7, 1), 600),
       "suspicious 7 101000000..500000000; ", "opened 1, expired 1"},
      {"armed anew by whoever cancelled it",
       Until(Cancelled(5).TimerAt(110 * kMs + 1, E::kTimerStart, kTimer, kFn, 9, 4, 5), 600), "",
       "opened 1, discharged 1"},
      {"woken by others", Until(Cancelled(5).Waking(120 * kMs, 5, 7, 1).On(1).Wakeup(121 * kMs, 0, 7, 1), 600), "",
       "opened 1, discharged 1"},
      {"cancelled by its own thread", Until(Cancelled(5, 7), 600), "", ""},
      {"expiring cancels it too", Until(Cancelled(5, 0, kFlagSoftirq), 600), "", ""},
      {"not woken often enough by it", Until(Cancelled(3), 600), "", ""},
      {"another timer is cancelled",
       Until(Woken(5, 0xbb00).On(0).TimerAt(110 * kMs, E::kTimerCancel, kTimer, 0, 0, 0, 5), 600), "", ""},
      {"the trace ends before the deadline", Until(Cancelled(5), 150), "", "opened 1, censored 1"},
      {"a gap in between", Until(Cancelled(5).Gap(120 * kMs, 130 * kMs), 600), "", "opened 1, void 1"},
      {"its thread is gone", Until(Cancelled(5).Free(120 * kMs, 5, 7), 600), "", "opened 1, void 1"},
      {"the timer of a delayed work", Until(WokenByWork(), 600), "suspicious 7 81000000..600000000 open; ",
       "opened 1, expired 1"},
      {"the delayed work is queued at once instead",
       Until(WokenByWork().Work(110 * kMs + 1, E::kWorkQueue, kWork, kWorkFn, 5), 600), "", "opened 1, discharged 1"},
  };
  for (const Story& story : stories) {
    LostWakeupRun run;
    run.input().AddThread(7, "rx_drain", kPfKthreadFlag);
    run.input().names().Add(kFn, "rx_poll_timer");
    run.Play(story.script);
    EXPECT_EQ(story.said, run.Said(kClass)) << story.name;
    EXPECT_EQ(story.ended, run.Ended(kClass)) << story.name;
    EXPECT_EQ(story.said, run.SaidWithRestarts(story.script.events(), kClass)) << story.name;
  }
}

}  // namespace
}  // namespace wakewatch
