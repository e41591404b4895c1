#include "analysis/checks/lost_wakeup/exclusive_consumed.h"

#include <gtest/gtest.h>

#include "analysis/checks/lost_wakeup/restart_test_support.h"

namespace wakewatch {
namespace {

using E = EventType;

constexpr char kClass[] = "exclusive-consumed";
constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kQueue = 0xaa00, kDone = 0xcc00;

Event::Probe Of(uint64_t object, uint32_t value = 0) { return {object, object + 8, 0, 0, 0, value}; }

// Threads 7 (CPU 1) and 8 (CPU 2) stand in kQueue, asleep.
Script Waiting() {
  Script script;
  script.On(1).Switch(1 * kMs, 0, kRunnable, 7).Probe(1 * kMs + 1, E::kProbePrepareExclusive, 7, Of(kQueue));
  script.Switch(1 * kMs + 2, 7, kSleepS, 0);
  script.On(2).Switch(2 * kMs, 0, kRunnable, 8).Probe(2 * kMs + 1, E::kProbePrepareExclusive, 8, Of(kQueue));
  return script.Switch(2 * kMs + 2, 8, kSleepS, 0);
}
enum class Does { kAct, kNothing, kPassOn, kWaitOn };
// Task 5 on CPU 0 wakes the queue, thread 7 takes it at `ms`, and then does or does not do something.
void Take(Script* script, uint64_t ms, Does does) {
  const uint64_t at = ms * kMs;
  script->On(0).Probe(at, E::kProbeWakeUp, 5, Of(kQueue, 1)).Waking(at + 1, 5, 7, 1);
  script->On(1).Wakeup(at + 2, 0, 7, 1).Switch(at + 3, 0, kRunnable, 7);
  if (does != Does::kWaitOn) script->Probe(at + 4, E::kProbeFinishWait, 7, Of(kQueue));
  if (does == Does::kAct) script->Probe(at + 5, E::kProbeComplete, 7, Of(kDone));
  if (does == Does::kPassOn) script->Probe(at + 5, E::kProbeWakeUp, 7, Of(kQueue, 1));
}
// And stands in the queue again.
void Return(Script* script, uint64_t ms) {
  script->On(1).Probe(ms * kMs + 6, E::kProbePrepareExclusive, 7, Of(kQueue)).Switch(ms * kMs + 7, 7, kSleepS, 0);
}
Script Usual() {
  Script script = Waiting();
  for (uint64_t ms = 10; ms <= 40; ms += 10) {
    Take(&script, ms, Does::kAct);
    Return(&script, ms);
  }
  return script;
}
Script Last(Script script, Does does) {
  Take(&script, 100, does);
  Return(&script, 100);
  return script;
}
Script Until(Script script, uint64_t ms) { return script.On(0).Switch(ms * kMs, 0, kRunnable, 5); }

struct Story {
  const char* name;
  Script script;
  const char* said;
  const char* ended;
};

TEST(ExclusiveConsumed, Stories) {
  Script exits = Usual();
  Take(&exits, 100, Does::kNothing);
  exits.On(1).About(101 * kMs, E::kSchedProcessExit, 7, 7).Switch(102 * kMs, 7, kZombie, 0);
  Script rescued = Last(Usual(), Does::kNothing);
  rescued.On(0).Waking(500 * kMs, 5, 8, 2);
  Script in_time = Last(Usual(), Does::kNothing);
  in_time.On(0).Waking(110 * kMs, 5, 8, 2);
  Script silent = Waiting();
  for (uint64_t ms = 10; ms <= 50; ms += 10) {
    Take(&silent, ms, Does::kNothing);
    Return(&silent, ms);
  }
  Script gap = Last(Usual(), Does::kNothing);
  gap.On(0).Gap(120 * kMs, 130 * kMs);
  const Story stories[] = {
      {"it does what it always does", Until(Last(Usual(), Does::kAct), 600), "", "opened 5, discharged 3, unlearned 2"},
      {"it leaves and does nothing", Until(Last(Usual(), Does::kNothing), 600),
       "suspicious 8 2000002..600000000 open; ", "opened 5, discharged 2, expired 1, unlearned 2"},
      {"it exits", Until(exits, 600), "suspicious 8 2000002..600000000 open; ",
       "opened 5, discharged 2, expired 1, unlearned 2"},
      {"the other is woken long after", Until(rescued, 600), "suspicious 8 2000002..500000000; ",
       "opened 5, discharged 2, expired 1, unlearned 2"},
      {"the other is woken soon", Until(in_time, 600), "", "opened 5, discharged 3, unlearned 2"},
      {"it passes the wake on", Until(Last(Usual(), Does::kPassOn), 600), "", "opened 5, discharged 3, unlearned 2"},
      {"it found nothing to do and waits on", Until(Last(Usual(), Does::kWaitOn), 600), "",
       "opened 5, discharged 3, unlearned 2"},
      {"it never does anything that can be seen", Until(silent, 600), "", "opened 5, unlearned 5"},
      {"nobody else waits",
       [] {
         Script script;
         script.On(1).Switch(1 * kMs, 0, kRunnable, 7).Probe(1 * kMs + 1, E::kProbePrepareExclusive, 7, Of(kQueue));
         script.Switch(1 * kMs + 2, 7, kSleepS, 0);
         return Until(Last(script, Does::kNothing), 600);
       }(),
       "", ""},
      {"a gap", Until(gap, 600), "", "opened 5, discharged 2, void 1, unlearned 2"},
      {"the trace ends before the deadline", Until(Last(Usual(), Does::kNothing), 150), "",
       "opened 5, discharged 2, censored 1, unlearned 2"},
  };
  for (const Story& story : stories) {
    LostWakeupRun run;
    run.input().AddThread(7, "taker", kPfKthreadFlag);
    run.input().AddThread(8, "other", kPfKthreadFlag);
    run.Play(story.script);
    EXPECT_EQ(story.said, run.Said(kClass)) << story.name;
    EXPECT_EQ(story.ended, run.Ended(kClass)) << story.name;
    EXPECT_EQ(story.said, run.SaidWithRestarts(story.script.events(), kClass)) << story.name;
  }
}

}  // namespace
}  // namespace wakewatch
