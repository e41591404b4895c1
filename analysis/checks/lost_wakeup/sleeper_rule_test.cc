#include "analysis/checks/lost_wakeup/sleeper_rule.h"

#include <gtest/gtest.h>

#include "analysis/checks/lost_wakeup/story_test_support.h"

namespace wakewatch {
namespace {

// Four rounds from 20 ms on, then one from 100 ms on whose answer comes at 102; the drain still runs.
Story Learned(uint32_t letter = kSleepS) { return Story(letter).Rounds(20, 4).Wake(100).Answer(102); }

// A call that sets its state back to RUNNING while it is on its CPU.
Story WokenOnCpu(Story story, uint64_t ms) {
  story.Call(ms, kStateS, true);
  story.script().On(1).Wakeup(ms * kMs + 200'000, kFeed, kDrain, 0);
  return story;
}

struct Row {
  const char* name;
  Story story;
  const char* told;
};

TEST(SleeperRule, CallsThatFindTheThreadRunning) {
  const Row rows[] = {
      {"after its answer, before its sleep", Learned().Call(103, 0, false).Sleep(104).Rescue(400).Sleep(410),
       "check-before-sleep strong 104..204 open; check-before-sleep strong 104..400; "},
      {"before its answer: it saw what was announced", Learned().Call(101, 0, false).Answer(103).Sleep(104).Rescue(400),
       ""},
      {"it was woken again before the deadline", Learned().Call(103, 0, false).Sleep(104).Wake(150).Sleep(152), ""},
      {"the call came late: it had answered twice already",
       Learned().Answer(103).Call(104, 0, false).Sleep(105).Rescue(400), ""},
      {"woken on its way out: the waker waits until it is off its CPU",
       Learned().Call(103, 0, true).Sleep(104).Rescue(400), ""},
      {"woken on its CPU, then it set its state again", WokenOnCpu(Learned(), 103).Sleep(104).Rescue(400),
       "state-overwritten strong 104..204 open; state-overwritten strong 104..400; "},
      {"woken on its CPU, and it answered", WokenOnCpu(Learned(), 103).Answer(104).Sleep(105).Rescue(400), ""},
      {"TASK_WAKING: another waker has it", Learned().Call(103, 0x200, false).Sleep(104).Rescue(400), ""},
      {"the trace ends before the deadline", Learned().Call(103, 0, false).Sleep(104).Pass(150), ""},
      {"the trace ends behind it", Learned().Call(103, 0, false).Sleep(104).Pass(300),
       "check-before-sleep strong 104..204 open; check-before-sleep strong 104..300 open; "},
      {"lost at first, before anything was learnt",
       [] {
         Story story;
         story.script().On(1).Probe(4 * kMs, EventType::kProbeTtwu, kFeed, TtwuFields(99, kStateS));
         story.script().Probe(5 * kMs, EventType::kProbeComplete, kFeed, CompletionFields(0x3000, 0, true));
         return story.Wake(20)
             .Answer(22)
             .Call(23, 0, false)
             .Sleep(24)
             .Rescue(200)
             .Answer(201)
             .Sleep(203)
             .Rounds(220, 5);
       }(),
       "check-before-sleep strong 24..200; "},
      {"lost at first, and nobody was seen to answer before: answers may not have been recorded yet",
       Story().Wake(20).Answer(22).Call(23, 0, false).Sleep(24).Rescue(200).Answer(201).Sleep(203).Rounds(220, 5), ""},
      {"too little is learnt", Story().Wake(20).Answer(22).Call(23, 0, false).Sleep(24).Rescue(200).Sleep(203), ""},
      {"nobody was seen to answer since: answers may no longer be recorded",
       Story().Rounds(20, 4).Wake(100).Call(103, 0, false).Sleep(104).Rescue(400).Sleep(410).Rounds(420, 3, false), ""},
      {"no answer for a while, but they are recorded",
       Story().Rounds(20, 4).Wake(100).Call(103, 0, false).Sleep(104).Rescue(400).Answer(402).Sleep(410).Rounds(420, 2),
       "check-before-sleep strong 104..400; "},
      {"it answers in no visible way",
       Story().Rounds(20, 12, false).Wake(300).Call(303, 0, false).Sleep(304).Rescue(600), ""},
      {"another kind of sleep than the one that it is woken from",
       [] {
         Story story = Learned().Call(103, 0, false);
         story.script().On(0).Switch(104 * kMs, kDrain, kSleepD, 0);
         return story.Pass(600);
       }(),
       ""},
      {"a gap on another CPU: its wakeup may be in it",
       [] {
         Story story = Learned().Call(103, 0, false).Sleep(104);
         story.script().On(2).Gap(120 * kMs, 130 * kMs);
         return story.Pass(600);
       }(),
       ""},
      {"it exits",
       [] {
         Story story = Learned().Call(103, 0, false).Sleep(104);
         story.script().On(1).About(120 * kMs, EventType::kSchedProcessExit, kDrain, kDrain);
         return story.Pass(600);
       }(),
       ""},
  };
  for (const Row& row : rows) EXPECT_EQ(row.told, ToldOf(row.story)) << row.name;
}

TEST(SleeperRule, ThreadsThatAPoolWakesAreLeftAlone) {
  LostWakeupRun run;
  run.input().AddThread(kDrain, "kworker/0:1", kPfKthreadFlag | 0x20);
  run.Play(Learned().Call(103, 0, false).Sleep(104).Rescue(400).script());
  EXPECT_TRUE(run.findings().empty());
}

TEST(SleeperRule, WakesOfAnEmptyQueue) {
  const auto woken = [](Story story, uint64_t ms) {
    story.script().On(1).Probe(ms * kMs, EventType::kProbeWakeUp, kFeed, WakeQueueFields(kQueue, true));
    return story;
  };
  const auto enters = [](Story story, uint64_t ms, uint64_t queue = kQueue) {
    story.script().On(0).Probe(ms * kMs, EventType::kProbeAddWaitQueue, kDrain, EnterFields(queue, 0));
    return story;
  };
  const Row rows[] = {
      {"between its answer and its entering", enters(woken(Learned(), 103), 104).Sleep(105).Rescue(400),
       "wake-before-enqueue strong 105..205 open; wake-before-enqueue strong 105..400; "},
      {"it answered before it entered", enters(woken(Learned(), 103).Answer(104), 105).Sleep(106).Rescue(400), ""},
      {"it entered before", woken(enters(Learned(), 103), 104).Sleep(105).Rescue(400), ""},
      {"another queue", enters(woken(Learned(), 103), 104, kQueue + 64).Sleep(105).Rescue(400), ""},
      {"before it was last woken",
       enters(woken(Story().Rounds(20, 4), 95).Wake(100).Answer(102), 103).Sleep(105).Rescue(400), ""},
  };
  for (const Row& row : rows) EXPECT_EQ(row.told, ToldOf(row.story)) << row.name;
}

TEST(SleeperRule, MasksThatLeaveTheSleeperOut) {
  const auto prepared = [](uint32_t state) {
    Story story(kSleepD);
    story.Rounds(20, 4).Wake(100).Answer(102);
    story.script().On(0).Probe(103 * kMs, EventType::kProbePrepareToWait, kDrain, EnterFields(kQueue, state));
    return story.Sleep(104);
  };
  const Row rows[] = {
      {"it waits in D, woken for S", prepared(kStateD).Call(110, kStateD, false, kModeInterruptible).Rescue(400),
       "wrong-mask strong 104..210 open; wrong-mask strong 104..400; "},
      {"woken soon by another", prepared(kStateD).Call(110, kStateD, false, kModeInterruptible).Rescue(150), ""},
      {"a mutex inside of an interruptible wait",
       prepared(kStateS).Call(110, kStateD, false, kModeInterruptible).Rescue(400), ""},
      {"a stopped task", prepared(4).Call(110, 4, false).Rescue(400), ""},
  };
  for (const Row& row : rows) EXPECT_EQ(row.told, ToldOf(row.story)) << row.name;
}

TEST(SleeperRule, EveryObligationEndsOnce) {
  const struct {
    const char* name;
    Story story;
    const char* ended;
  } rows[] = {
      {"expired", Learned().Call(103, 0, false).Sleep(104).Rescue(400), "opened 1, expired 1"},
      {"discharged", Learned().Call(103, 0, false).Sleep(104).Wake(150).Sleep(152), "opened 1, discharged 1"},
      {"censored", Learned().Call(103, 0, false).Sleep(104).Pass(150), "opened 1, censored 1"},
      {"unlearned", Story().Wake(20).Answer(22).Call(23, 0, false).Sleep(24).Rescue(200).Sleep(203),
       "opened 1, unlearned 1"},
  };
  for (const auto& row : rows) {
    LostWakeupRun run;
    ToldOf(row.story, &run);
    EXPECT_EQ(row.ended, run.Ended("check-before-sleep")) << row.name;
  }
}

TEST(SleeperRule, AFindingSaysWhatItRestsOn) {
  LostWakeupRun run;
  ToldOf(Learned().Call(103, 0, false).Sleep(104).Rescue(400), &run);
  ASSERT_EQ(2u, run.findings().size());
  const Finding& finding = run.findings().back();
  EXPECT_EQ(run.findings().front().id, finding.id);
  EXPECT_EQ(kFeed, finding.waker_pid);
  ASSERT_EQ(3u, finding.evidence.size());
  EXPECT_EQ(103 * kMs, finding.evidence[0].ts_ns);
  EXPECT_EQ(1u, finding.evidence[0].cpu);
  EXPECT_EQ(104 * kMs, finding.evidence[1].ts_ns);
  EXPECT_EQ(400 * kMs, finding.evidence[2].ts_ns);
  EXPECT_FALSE(finding.rule.empty());
  EXPECT_FALSE(finding.assumption.empty());
  EXPECT_FALSE(finding.would_raise.empty());
}

}  // namespace
}  // namespace wakewatch
