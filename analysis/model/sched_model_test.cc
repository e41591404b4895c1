#include "analysis/model/sched_model.h"

#include <gtest/gtest.h>

#include <string>

#include "analysis/model/model_test_support.h"

namespace wakewatch {
namespace {

// What a script comes to: every wait that ended, and what was odd.
std::string Play(const Script& script, const ScriptInput& input = ScriptInput()) {
  SchedModel model(input);
  std::string told;
  for (const Event& event : script.events()) {
    const Step& step = model.Apply(event);
    if (step.ended == nullptr) continue;
    const Wait& wait = *step.ended;
    told += std::to_string(step.next->pid);
    told += wait.kind == WaitKind::kPreempted ? (wait.preempted_in_kernel ? " R+ " : " R ")
            : wait.kind == WaitKind::kNew     ? " new "
                                              : " woken ";
    if (!step.measured) {
      told += "void; ";
      continue;
    }
    if (wait.has_waking) told += std::to_string(wait.wakeup_ns - wait.start_ns) + "+";
    told += std::to_string(event.ts_ns - wait.wakeup_ns) + "; ";
  }
  for (size_t i = 0; i < kAnomalyCount; ++i) {
    const uint64_t count = model.anomalies().all()[i];
    if (count > 0) told += "(" + std::string(kAnomalyInfo[i].name) + " " + std::to_string(count) + ")";
  }
  return told;
}

struct Story {
  const char* name;
  Script script;
  const char* told;
};

// Longer than 70 lines: one table of stories.
TEST(SchedModel, Stories) {
  const Story stories[] = {
      {"woken from another CPU, delivered, run",
       Script()
           .On(1)
           .Switch(10, 7, kSleepS, 0)
           .On(0)
           .Waking(100, 5, 7, 1)
           .On(1)
           .Wakeup(130, 0, 7, 1)
           .Switch(200, 0, 0, 7),
       "7 woken 30+70; "},
      {"T4: woken while it runs, then it sleeps for good and is woken again",
       Script()
           .On(1)
           .Switch(10, 0, 0, 7)
           .On(0)
           .Waking(20, 5, 7, 1)
           .Wakeup(25, 5, 7, 1)
           .On(1)
           .Switch(30, 7, kSleepS, 0)
           .On(0)
           .Waking(50, 5, 7, 1)
           .Wakeup(51, 5, 7, 1)
           .On(1)
           .Switch(60, 0, 0, 7),
       "7 woken 1+9; "},
      {"T5: waking, then it leaves its CPU, then the wakeup: the wake is that waking's",
       Script()
           .On(1)
           .Switch(10, 0, 0, 7)
           .On(0)
           .Waking(20, 5, 7, 1)
           .On(1)
           .Switch(30, 7, kSleepS, 0)
           .On(0)
           .Wakeup(40, 5, 7, 1)
           .On(1)
           .Switch(60, 0, 0, 7),
       "7 woken 20+20; "},
      {"T5 when the trace begins in the middle of it: that it ran is learnt from its leaving",
       Script()
           .On(0)
           .Waking(20, 5, 7, 1)
           .On(1)
           .Switch(30, 7, kSleepS, 0)
           .On(0)
           .Wakeup(40, 5, 7, 1)
           .On(1)
           .Switch(60, 0, 0, 7),
       "7 woken 20+20; "},
      {"woken while it runs, preempted before the wakeup: what it waits for is its turn",
       Script()
           .On(1)
           .Switch(10, 0, 0, 7)
           .On(0)
           .Waking(20, 5, 7, 1)
           .On(1)
           .Switch(30, 7, kRunnable, 8)
           .On(0)
           .Wakeup(35, 5, 7, 1)
           .On(1)
           .Switch(60, 8, kSleepS, 7),
       "7 R 30; "},
      {"preempted in the kernel between setting its state and schedule(): a waking there is legal",
       Script()
           .On(1)
           .Switch(10, 0, 0, 7)
           .Switch(30, 7, kPreemptedR, 8)
           .On(0)
           .Waking(35, 5, 7, 1)
           .Wakeup(36, 5, 7, 1)
           .On(1)
           .Switch(60, 8, kSleepS, 7),
       "7 R+ 30; "},
      {"a new task: forked, woken as new, run",
       Script().On(0).Fork(10, 2, 9).WakeupNew(20, 2, 9, 1).On(1).Switch(50, 0, 0, 9), "9 new 30; "},
      {"moved between run queues while it waits",
       Script()
           .On(1)
           .Switch(10, 7, kSleepS, 8)
           .On(0)
           .Waking(20, 5, 7, 1)
           .Wakeup(21, 5, 7, 1)
           .On(2)
           .Migrate(40, 0, 7, 1, 2)
           .Switch(50, 0, 0, 7),
       "7 woken 1+29; "},
      {"T3 broken: it comes back without a wakeup", Script().On(1).Switch(10, 7, kSleepD, 0).Switch(50, 0, 0, 7),
       "(state-resync 1)"},
      {"T1 broken: waking and then running, without a wakeup",
       Script().On(1).Switch(10, 7, kSleepS, 0).On(0).Waking(20, 5, 7, 1).On(1).Switch(50, 0, 0, 7),
       "7 woken void; (state-resync 1)"},
      {"a wakeup without waking in a trace that has waking events is no measure",
       Script()
           .On(1)
           .Switch(10, 7, kSleepS, 0)
           .Switch(11, 0, 0, 8)
           .Switch(12, 8, kSleepS, 0)
           .On(0)
           .Waking(20, 5, 8, 1)
           .Wakeup(21, 5, 8, 1)
           .On(0)
           .Wakeup(40, 5, 7, 1)
           .On(1)
           .Switch(50, 0, 0, 7),
       "7 woken void; (state-resync 1)"},
      {"a trace without waking events: the run queue's part is measured",
       Script().On(1).Switch(10, 7, kSleepS, 0).On(0).Wakeup(40, 5, 7, 1).On(1).Switch(50, 0, 0, 7), "7 woken 10; "},
      {"clocks apart: the wakeup is stamped before its waking on another CPU",
       Script()
           .On(1)
           .Switch(10, 7, kSleepS, 0)
           .Switch(11, 0, 0, 8)
           .Switch(12, 8, kSleepS, 0)
           .On(0)
           .Waking(20, 5, 8, 1)
           .Wakeup(21, 5, 8, 1)
           .On(1)
           .Wakeup(40, 0, 7, 1)
           .On(0)
           .Waking(43, 5, 7, 1)
           .On(1)
           .Switch(50, 0, 0, 7),
       "7 woken 0+10; "},
      {"T6: the CPU switches from somebody it had not switched to",
       Script().On(1).Switch(10, 0, 0, 7).Switch(20, 8, kSleepS, 0), "(missing-switch 1)"},
      {"T6, and who was lost may be woken at once: nothing is known of it",
       Script()
           .On(1)
           .Switch(10, 0, 0, 7)
           .Switch(20, 8, kSleepS, 0)
           .On(0)
           .Waking(30, 5, 7, 1)
           .Wakeup(31, 5, 7, 1)
           .On(1)
           .Switch(40, 0, 0, 7),
       "7 woken 1+9; (missing-switch 1)"},
      {"woken twice without running between: the first wait is dropped, the second is no measure either",
       Script()
           .On(1)
           .Switch(10, 7, kSleepS, 0)
           .On(0)
           .Waking(20, 5, 7, 1)
           .Wakeup(21, 5, 7, 1)
           .Waking(30, 5, 7, 1)
           .Wakeup(31, 5, 7, 1)
           .On(1)
           .Switch(40, 0, 0, 7),
       "7 woken void; (state-resync 1)"},
      {"idle tasks are never woken and never wait",
       Script().On(0).Switch(10, 0, 0, 7).Switch(20, 7, kSleepS, 0).Waking(30, 5, 0, 0).Wakeup(31, 5, 0, 0), ""},
      {"dead, and its pid used again",
       Script().On(0).Switch(10, 7, kZombie, 5).Fork(20, 5, 7).WakeupNew(21, 5, 7, 0).Switch(30, 5, kSleepS, 7),
       "7 new 9; "},
  };
  for (const Story& story : stories) EXPECT_EQ(story.told, Play(story.script)) << story.name;
}

TEST(SchedModel, GapsVoidWhatTheyTouchAndAlarmNothing) {
  const Story stories[] = {
      {"a gap inside the wait, on a third CPU: the task could have run there",
       Script()
           .On(1)
           .Switch(10, 7, kSleepS, 0)
           .On(0)
           .Waking(20, 5, 7, 1)
           .Wakeup(21, 5, 7, 1)
           .On(2)
           .Gap(25, 30)
           .On(1)
           .Switch(40, 0, 0, 7),
       "7 woken void; "},
      {"a gap that ended where the wait began does not touch it",
       Script()
           .On(1)
           .Switch(10, 7, kSleepS, 0)
           .On(2)
           .Gap(12, 20)
           .On(0)
           .Waking(20, 5, 7, 1)
           .Wakeup(21, 5, 7, 1)
           .On(1)
           .Switch(40, 0, 0, 7),
       "7 woken 1+19; "},
      {"a gap that began before the wait and reaches into it",
       Script()
           .On(1)
           .Switch(10, 7, kSleepS, 0)
           .On(2)
           .Gap(12, 22)
           .On(0)
           .Waking(20, 5, 7, 1)
           .Wakeup(21, 5, 7, 1)
           .On(1)
           .Switch(40, 0, 0, 7),
       "7 woken void; "},
      {"a waking lost in a gap",
       Script()
           .On(2)
           .Switch(9, 8, kSleepS, 0)
           .On(0)
           .Waking(9, 5, 8, 1)
           .Wakeup(9, 5, 8, 1)
           .On(1)
           .Switch(10, 7, kSleepS, 0)
           .On(0)
           .Gap(15, 30)
           .On(1)
           .Wakeup(35, 0, 7, 1)
           .Switch(40, 0, 0, 7),
       "7 woken void; "},
      {"a switch lost in a gap: who ran on that CPU is not known any more",
       Script().On(1).Switch(10, 0, 0, 7).Gap(15, 30).Switch(31, 8, kSleepS, 0).Switch(40, 0, 0, 7), ""},
      {"a gap that never ends",
       Script()
           .On(2)
           .Gap(12, UINT64_MAX)
           .On(1)
           .Switch(13, 7, kSleepS, 0)
           .On(0)
           .Waking(20, 5, 7, 1)
           .Wakeup(21, 5, 7, 1)
           .On(1)
           .Switch(40, 0, 0, 7),
       "7 woken void; "},
  };
  for (const Story& story : stories) EXPECT_EQ(story.told, Play(story.script)) << story.name;
}

TEST(SchedModel, ATaskBoundToOneCpuIsWhollySeenThere) {
  const auto script = [](uint16_t gap_cpu) {
    Script told;
    told.On(1).Switch(10, 21, kSleepS, 0).On(0).Waking(20, 5, 21, 1).Wakeup(21, 5, 21, 1);
    told.On(gap_cpu).Gap(25, 30).On(1).Switch(40, 0, 0, 21);
    return told;
  };
  ScriptInput input;
  input.AddThread(21, "ksoftirqd/1", kPfKthreadFlag);
  EXPECT_EQ("21 woken 1+19; ", Play(script(2), input));
  EXPECT_EQ("21 woken void; ", Play(script(1), input));
}

TEST(SchedModel, AStaleSleepIsAnArtefactOfSomeKernels) {
  const Script script = Script().On(1).Switch(10, 7, kSleepS, 0).Switch(50, 0, 0, 7);
  for (const char* kernel : {"5.18.0", "6.1.0-56-amd64", "6.15.9", ""}) {
    ScriptInput input;
    input.meta().kernel = kernel;
    EXPECT_EQ("(stale-sleep-state 1)", Play(script, input)) << kernel;
  }
  for (const char* kernel : {"5.17.3", "6.16.0", "7.2.13"}) {
    ScriptInput input;
    input.meta().kernel = kernel;
    EXPECT_EQ("(state-resync 1)", Play(script, input)) << kernel;
  }
}

TEST(SchedModel, AnOverrunThatNoPageMarksVoidsTheBeginning) {
  Script script;
  script.On(1).Switch(10, 7, kSleepS, 0).On(0).Waking(20, 5, 7, 1).Wakeup(21, 5, 7, 1);
  script.On(2).Switch(25, 0, 0, 9).On(1).Switch(40, 0, 0, 7);
  EXPECT_EQ("7 woken 1+19; ", Play(script));
  ScriptInput input;
  input.meta().stats.push_back({.cpu = 2, .overrun = 1});
  EXPECT_EQ("7 woken void; ", Play(script, input));
  ScriptInput later;
  later.meta().stats.push_back({.cpu = 3, .overrun = 1});
  EXPECT_EQ("7 woken void; ", Play(script, later)) << "nothing of CPU 3 is there yet";
  input.meta().loss_marked = true;
  EXPECT_EQ("7 woken 1+19; ", Play(script, input)) << "a gap would say so";
}

TEST(SchedModel, KindsComeFromTheInventoryThenFromForksThenFromNames) {
  ScriptInput input;
  input.AddThread(7, "rx_drain", kPfKthreadFlag);
  SchedModel model(input);
  Script script;
  script.On(0).Switch(10, 7, kSleepS, 0).Fork(20, 2, 9).Fork(30, 5, 10).WakeupNew(31, 5, 10, 0);
  for (const Event& event : script.events()) model.Apply(event);
  EXPECT_EQ(ThreadKind::kKthread, model.TaskOf(7)->kind);
  EXPECT_EQ(KindSource::kInventory, model.TaskOf(7)->kind_source);
  EXPECT_EQ(ThreadKind::kKthread, model.TaskOf(9)->kind);
  EXPECT_EQ(KindSource::kFork, model.TaskOf(9)->kind_source);
  EXPECT_EQ(ThreadKind::kUser, model.TaskOf(10)->kind);
}

TEST(SchedModel, HostilePidsAndCpusAreJustNumbers) {
  Script script;
  script.On(65535).Switch(10, -5, kSleepS, INT32_MAX).Waking(20, 1, -5, -1).Wakeup(30, 1, -5, 70000);
  script.Switch(40, INT32_MAX, kSleepS, -5).Migrate(50, 1, INT32_MIN, -1, INT32_MAX).Fork(60, -1, INT32_MIN);
  EXPECT_EQ("-5 woken 10+10; ", Play(script));
}

// The uses of a CPU's time sum to the time that passed, whatever happens on it.
TEST(SchedModel, UsesSumToTheTime) {
  const ScriptInput input;
  SchedModel model(input);
  Script script;
  script.On(0).Switch(100, 0, 0, 7).Softirq(150, EventType::kSoftirqEntry, 1, 7);
  script.Softirq(160, EventType::kSoftirqExit, 1, 7).Switch(200, 7, kSleepS, 8, 49).Switch(300, 8, kSleepS, 0);
  script.Switch(450, 0, 0, 7).Switch(451, 7, kSleepS, 0);
  for (const Event& event : script.events()) model.Apply(event);
  const CpuUsage& usage = model.cpu(0).usage;
  EXPECT_EQ(150u, usage.Of(Use::kIdle));
  EXPECT_EQ(50u + 40u + 1u, usage.Of(Use::kFair));
  EXPECT_EQ(10u, usage.Of(Use::kSoftirq));
  EXPECT_EQ(100u, usage.Of(Use::kRealTime));
  EXPECT_EQ(0u, usage.Of(Use::kHardirq));
}

// A format without priorities: nobody is taken for a real-time task.
TEST(SchedModel, WithoutPrioritiesEveryTaskIsFair) {
  const ScriptInput input;
  SchedModel model(input);
  const Script script =
      Script().On(0).Switch(10, 0, 0, 8, kPrioUnknown).Wakeup(20, 8, 7, 0).Switch(30, 8, kSleepS, 7, kPrioUnknown);
  for (Event event : script.events()) {
    if (event.type == EventType::kSchedWakeup) event.wake.prio = kPrioUnknown;
    const Step& step = model.Apply(event);
    if (step.ended == nullptr) continue;
    EXPECT_EQ(kFairRank, step.ended->rank);
    EXPECT_EQ(10u, step.ended->buckets.Of(Bucket::kEqual));
  }
  EXPECT_EQ(2u, model.anomalies().Of(Anomaly::kPrioMissing));
}

// The most CPUs that a machine has, tasks that may run on all of them, and CPUs that come late.
TEST(SchedModel, AThousandCpus) {
  ScriptInput input;
  input.AddThread(7, "kworker/u2048:1", kPfKthreadFlag, 0, "0-1023");
  SchedModel model(input);
  Script script;
  for (uint16_t cpu = 0; cpu < 1024; ++cpu) {
    script.On(cpu).Switch(10 + cpu, 0, 0, 2000 + cpu);
  }
  script.On(1023).Waking(3000, 3023, 7, 5).Wakeup(3001, 3023, 7, 5);
  script.On(900).Switch(4000, 2900, kSleepS, 0);
  script.On(5).Switch(5000, 2005, kPreemptedR, 7);
  for (const Event& event : script.events()) {
    const Step& step = model.Apply(event);
    if (event.ts_ns != 5000) continue;
    ASSERT_NE(nullptr, step.ended);
    EXPECT_EQ(2000u, step.ended->buckets.Total());
    EXPECT_EQ(1999u, step.ended->buckets.Of(Bucket::kEqual));
    EXPECT_EQ(1000u, step.ended->place.deserved_ns) << "CPU 900 was idle for so long";
    EXPECT_EQ(900, step.ended->place.idle_cpu);
  }
}

}  // namespace
}  // namespace wakewatch
