#include "analysis/checks/lost_wakeup/softirq_stuck.h"

#include <gtest/gtest.h>

#include "analysis/checks/lost_wakeup/restart_test_support.h"

namespace wakewatch {
namespace {

constexpr char kClass[] = "softirq-stuck";
constexpr uint32_t kTimer = 1, kTasklet = 6;
constexpr auto kRaise = EventType::kSoftirqRaise, kEntry = EventType::kSoftirqEntry, kExit = EventType::kSoftirqExit;

// ksoftirqd/1 (pid 20) has gone to sleep, an interrupt's exit has run a softirq over the idle task, and task 7 runs.
Script Usual() {
  Script script;
  script.On(0).Waking(5, 5, 6, 0).On(1).Switch(10, 20, kSleepS, 0);
  script.On(1, kFlagHardirq).Softirq(20, kRaise, kTimer, 0);
  script.On(1, kFlagSoftirq).Softirq(21, kEntry, kTimer, 0).Softirq(22, kExit, kTimer, 0);
  return script.On(1).Switch(30, 0, kRunnable, 7);
}
Script AtExit(Script script, uint64_t ns, int32_t pid) {
  script.On(1, kFlagHardirq).Irq(ns, EventType::kIrqEntry, 9, pid).Irq(ns + 1, EventType::kIrqExit, 9, pid);
  return script.On(1, kFlagSoftirq).Softirq(ns + 2, kEntry, kTasklet, pid).Softirq(ns + 3, kExit, kTasklet, pid);
}
Script Raised(uint8_t flags = kFlagIrqsOff) { return Usual().On(1, flags).Softirq(40, kRaise, kTasklet, 7).On(1); }

// Time goes on, and another CPU runs softirqs.
Script Elsewhere(Script script) {
  script.On(0, kFlagSoftirq).Softirq(110'000'000, kEntry, kTimer, 0).Softirq(110'000'001, kExit, kTimer, 0);
  return script.On(0).Switch(200'000'000, 0, kRunnable, 5);
}

struct Story {
  const char* name;
  Script script;
  const char* said;
  const char* ended;
};

TEST(SoftirqStuck, Stories) {
  const Story stories[] = {
      {"ksoftirqd is woken and runs it",
       Raised()
           .Waking(41, 7, 20, 1)
           .Wakeup(42, 7, 20, 1)
           .Switch(50, 7, kSleepS, 20)
           .On(1, kFlagSoftirq)
           .Softirq(51, kEntry, kTasklet, 20),
       "", "opened 2, discharged 2"},
      {"the CPU goes idle with it, and a tick's exit runs it", AtExit(Raised().Switch(50, 7, kSleepD, 0), 90, 0),
       "proven 20 10..92; ", "opened 2, discharged 1, expired 1"},
      {"the CPU goes on to another task with it", AtExit(Raised().Switch(50, 7, kSleepD, 8), 90, 8),
       "proven 20 10..92; ", "opened 2, discharged 1, expired 1"},
      {"its task still runs when an interrupt's exit runs it", AtExit(Raised(), 90, 7), "proven 20 10..92; ",
       "opened 2, discharged 1, expired 1"},
      {"bottom halves were off: their end may be where it ran", AtExit(Raised(kFlagIrqsOff | kFlagBhOff), 90, 7), "",
       "opened 2, discharged 2"},
      {"run there and then, by whoever raised it", Raised().On(1, kFlagSoftirq).Softirq(41, kEntry, kTasklet, 7), "",
       "opened 2, discharged 2"},
      {"run there and then, and an interrupt comes in between",
       Raised()
           .On(1, kFlagHardirq | kFlagSoftirq)
           .Irq(41, EventType::kIrqEntry, 9, 7)
           .Irq(42, EventType::kIrqExit, 9, 7)
           .On(1, kFlagSoftirq)
           .Softirq(43, kEntry, kTasklet, 7),
       "", "opened 2, discharged 2"},
      {"raised in an interrupt and run at its exit",
       Usual()
           .On(1, kFlagHardirq)
           .Softirq(40, kRaise, kTasklet, 7)
           .On(1, kFlagSoftirq)
           .Softirq(41, kEntry, kTasklet, 7),
       "", "opened 2, discharged 2"},
      {"two in one sleep of ksoftirqd",
       AtExit(AtExit(Raised().Switch(50, 7, kSleepD, 0), 90, 0)
                  .On(1)
                  .Switch(100, 0, kRunnable, 7)
                  .On(1, kFlagIrqsOff)
                  .Softirq(110, kRaise, kTasklet, 7)
                  .On(1)
                  .Switch(120, 7, kSleepD, 0),
              190, 0),
       "proven 20 10..92; proven 20 10..192; ", "opened 3, discharged 1, expired 2"},
      {"nobody runs it at all", Elsewhere(Raised().Switch(50, 7, kSleepD, 0)), "proven 20 10..120000040 open; ",
       "opened 2, discharged 1, expired 1"},
      {"nobody runs it for long", AtExit(Elsewhere(Raised().Switch(50, 7, kSleepD, 0)), 200'000'090, 0),
       "proven 20 10..200000092; ", "opened 2, discharged 1, expired 1"},
      {"no softirq runs anywhere: entries may no longer be recorded",
       Raised().Switch(50, 7, kSleepD, 0).On(0).Switch(200'000'000, 0, kRunnable, 5), "",
       "opened 2, discharged 1, censored 1"},
      {"a gap on its CPU", AtExit(Raised().Switch(50, 7, kSleepD, 0).Gap(60, 70), 90, 0), "",
       "opened 2, discharged 1, void 1"},
      {"the CPU is going down", AtExit(Raised().Switch(50, 7, kSleepD, 21).Switch(60, 21, kSleepS, 0), 90, 0), "",
       "opened 2, discharged 1, void 1"},
  };
  for (const Story& story : stories) {
    LostWakeupRun run;
    run.input().AddThread(20, "ksoftirqd/1", kPfKthreadFlag);
    run.input().AddThread(21, "cpuhp/1", kPfKthreadFlag);
    run.Play(story.script);
    EXPECT_EQ(story.said, run.Said(kClass)) << story.name;
    EXPECT_EQ(story.ended, run.Ended(kClass)) << story.name;
    EXPECT_EQ(story.said, run.SaidWithRestarts(story.script.events(), kClass)) << story.name;
  }
}

struct Unknown {
  const char* name;
  const char* kernel;
  const char* ksoftirqd;
  bool exit_serves;
};

TEST(SoftirqStuck, NothingIsSaidWhereTheRuleMayNotHold) {
  const Unknown unknown[] = {
      {"ksoftirqd is not known", "6.17.0", "", true},
      {"no interrupt's exit was seen to run softirqs: spinlocks may sleep here", "6.17.0", "ksoftirqd/1", false},
  };
  for (const Unknown& row : unknown) {
    LostWakeupRun run;
    run.input().meta().kernel = row.kernel;
    if (row.ksoftirqd[0] != '\0') run.input().AddThread(20, row.ksoftirqd, kPfKthreadFlag);
    Script script;
    script.On(0).Waking(5, 5, 6, 0).On(1).Switch(10, 20, kSleepS, 0);
    script.On(1, row.exit_serves ? kFlagHardirq : uint8_t{0}).Softirq(20, kRaise, kTimer, 0);
    script.On(1, kFlagSoftirq).Softirq(21, kEntry, kTimer, 0).On(1).Switch(30, 0, kRunnable, 7);
    script.On(1, kFlagIrqsOff).Softirq(40, kRaise, kTasklet, 7).On(1).Switch(50, 7, kSleepD, 8);
    script.On(1, kFlagSoftirq).Softirq(92, kEntry, kTasklet, 8);
    run.Play(script);
    EXPECT_EQ("", run.Said(kClass)) << row.name;
    EXPECT_EQ("opened 2, discharged 1, unlearned 1", run.Ended(kClass)) << row.name;
  }
}

TEST(SoftirqStuck, OlderKernelsDoNotTellWhetherBottomHalvesAreOff) {
  LostWakeupRun run;
  run.input().meta().kernel = "5.10.0";
  run.input().AddThread(20, "ksoftirqd/1", kPfKthreadFlag);
  run.Play(AtExit(Raised(), 90, 7));
  EXPECT_EQ("", run.Said(kClass));
}

}  // namespace
}  // namespace wakewatch
