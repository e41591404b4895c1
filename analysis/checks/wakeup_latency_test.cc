#include "analysis/checks/wakeup_latency.h"

#include <gtest/gtest.h>

#include "analysis/checks/check_test_support.h"
#include "analysis/checks/ksoftirqd_starved.h"
#include "analysis/checks/starvation.h"

namespace wakewatch {
namespace {

constexpr int16_t kRealTimePrio = 49;

// Task 7 sleeps on CPU 1, is woken at 100 by task 5 on CPU 0 and gets CPU 1 at `in`, where 8 ran before.
Script Woken(uint64_t in, int16_t prio_of_8) {
  Script script;
  script.On(1).Switch(10, 7, kSleepS, 8, prio_of_8);
  script.On(0).Waking(100, 5, 7, 1).Wakeup(102, 5, 7, 1);
  script.On(1).Switch(in, 8, kSleepS, 7);
  return script;
}

struct Story {
  const char* name;
  Script script;
  const char* told;
};

TEST(WakeupLatency, Stories) {
  const Story stories[] = {
      {"in time", Woken(199, 120), ""},
      {"late behind a task of its class", Woken(300, 120), "pile-up 7 100..300; "},
      {"late behind a real-time task", Woken(300, kRealTimePrio), "real-time 7 100..300; "},
      {"at the threshold", Woken(200, 120), "pile-up 7 100..200; "},
      {"its CPU was idle and came out of it late: the wakeup came by the wake list",
       Script()
           .On(1)
           .Switch(10, 7, kSleepS, 0)
           .On(0)
           .Waking(100, 5, 7, 1)
           .On(1)
           .Wakeup(350, 0, 7, 1)
           .Switch(352, 0, 0, 7),
       "idle-exit 7 100..352; "},
      {"asked to reschedule, and did not",
       Script()
           .On(1)
           .Switch(10, 7, kSleepS, 8)
           .On(0)
           .Waking(100, 5, 7, 1)
           .Wakeup(102, 5, 7, 1)
           .On(1, kFlagNeedResched)
           .Tick(110, 1, 8)
           .Tick(290, 1, 8)
           .On(1)
           .Switch(300, 8, kPreemptedR, 7),
       "preempt-off 7 100..300; "},
      {"a softirq held the CPU",
       Script()
           .On(1)
           .Switch(10, 7, kSleepS, 8)
           .On(0)
           .Waking(100, 5, 7, 1)
           .Wakeup(102, 5, 7, 1)
           .On(1)
           .Softirq(105, EventType::kSoftirqEntry, 3, 8)
           .Softirq(295, EventType::kSoftirqExit, 3, 8)
           .Switch(300, 8, kPreemptedR, 7),
       "softirq 7 100..300; "},
      {"a preempted wait is no wakeup latency",
       Script().On(1).Switch(10, 0, 0, 7).Switch(20, 7, kRunnable, 8).Switch(900, 8, kSleepS, 7), ""},
      {"a new task that gets no CPU",
       Script().On(1).Switch(5, 0, 0, 8).On(0).Fork(10, 5, 9).WakeupNew(20, 5, 9, 1).On(1).Switch(220, 8, kSleepS, 9),
       "pile-up 9 20..220; "},
      {"a gap on another CPU within the wait",
       Script()
           .On(1)
           .Switch(10, 7, kSleepS, 8)
           .On(0)
           .Waking(100, 5, 7, 1)
           .Wakeup(102, 5, 7, 1)
           .On(3)
           .Gap(150, 160)
           .On(1)
           .Switch(300, 8, kSleepS, 7),
       ""},
  };
  for (const Story& story : stories) {
    EXPECT_EQ(story.told, CheckRun(WakeupLatency::kInfo).Play(story.script).Told()) << story.name;
  }
}

TEST(WakeupLatency, TheFindingNamesTheWakerAndShowsItsEvents) {
  CheckRun run(WakeupLatency::kInfo);
  run.Play(Woken(300, kRealTimePrio));
  ASSERT_EQ(1u, run.findings().size());
  const Finding& finding = run.findings()[0];
  EXPECT_EQ(5, finding.waker_pid);
  EXPECT_EQ(1, finding.cpu);
  EXPECT_EQ(200u, finding.waited_ns);
  ASSERT_EQ(3u, finding.evidence.size());
  EXPECT_EQ(100u, finding.evidence[0].ts_ns);
  EXPECT_EQ(0u, finding.evidence[0].cpu);
  EXPECT_EQ(102u, finding.evidence[1].ts_ns);
  EXPECT_EQ(300u, finding.evidence[2].ts_ns);
  EXPECT_EQ(Confidence::kProven, finding.confidence);
  EXPECT_EQ(16u, finding.id.size());
}

TEST(WakeupLatency, AWakeFromAnInterruptNamesNobody) {
  Script script;
  script.On(1).Switch(10, 7, kSleepS, 8);
  script.On(0, kFlagHardirq).Waking(100, 5, 7, 1).Wakeup(102, 5, 7, 1);
  script.On(1).Switch(300, 8, kSleepS, 7);
  CheckRun run(WakeupLatency::kInfo);
  run.Play(script);
  ASSERT_EQ(1u, run.findings().size());
  EXPECT_EQ(-1, run.findings()[0].waker_pid);
}

TEST(WakeupLatency, CountsWhatItMeasuresAndWhatItCannot) {
  Script script = Woken(150, 120);                                       // 50: 2 delivered, 48 queued
  script.On(1).Switch(160, 7, kRunnable, 8).Switch(190, 8, kSleepS, 7);  // preempted for 30
  script.On(0).Waking(191, 5, 7, 1).Wakeup(192, 5, 7, 1);                // on its CPU: a wakeup without a wait
  script.On(1).Switch(200, 7, kSleepS, 0);
  script.On(0).Waking(210, 5, 7, 1).Wakeup(211, 5, 7, 1).On(3).Gap(212, 213).On(1).Switch(220, 0, 0, 7);  // void
  script.Switch(230, 7, kSleepS, 0).On(0).Waking(240, 5, 7, 1).Wakeup(241, 5, 7, 1);                      // still open
  CheckRun run(WakeupLatency::kInfo);
  run.Play(script);
  const ThreadSummary* thread = nullptr;
  for (const ThreadSummary& each : run.summaries().threads) {
    if (each.pid == 7) thread = &each;
  }
  ASSERT_NE(nullptr, thread);
  EXPECT_EQ(4u, thread->wakeups);
  EXPECT_EQ(1u, thread->wakeup_latency_ns.n());
  EXPECT_EQ(50u, thread->wakeup_latency_ns.max());
  EXPECT_EQ(2u, thread->delivery_ns.max());
  EXPECT_EQ(48u, thread->runqueue_ns.max());
  EXPECT_EQ(1u, thread->preempted_ns.n());
  EXPECT_EQ(30u, thread->preempted_ns.max());
  EXPECT_EQ(1u, thread->voided);
  EXPECT_EQ(1u, thread->censored);
  EXPECT_EQ(10u + 10u + 10u, thread->on_cpu_ns);
}

TEST(WakeupLatency, TheSpanLeavesOutWhatStartsOutside) {
  for (const auto& [since, until, n] : {std::tuple{0u, 99u, 0u}, {101u, 1000u, 0u}, {100u, 100u, 1u}}) {
    CheckRun run(WakeupLatency::kInfo);
    run.options().since_ns = since;
    run.options().until_ns = until;
    run.Play(Woken(300, 120));
    EXPECT_EQ(n, run.findings().size()) << since << ".." << until;
  }
}

// ksoftirqd's waits belong to one check, those of other tasks to others: nothing is told twice.
TEST(KsoftirqdStarved, TakesKsoftirqdFromTheOthers) {
  Script preempted;
  preempted.On(1).Switch(10, 0, 0, 7).Switch(20, 7, kRunnable, 8, kRealTimePrio).Switch(2900, 8, kSleepS, 7);
  const Story stories[] = {{"woken", Woken(300, kRealTimePrio), "real-time 7 100..300; "},
                           {"preempted", preempted, "real-time 7 20..2900; "}};
  for (const Story& story : stories) {
    for (const bool ksoftirqd : {true, false}) {
      const auto told = [&](const CheckInfo& info) {
        CheckRun run(info);
        run.input().AddThread(7, ksoftirqd ? "ksoftirqd/1" : "rx_drain", kPfKthreadFlag);
        return run.Play(story.script).Told();
      };
      EXPECT_EQ(ksoftirqd ? story.told : "", told(KsoftirqdStarved::kInfo)) << story.name;
      EXPECT_EQ(ksoftirqd ? "" : story.told, told(WakeupLatency::kInfo) + told(Starvation::kInfo)) << story.name;
    }
  }
}

TEST(Starvation, AWaitThatNeverEndsIsToldWhereTheTraceEnds) {
  Script script;
  script.On(1).Switch(10, 7, kSleepS, 8, kRealTimePrio).On(0).Waking(100, 5, 7, 1).Wakeup(102, 5, 7, 1);
  Script soon = script, late = script, gap = script;
  soon.On(1).Switch(150, 8, kSleepS, 9, kRealTimePrio);
  late.On(1).Switch(400, 8, kSleepS, 9, kRealTimePrio);
  gap.On(3).Gap(120, 130).On(1).Switch(400, 8, kSleepS, 9, kRealTimePrio);
  EXPECT_EQ("", CheckRun(Starvation::kInfo).Play(soon).Told());
  EXPECT_EQ("real-time 7 100..400; ", CheckRun(Starvation::kInfo).Play(late).Told());
  EXPECT_EQ("", CheckRun(Starvation::kInfo).Play(gap).Told());
}

TEST(Starvation, APreemptedTaskWaitsItsTurnsInPeace) {
  Script script;
  script.On(1).Switch(10, 0, 0, 7).Switch(20, 7, kRunnable, 8).Switch(2019, 8, kSleepS, 7);
  EXPECT_EQ("", CheckRun(Starvation::kInfo).Play(script).Told());
  Script longer;
  longer.On(1).Switch(10, 0, 0, 7).Switch(20, 7, kRunnable, 8).Switch(2020, 8, kSleepS, 7);
  EXPECT_EQ("pile-up 7 20..2020; ", CheckRun(Starvation::kInfo).Play(longer).Told());
}

}  // namespace
}  // namespace wakewatch
