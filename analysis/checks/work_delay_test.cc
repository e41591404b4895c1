#include "analysis/checks/work_delay.h"

#include <gtest/gtest.h>

#include "analysis/checks/check_test_support.h"
#include "analysis/checks/kthread_work_delay.h"

namespace wakewatch {
namespace {

constexpr auto kQueue = EventType::kWorkQueue, kActivate = EventType::kWorkActivate, kStart = EventType::kWorkStart,
               kEnd = EventType::kWorkEnd;
constexpr uint64_t kA = 0xa0, kB = 0xb0;  // items; their functions are the same numbers
constexpr int32_t kWorker = 30;

struct Story {
  const char* name;
  Script script;
  const char* told;
};

// Longer than 70 lines: one table of stories.
TEST(WorkDelay, Stories) {
  const Story stories[] = {
      {"in time",
       Script()
           .On(0)
           .Work(10, kQueue, kB, kB, 5)
           .Work(11, kActivate, kB, kB, 5)
           .On(1)
           .Work(60, kStart, kB, kB, kWorker),
       ""},
      {"its worker was busy with another item all the time",
       Script()
           .On(1)
           .Switch(5, 0, 0, kWorker)
           .Work(6, kStart, kA, kA, kWorker)
           .On(0)
           .Work(10, kQueue, kB, kB, 5)
           .Work(11, kActivate, kB, kB, 5)
           .On(1)
           .Work(300, kEnd, kA, kA, kWorker)
           .Work(301, kStart, kB, kB, kWorker),
       "hog 30 10..301; "},
      {"not activated while the item before it slept",
       Script()
           .On(1)
           .Switch(5, 0, 0, kWorker)
           .Work(6, kStart, kA, kA, kWorker)
           .Switch(20, kWorker, kSleepS, 0)
           .On(0)
           .Work(30, kQueue, kB, kB, 5)
           .On(0)
           .Waking(290, 5, kWorker, 1)
           .Wakeup(291, 5, kWorker, 1)
           .On(1)
           .Switch(295, 0, 0, kWorker)
           .Work(300, kEnd, kA, kA, kWorker)
           .Work(301, kActivate, kB, kB, kWorker)
           .Work(310, kStart, kB, kB, kWorker),
       "dependency 30 30..310; "},
      {"its worker was woken and a real-time task held the CPU",
       Script()
           .On(1)
           .Switch(5, kWorker, kSleepS, 8, 49)
           .On(0)
           .Work(10, kQueue, kB, kB, 5)
           .Work(11, kActivate, kB, kB, 5)
           .Waking(12, 5, kWorker, 1)
           .Wakeup(13, 5, kWorker, 1)
           .On(1)
           .Switch(300, 8, kSleepS, kWorker)
           .Work(301, kStart, kB, kB, kWorker),
       "real-time 30 10..301; "},
      {"its worker's pid was another worker's before, which was inside an item",
       Script()
           .On(1)
           .Switch(5, 0, 0, kWorker)
           .Work(6, kStart, kA, kA, kWorker)
           .On(0)
           .Work(10, kQueue, kB, kB, 5)
           .On(1)
           .Work(280, kEnd, kA, kA, kWorker)
           .Switch(281, kWorker, kZombie, 0)
           .Fork(282, 2, kWorker)
           .Switch(299, 0, 0, kWorker)
           .Work(300, kStart, kB, kB, kWorker),
       "unexplained 30 10..300; "},
      {"activated, and nobody woke a worker for long",
       Script()
           .On(1)
           .Switch(5, kWorker, kSleepS, 0)
           .On(0)
           .Work(10, kQueue, kB, kB, 5)
           .Work(11, kActivate, kB, kB, 5)
           .Waking(290, 5, kWorker, 1)
           .Wakeup(291, 5, kWorker, 1)
           .On(1)
           .Switch(295, 0, 0, kWorker)
           .Work(300, kStart, kB, kB, kWorker),
       "pool-stall 30 10..300; "},
      {"activated while its worker slept inside of another item, and no other was woken",
       Script()
           .On(1)
           .Switch(5, 0, 0, kWorker)
           .Work(6, kStart, kA, kA, kWorker)
           .Switch(8, kWorker, kSleepD, 0)
           .On(0)
           .Work(10, kQueue, kB, kB, 5)
           .Work(11, kActivate, kB, kB, 5)
           .Waking(290, 5, kWorker, 1)
           .Wakeup(291, 5, kWorker, 1)
           .On(1)
           .Switch(295, 0, 0, kWorker)
           .Work(298, kEnd, kA, kA, kWorker)
           .Work(300, kStart, kB, kB, kWorker),
       "pool-stall 30 10..300; "},
      {"the same, and another worker of the pool was woken, whatever became of it",
       Script()
           .On(1)
           .Switch(4, kWorker + 1, kSleepS, 0)
           .Switch(5, 0, 0, kWorker)
           .Work(6, kStart, kA, kA, kWorker)
           .Switch(8, kWorker, kSleepD, 0)
           .On(0)
           .Work(10, kQueue, kB, kB, 5)
           .Work(11, kActivate, kB, kB, 5)
           .Waking(12, 5, kWorker + 1, 1)
           .Waking(290, 5, kWorker, 1)
           .Wakeup(291, 5, kWorker, 1)
           .On(1)
           .Switch(295, 0, 0, kWorker)
           .Work(298, kEnd, kA, kA, kWorker)
           .Work(300, kStart, kB, kB, kWorker),
       "dependency 30 10..300; "},
      {"its worker was woken at once, and its CPU shows nothing until it starts",
       Script()
           .On(1)
           .Switch(5, kWorker, kSleepS, 0)
           .On(0)
           .Work(10, kQueue, kB, kB, 5)
           .Work(11, kActivate, kB, kB, 5)
           .Waking(12, 5, kWorker, 1)
           .On(1)
           .Wakeup(13, 0, kWorker, 1)
           .Switch(14, 0, 0, kWorker)
           .Work(300, kStart, kB, kB, kWorker),
       "unexplained 30 10..300; "},
      {"matched by pointer, though another item of the same function starts on its CPU",
       Script()
           .On(0)
           .Work(10, kQueue, kA, kB, 5)
           .Work(20, kQueue, kB, kB, 5)
           .On(0)
           .Work(60, kStart, kB, kB, kWorker)
           .Work(61, kEnd, kB, kB, kWorker)
           .On(1)
           .Work(90, kStart, kA, kB, kWorker + 1),
       ""},
      {"cancelled and queued again: the clock starts anew",
       Script().On(0).Work(10, kQueue, kB, kB, 5).Work(250, kQueue, kB, kB, 5).Work(300, kStart, kB, kB, kWorker), ""},
      {"a gap on a third CPU while it was queued: it may have run and been queued again there",
       Script().On(0).Work(10, kQueue, kB, kB, 5).On(3).Gap(20, 30).On(0).Work(300, kStart, kB, kB, kWorker), ""},
      {"executed without a queueing (a flush barrier)", Script().On(0).Work(300, kStart, kB, kB, kWorker), ""},
  };
  for (const Story& story : stories) {
    CheckRun run(WorkDelay::kInfo);
    run.input().AddThread(kWorker, "kworker/1:0", kPfKthreadFlag | 0x20);
    run.input().AddThread(kWorker + 1, "kworker/1:1", kPfKthreadFlag | 0x20);
    EXPECT_EQ(story.told, run.Play(story.script).Told()) << story.name;
  }
}

TEST(WorkDelay, CountsByFunction) {
  CheckRun run(WorkDelay::kInfo);
  run.input().names().Add(kB, "job_b");
  run.Play(Script()
               .On(0)
               .Work(10, kQueue, kB, kB, 5)
               .Work(60, kStart, kB, kB, kWorker)
               .Work(80, kEnd, kB, kB, kWorker)
               .Work(90, kStart, kB, kB, kWorker)
               .Work(91, kEnd, kB, kB, kWorker)  // not queued
               .Work(92, kEnd, kB, kB, kWorker)  // never started
               .Work(95, kQueue, kB, kB, 5)
               .On(3)
               .Gap(96, 97)
               .On(0)
               .Work(98, kStart, kB, kB, kWorker)
               .Work(99, kQueue, kB, kB, 5));
  ASSERT_EQ(1u, run.summaries().work.size());
  const WorkSummary& row = run.summaries().work[0];
  EXPECT_EQ("job_b", row.function);
  EXPECT_EQ(1u, row.queue_to_start_ns.n());
  EXPECT_EQ(50u, row.queue_to_start_ns.max());
  EXPECT_EQ(2u, row.run_ns.n());
  EXPECT_EQ(20u, row.run_ns.max());
  EXPECT_EQ(1u, row.unmatched);
  EXPECT_EQ(1u, row.voided);
  EXPECT_EQ(1u, row.censored);
}

TEST(WorkDelay, ItemsThatNeverStartAreGivenUpWhenTheyAreManyAndOld) {
  constexpr uint64_t kItems = 1u << 17, kLater = 20'000'000'000;
  Script script;
  for (uint64_t item = 1; item <= kItems; ++item) script.Work(item, kQueue, item * 64, kB, 5);
  script.Work(kLater, kQueue, kA, kB, 5).Work(kLater + 20, kStart, kA, kB, kWorker);
  CheckRun run(WorkDelay::kInfo);
  run.Play(script);
  EXPECT_EQ(kItems, run.summaries().anomalies.Of(Anomaly::kOpenLimit));
  ASSERT_EQ(1u, run.summaries().work.size());
  EXPECT_EQ(1u, run.summaries().work[0].queue_to_start_ns.n());
  EXPECT_EQ(0u, run.summaries().work[0].censored);
}

TEST(KthreadWorkDelay, WaitsBehindTheItemInFront) {
  Script script;
  script.On(1).Switch(5, 0, 0, kWorker).KthreadWork(6, EventType::kKthreadWorkStart, kA, kA, kWorker);
  script.On(0).KthreadWork(10, EventType::kKthreadWorkQueue, kB, kB, 5);
  script.On(1).KthreadWork(300, EventType::kKthreadWorkEnd, kA, kA, kWorker);
  script.KthreadWork(301, EventType::kKthreadWorkStart, kB, kB, kWorker);
  EXPECT_EQ("hog 30 10..301; ", CheckRun(KthreadWorkDelay::kInfo).Play(script).Told());
}

}  // namespace
}  // namespace wakewatch
