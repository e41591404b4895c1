#include "analysis/checks/lost_wakeup/wake_undelivered.h"

#include <gtest/gtest.h>

#include "analysis/checks/lost_wakeup/restart_test_support.h"

namespace wakewatch {
namespace {

constexpr uint64_t kMs = 1'000'000;
constexpr char kClass[] = "wake-undelivered";

// A kernel thread (pid 7, CPU 1) that task 5 on CPU 0 wakes four times as usual, and that sleeps from 100 ms on.
Script Usual() {
  Script script;
  script.On(0).Switch(1 * kMs, 0, kRunnable, 5).On(1).Switch(2 * kMs, 7, kSleepS, 0);
  for (uint64_t i = 1; i <= 4; ++i) {
    const uint64_t at = i * 20 * kMs;
    script.On(0).Waking(at, 5, 7, 1).On(1).Wakeup(at + 1000, 0, 7, 1).Switch(at + 2000, 0, kRunnable, 7);
    script.Switch(at + 20 * kMs, 7, kSleepS, 0);
  }
  return script;
}

// CPU `cpu` switches back and forth every 10 ms in [from, to] (ms).
void Schedules(Script* script, uint16_t cpu, int32_t pid, uint64_t from, uint64_t to) {
  for (uint64_t ms = from; ms + 10 <= to; ms += 20) {
    script->On(cpu).Switch(ms * kMs, pid, kRunnable, 30 + cpu).Switch((ms + 10) * kMs, 30 + cpu, kRunnable, pid);
  }
}
// Both CPUs go on, and others are woken as usual.
Script Both(uint64_t to, bool others = true) {
  Script script = Usual();
  script.On(0).Waking(110 * kMs, 5, 7, 1);
  for (uint64_t ms = 120; ms < to; ms += 20) {
    const auto other = static_cast<int32_t>(100 + ms);
    if (others) script.On(0).Waking((ms - 5) * kMs, 5, other, 0).Wakeup((ms - 5) * kMs + 1000, 5, other, 0);
    Schedules(&script, 0, 5, ms, ms + 20);
    Schedules(&script, 1, 0, ms + 1, ms + 21);
  }
  return script;
}

struct Story {
  const char* name;
  Script script;
  const char* said;
  const char* ended;
};

TEST(WakeUndelivered, Stories) {
  const Story stories[] = {
      {"delivered at once", Usual().On(0).Waking(110 * kMs, 5, 7, 1).On(1).Wakeup(111 * kMs, 0, 7, 1), "",
       "opened 5, discharged 5"},
      {"never delivered, though the CPU goes on scheduling", Both(400), "proven 7 100000000..391000000 open; ",
       "opened 5, discharged 4, expired 1"},
      {"delivered after all", Both(400).On(1).Wakeup(401 * kMs, 0, 7, 1), "proven 7 100000000..401000000; ",
       "opened 5, discharged 4, expired 1"},
      {"came back without the wakeup", Both(400).On(1).Switch(401 * kMs, 0, kRunnable, 7),
       "proven 7 100000000..401000000; ", "opened 5, discharged 4, expired 1"},
      {"a CPU without an event may not be run at all, and delivers late",
       [] {
         Script script = Usual().On(0).Waking(110 * kMs, 5, 7, 1);
         Schedules(&script, 0, 5, 120, 600);
         return script.On(1).Wakeup(601 * kMs, 0, 7, 1);
       }(),
       "", "opened 5, discharged 4, late 1"},
      {"the waker itself is stuck with interrupts off",
       [] {
         Script script = Usual().On(0).Waking(110 * kMs, 5, 7, 1);
         Schedules(&script, 1, 0, 120, 600);
         return script;
       }(),
       "", "opened 5, discharged 4, censored 1"},
      {"nobody else's wakeup is seen either: they may no longer be recorded", Both(600, false), "",
       "opened 5, discharged 4, censored 1"},
      {"a gap: the wakeup may be in it", Both(400).On(1).Gap(401 * kMs, 402 * kMs),
       "proven 7 100000000..391000000 open; ", "opened 5, discharged 4, expired 1"},
      {"a gap before the deadline",
       [] {
         Script script = Usual().On(0).Waking(110 * kMs, 5, 7, 1).On(2).Gap(115 * kMs, 116 * kMs);
         Schedules(&script, 0, 5, 120, 500);
         return script;
       }(),
       "", "opened 5, discharged 4, void 1"},
      {"the trace ends before the deadline", Both(150), "", "opened 5, discharged 4, censored 1"},
      {"it exits meanwhile: not to be decided",
       [] {
         Script script = Usual().On(0).Waking(110 * kMs, 5, 7, 1).Free(112 * kMs, 5, 7);
         Schedules(&script, 0, 5, 120, 500);
         return script;
       }(),
       "", "opened 5, discharged 4, void 1"},
  };
  for (const Story& story : stories) {
    LostWakeupRun run;
    run.input().AddThread(7, "rx_drain", kPfKthreadFlag);
    run.Play(story.script);
    EXPECT_EQ(story.said, run.Said(kClass)) << story.name;
    EXPECT_EQ(story.ended, run.Ended(kClass)) << story.name;
    EXPECT_EQ(story.said, run.SaidWithRestarts(story.script.events(), kClass)) << story.name;
  }
}

TEST(WakeUndelivered, WithTooFewDeliveriesThereIsNoDeadline) {
  Script script;
  script.On(0).Switch(1 * kMs, 0, kRunnable, 5).On(1).Switch(2 * kMs, 7, kSleepS, 0).On(0).Waking(110 * kMs, 5, 7, 1);
  Schedules(&script, 0, 5, 120, 500);
  LostWakeupRun run;
  run.input().AddThread(7, "rx_drain", kPfKthreadFlag);
  run.Play(script);
  EXPECT_EQ("", run.Said(kClass));
  EXPECT_EQ("opened 1, unlearned 1", run.Ended(kClass));
}

TEST(WakeUndelivered, UserTasksAreNotLookedAt) {
  LostWakeupRun run;
  run.Play(Both(400));
  EXPECT_EQ("", run.Ended(kClass));
}

}  // namespace
}  // namespace wakewatch
