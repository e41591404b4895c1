#include "analysis/checks/lost_wakeup/waiting_producer.h"

#include <gtest/gtest.h>

#include "analysis/checks/lost_wakeup/story_test_support.h"

namespace wakewatch {
namespace {

constexpr uint64_t kProcessTimeout = 0x1000, kOther = 0x4000, kAnother = 0x5000;

// Without probes: the feeder comes onto CPU 1, wakes the drain, waits for it, and is woken by it.
class Requests {
 public:
  Requests() { script_.On(0).Switch(1 * kMs, kDrain, kSleepS, 0); }
  Script& script() { return script_; }
  Requests& FeederRuns(uint64_t ms) {
    script_.On(1).Switch(ms * kMs, 0, kRunnable, kFeed);
    return *this;
  }
  Requests& FeederSleeps(uint64_t ms) {
    script_.On(1).Switch(ms * kMs, kFeed, kSleepD, 0);
    return *this;
  }
  Requests& WakeDrain(uint64_t ms) {
    script_.On(1).Waking(ms * kMs, kFeed, kDrain, 0).On(0).Wakeup(ms * kMs + 1000, 0, kDrain, 0);
    script_.On(0).Switch(ms * kMs + 2000, 0, kRunnable, kDrain);
    return *this;
  }
  Requests& RescueDrain(uint64_t ms) {
    script_.On(0, kFlagHardirq).Waking(ms * kMs, 0, kDrain, 0).Wakeup(ms * kMs + 1000, 0, kDrain, 0);
    script_.On(0).Switch(ms * kMs + 2000, 0, kRunnable, kDrain);
    return *this;
  }
  Requests& WakeFeeder(uint64_t ms, int32_t by = kDrain) {
    script_.On(0).Waking(ms * kMs, by, kFeed, 1).Wakeup(ms * kMs + 1000, by, kFeed, 1);
    return *this;
  }
  Requests& DrainSleeps(uint64_t ms, uint32_t letter = kSleepS) {
    script_.On(0).Switch(ms * kMs, kDrain, letter, 0);
    return *this;
  }
  // The drain sleeps for at most `timeout` jiffies; 0: without end.
  Requests& Rounds(uint64_t ms, int count, uint64_t timeout = 0) {
    for (; count > 0; --count, ms += 20) {
      FeederRuns(ms).WakeDrain(ms + 1).FeederSleeps(ms + 2).WakeFeeder(ms + 3);
      if (timeout != 0) Arm(ms + 3, timeout);
      DrainSleeps(ms + 4);
    }
    return *this;
  }
  Requests& Arm(uint64_t ms, uint64_t jiffies) {
    script_.On(0).TimerAt(ms * kMs + 5000, EventType::kTimerStart, 0xaa00, kProcessTimeout, 7000 + jiffies, 7000,
                          kDrain);
    return *this;
  }
  Requests& FeederArms(uint64_t ms, uint64_t function) {
    script_.On(1).TimerAt(ms * kMs + 5000, EventType::kTimerStart, 0xbb00, function, 7100, 7000, kFeed);
    return *this;
  }
  Requests& TimerWakesDrain(uint64_t ms, uint64_t function) {
    script_.On(0, kFlagSoftirq).TimerAt(ms * kMs - 10, EventType::kTimerExpireEntry, 0xbb00, function, 0, 7100, 0);
    script_.Waking(ms * kMs, 0, kDrain, 0).Wakeup(ms * kMs + 1000, 0, kDrain, 0);
    script_.TimerAt(ms * kMs + 1001, EventType::kTimerExpireExit, 0xbb00, 0, 0, 0, 0);
    script_.On(0).Switch(ms * kMs + 2000, 0, kRunnable, kDrain);
    return *this;
  }

 private:
  Script script_;
};

// What looks like a loss, of a feeder that others have woken so far.
Requests Unanswered() {
  return Requests()
      .FeederRuns(20)
      .WakeDrain(21)
      .FeederSleeps(22)
      .DrainSleeps(24)
      .WakeFeeder(50, 98)
      .FeederRuns(100)
      .WakeDrain(101)
      .FeederSleeps(102)
      .WakeFeeder(102, 98)
      .FeederRuns(103)
      .FeederSleeps(104)
      .DrainSleeps(105)
      .RescueDrain(400)
      .WakeFeeder(402);
}

// Longer than 70 lines: a table of stories.
TEST(WaitingProducer, Stories) {
  // At 101 the drain is woken; the feeder's second item comes while it runs, at 103 to 104, without a wakeup.
  const auto second = [](uint64_t timeout = 0) {
    return Requests()
        .Rounds(20, 4, timeout)
        .FeederRuns(100)
        .WakeDrain(101)
        .FeederSleeps(102)
        .WakeFeeder(102)
        .FeederRuns(103);
  };
  const struct {
    const char* name;
    Requests requests;
    const char* told;
  } rows[] = {
      {"it waits, an interrupt rescues the drain, which answers",
       second().FeederSleeps(104).DrainSleeps(105).RescueDrain(400).WakeFeeder(402), "undecided suspicious 105..400; "},
      {"the feeder preempts the drain on its own CPU",
       [] {
         Requests requests = Requests().Rounds(20, 4).FeederRuns(100).WakeDrain(101).FeederSleeps(102).WakeFeeder(102);
         requests.script().On(0).Switch(103 * kMs, kDrain, kPreemptedR, kFeed);
         requests.script().On(0).Switch(104 * kMs, kFeed, kSleepD, kDrain);
         return requests.DrainSleeps(105).RescueDrain(400).WakeFeeder(402);
       }(),
       "undecided suspicious 105..400; "},
      {"a short wait", second().FeederSleeps(104).DrainSleeps(105).RescueDrain(150).WakeFeeder(152), ""},
      {"somebody else wakes the feeder",
       second().FeederSleeps(104).DrainSleeps(105).RescueDrain(400).WakeFeeder(402, 98), ""},
      {"the drain sleeps once more before it answers",
       second().FeederSleeps(104).DrainSleeps(105).RescueDrain(400).DrainSleeps(401).RescueDrain(500).WakeFeeder(502),
       ""},
      {"the drain sleeps another kind of sleep",
       second().FeederSleeps(104).DrainSleeps(105, kSleepD).RescueDrain(400).WakeFeeder(402), ""},
      {"the feeder runs only after the drain has gone to sleep",
       Requests().Rounds(20, 4).FeederRuns(200).FeederSleeps(201).RescueDrain(400).WakeFeeder(402), ""},
      {"no longer than it usually sleeps",
       [&] {
         Requests requests;
         for (uint64_t ms = 300; ms <= 1500; ms += 300) {
           requests.FeederRuns(ms).WakeDrain(ms + 1).FeederSleeps(ms + 2).WakeFeeder(ms + 3).DrainSleeps(ms + 4);
         }
         requests.FeederRuns(1800).WakeDrain(1801).FeederSleeps(1802).WakeFeeder(1802).FeederRuns(1803);
         return requests.FeederSleeps(1804).DrainSleeps(1805).RescueDrain(2300).WakeFeeder(2302);
       }(),
       ""},
      {"the drain sleeps with another time-out than when the feeder wakes it",
       second(1000).FeederSleeps(104).Arm(104, 50).DrainSleeps(105).RescueDrain(400).WakeFeeder(402), ""},
      {"the drain sleeps with much the same time-out",
       second(1000).FeederSleeps(104).Arm(104, 1030).DrainSleeps(105).RescueDrain(400).WakeFeeder(402),
       "undecided suspicious 105..400; "},
      {"the feeder left the wake to a timer",
       second().FeederArms(103, kOther).FeederSleeps(104).DrainSleeps(105).TimerWakesDrain(400, kOther).WakeFeeder(402),
       ""},
      {"the feeder armed another timer than the one that wakes the drain",
       second()
           .FeederArms(103, kAnother)
           .FeederSleeps(104)
           .DrainSleeps(105)
           .TimerWakesDrain(400, kOther)
           .WakeFeeder(402),
       "undecided suspicious 105..400; "},
      {"the feeder was never seen to be answered", Unanswered(), ""},
      {"the feeder never woke it before",
       Requests().RescueDrain(100).FeederRuns(103).FeederSleeps(104).DrainSleeps(105).RescueDrain(400).WakeFeeder(402),
       ""},
  };
  for (const auto& row : rows) {
    LostWakeupRun run;
    run.input().names().Add(kProcessTimeout, "process_timeout");
    run.input().names().Add(kOther, "kthread_delayed_work_timer_fn");
    run.input().names().Add(kAnother, "delayed_work_timer_fn");
    Requests requests = row.requests;
    EXPECT_EQ(row.told, ToldOf(requests.script().events(), &run)) << row.name;
  }
}

TEST(WaitingProducer, EveryObligationEndsOnce) {
  const auto rescued = [] {
    return Requests()
        .Rounds(20, 4)
        .FeederRuns(100)
        .WakeDrain(101)
        .FeederSleeps(102)
        .WakeFeeder(102)
        .FeederRuns(103)
        .FeederSleeps(104)
        .DrainSleeps(105)
        .RescueDrain(400);
  };
  const struct {
    const char* name;
    Requests requests;
    const char* ended;
  } rows[] = {
      {"answered", rescued().WakeFeeder(402), "opened 1, expired 1"},
      {"woken by another", rescued().WakeFeeder(402, 98), "opened 1, discharged 1"},
      {"back without a wakeup", rescued().FeederRuns(410).FeederSleeps(411), "opened 1, discharged 1"},
      {"the trace ends", rescued(), "opened 1, censored 1"},
      {"no wait of the feeder was answered before", Unanswered(), "opened 1, unlearned 1"},
  };
  for (const auto& row : rows) {
    LostWakeupRun run;
    Requests requests = row.requests;
    ToldOf(requests.script().events(), &run);
    EXPECT_EQ(row.ended, run.Ended("undecided")) << row.name;
  }
}

}  // namespace
}  // namespace wakewatch
