// The slow reference against accounts made by hand: each story is short enough to be summed up on paper.
#include "tests/model/slow_schedule.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "analysis/model/model_test_support.h"
#include "analysis/model/rank.h"

namespace wakewatch::slow {
namespace {

constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kTick = 0xffffffff81000000;
constexpr auto kIrqIn = EventType::kIrqEntry, kIrqOut = EventType::kIrqExit;
constexpr auto kSoftirqIn = EventType::kSoftirqEntry, kSoftirqOut = EventType::kSoftirqExit;

using Parts = std::vector<std::pair<Bucket, uint64_t>>;

struct Story {
  const char* name;
  std::function<void(ScriptInput&, Script&)> tell;
  // The wait of task 5.
  Parts parts;
  uint64_t deserved_ns;
  int runs_on = 0;
};

// Task 5 sleeps, last seen on CPU 0, where `on_cpu` runs from then on (0: nobody).
Script& FiveSleeps(Script& s, int32_t on_cpu, int16_t prio = 120) {
  return s.On(0).Switch(10, 5, kSleepS, on_cpu, prio);
}

// Wakes `pid` with another priority.
std::vector<Event> WithWakePrio(std::vector<Event> events, int32_t pid, int32_t prio) {
  for (Event& event : events) {
    const bool wake = event.type == EventType::kSchedWaking || event.type == EventType::kSchedWakeup;
    if (wake && event.wake.pid == pid) event.wake.prio = prio;
  }
  return events;
}

Account WaitOfFive(const ScriptInput& input, const std::vector<Event>& events) {
  std::vector<Account> accounts = Accounts(input, events);
  std::erase_if(accounts, [](const Account& account) { return account.pid != 5; });
  EXPECT_EQ(accounts.size(), 1u);
  return accounts.empty() ? Account() : accounts.front();
}

void ExpectParts(const Account& account, const Parts& parts) {
  DelayBuckets expected;
  for (const auto& [bucket, ns] : parts) expected.Of(bucket) = ns;
  for (size_t i = 0; i < kBucketCount; ++i) {
    EXPECT_EQ(account.buckets.ns[i], expected.ns[i]) << Name(static_cast<Bucket>(i));
  }
  EXPECT_EQ(account.buckets.Total(), account.in_ns - account.start_ns);
}

const Story kOneCpu[] = {
    {"idle CPU",
     [](ScriptInput&, Script& s) {
       FiveSleeps(s, 0).Waking(100, 0, 5, 0).Wakeup(110, 0, 5, 0).Switch(160, 0, kRunnable, 5);
     },
     {{Bucket::kDelivery, 10}, {Bucket::kIdleExit, 50}},
     60},
    {"the CPU of the first event in the idle task is idle",
     [](ScriptInput&, Script& s) { s.On(0).WakeupNew(100, 0, 5, 0).Switch(160, 0, kRunnable, 5); },
     {{Bucket::kIdleExit, 60}},
     60},
    {"who is on the CPU is not known",
     [](ScriptInput&, Script& s) { s.On(0).WakeupNew(100, 7, 5, 0).Switch(160, 7, kSleepS, 5); },
     {{Bucket::kUnexplained, 60}},
     0},
    {"a hog of real-time priority",
     [](ScriptInput&, Script& s) {
       FiveSleeps(s, 7, 49).Waking(100, 7, 5, 0).Wakeup(110, 7, 5, 0).Switch(160, 7, kSleepS, 5);
     },
     {{Bucket::kDelivery, 10}, {Bucket::kHigher, 50}},
     0},
    {"equal tasks",
     [](ScriptInput&, Script& s) {
       FiveSleeps(s, 7, 139).Waking(100, 7, 5, 0).Wakeup(110, 7, 5, 0).Switch(160, 7, kPreemptedR, 5);
     },
     {{Bucket::kDelivery, 10}, {Bucket::kEqual, 50}},
     0},
    {"irq handlers, nested",
     [](ScriptInput&, Script& s) {
       FiveSleeps(s, 7).Waking(100, 7, 5, 0).Wakeup(110, 7, 5, 0).Softirq(120, kIrqIn, 0, 7);
       s.Softirq(125, kIrqIn, 0, 7).Softirq(130, kIrqOut, 0, 7).Softirq(150, kIrqOut, 0, 7);
       s.Switch(160, 7, kSleepS, 5);
     },
     {{Bucket::kDelivery, 10}, {Bucket::kEqual, 20}, {Bucket::kHardirq, 30}},
     0},
    {"an irq inside a softirq on an idle CPU",
     [](ScriptInput&, Script& s) {
       FiveSleeps(s, 0).Waking(100, 0, 5, 0).Wakeup(110, 0, 5, 0).Softirq(120, kSoftirqIn, 1, 0);
       s.Softirq(125, kIrqIn, 0, 0).Softirq(130, kIrqOut, 0, 0).Softirq(150, kSoftirqOut, 1, 0);
       s.Switch(160, 0, kRunnable, 5);
     },
     {{Bucket::kDelivery, 10}, {Bucket::kIdleExit, 20}, {Bucket::kSoftirq, 25}, {Bucket::kHardirq, 5}},
     60},
    {"off: need-resched at both ends, and not at one end only",
     [](ScriptInput&, Script& s) {
       FiveSleeps(s, 7).Waking(100, 7, 5, 0).On(0, kFlagNeedResched).Wakeup(110, 7, 5, 0);
       s.Softirq(140, EventType::kSoftirqRaise, 1, 7).On(0).Switch(160, 7, kSleepS, 5);
     },
     {{Bucket::kDelivery, 10}, {Bucket::kOff, 30}, {Bucket::kEqual, 20}},
     0},
    {"need-resched in an irq handler is no off",
     [](ScriptInput&, Script& s) {
       FiveSleeps(s, 7).Waking(100, 7, 5, 0).On(0, kFlagNeedResched).Wakeup(110, 7, 5, 0);
       s.Softirq(110, kIrqIn, 0, 7).Softirq(140, kIrqOut, 0, 7).On(0).Switch(160, 7, kSleepS, 5);
     },
     {{Bucket::kDelivery, 10}, {Bucket::kHardirq, 30}, {Bucket::kEqual, 20}},
     0},
    {"off: silent for longer than the tick allows, and asked to reschedule at its end; a migration thread",
     [](ScriptInput& input, Script& s) {
       input.AddThread(9, "migration/0", kPfKthreadFlag);
       FiveSleeps(s, 7);
       for (uint64_t tick = 1; tick <= 9; ++tick) s.Tick(tick * kMs, kTick, 7);
       s.Waking(9 * kMs, 7, 5, 0).Wakeup(9 * kMs, 7, 5, 0).On(0, kFlagNeedReschedLazy);
       s.Softirq(11 * kMs, EventType::kSoftirqRaise, 1, 7).On(0).Switch(13 * kMs, 7, kSleepS, 9, 0);
       s.Switch(13 * kMs + 7, 9, kSleepS, 5);
     },
     {{Bucket::kOff, 2 * kMs}, {Bucket::kEqual, 2 * kMs}, {Bucket::kMigration, 7}},
     0},
    {"woken while it still ran",
     [](ScriptInput&, Script& s) {
       s.On(1).Switch(5, 8, kSleepS, 9);
       s.On(0).Switch(10, 8, kSleepS, 5).On(1).Waking(100, 9, 5, 0).On(0).Switch(130, 5, kSleepS, 0);
       s.On(1).Wakeup(140, 9, 5, 0).On(0).Switch(200, 0, kRunnable, 5);
     },
     {{Bucket::kDelivery, 40}, {Bucket::kIdleExit, 60}},
     70},
    {"preempted by a better task",
     [](ScriptInput&, Script& s) {
       s.On(0).Switch(10, 8, kSleepS, 5).Switch(100, 5, kPreemptedR, 7, 0).Switch(130, 7, kSleepS, 5);
     },
     {{Bucket::kHigher, 30}},
     0},
};

TEST(SlowSchedule, OneCpu) {
  for (const Story& story : kOneCpu) {
    SCOPED_TRACE(story.name);
    ScriptInput input;
    input.names().Add(kTick, "tick_sched_timer");
    Script script;
    story.tell(input, script);
    const Account account = WaitOfFive(input, script.events());
    ExpectParts(account, story.parts);
    EXPECT_EQ(account.deserved_ns, story.deserved_ns);
  }
}

// CPU 1 idles from the start, CPU 0 runs 7; 5 is woken onto CPU 0 at 100 and runs at 200.
const Story kTwoCpus[] = {
    {"where it may run is not known: it was seen on the busy CPU only",
     [](ScriptInput&, Script&) {},
     {{Bucket::kEqual, 100}},
     0},
    {"it may run on the idle CPU",
     [](ScriptInput& in, Script&) { in.AddThread(5, "five", 0, 0, "0-3"); },
     {{Bucket::kEqual, 100}},
     100},
    {"it is bound to the busy CPU",
     [](ScriptInput& in, Script&) { in.AddThread(5, "five", 0, 0, "0"); },
     {{Bucket::kEqual, 100}},
     0},
    {"its name binds it to the busy CPU",
     [](ScriptInput& in, Script&) { in.AddThread(5, "ksoftirqd/0", kPfKthreadFlag); },
     {{Bucket::kEqual, 100}},
     0},
    {"it may run on the idle CPU from the first event after 130 on",
     [](ScriptInput& in, Script& s) {
       in.AddThread(5, "five", 0, 0, "0");
       in.AddThread(5, "five", 0, 130, "1");
       s.On(0).Softirq(120, EventType::kSoftirqRaise, 1, 7).Softirq(150, EventType::kSoftirqRaise, 1, 7);
     },
     {{Bucket::kEqual, 100}},
     50},
    {"two waiters for one idle CPU",
     [](ScriptInput& in, Script& s) {
       in.AddThread(5, "five", 0, 0, "0-1");
       in.AddThread(6, "six", 0, 0, "1-2");
       s.On(1).WakeupNew(140, 0, 6, 1).Switch(160, 0, kRunnable, 6).Switch(190, 6, kSleepS, 0);
     },
     {{Bucket::kEqual, 100}},
     50},
    {"the other waiter may not run there",
     [](ScriptInput& in, Script& s) {
       in.AddThread(5, "five", 0, 0, "0-1");
       in.AddThread(6, "six", 0, 0, "0");
       s.On(1).WakeupNew(140, 0, 6, 0);
     },
     {{Bucket::kEqual, 100}},
     100},
    {"where the other waiter may run is not known",
     [](ScriptInput& in, Script& s) {
       in.AddThread(5, "five", 0, 0, "0-1");
       s.On(1).WakeupNew(140, 0, 6, 0);
     },
     {{Bucket::kEqual, 100}},
     40},
    {"moved to the idle CPU; what follows of the busy CPU's span does not count as off",
     [](ScriptInput&, Script& s) {
       s.On(0, kFlagNeedResched).Softirq(120, EventType::kSoftirqRaise, 1, 7);
       s.On(1).Migrate(150, 0, 5, 0, 1).On(0, kFlagNeedResched).Softirq(180, EventType::kSoftirqRaise, 1, 7);
     },
     {{Bucket::kEqual, 50}, {Bucket::kMigration, 50}},
     50,
     1},
    {"moved by its own CPU's event: that ends the span",
     [](ScriptInput&, Script& s) {
       s.On(0, kFlagNeedResched).Softirq(120, EventType::kSoftirqRaise, 1, 7).Migrate(150, 7, 5, 0, 1);
     },
     {{Bucket::kEqual, 20}, {Bucket::kOff, 30}, {Bucket::kMigration, 50}},
     50,
     1},
    {"a move to a CPU without an event is ignored; it counts as seen there",
     [](ScriptInput&, Script& s) { s.On(1).Migrate(150, 0, 5, 0, 3); },
     {{Bucket::kEqual, 100}},
     0},
};

TEST(SlowSchedule, TwoCpus) {
  for (const Story& story : kTwoCpus) {
    SCOPED_TRACE(story.name);
    ScriptInput input;
    Script script;
    script.On(1).Switch(5, 8, kSleepS, 0).On(0).Switch(10, 5, kSleepS, 7).Waking(100, 7, 5, 0).Wakeup(100, 7, 5, 0);
    story.tell(input, script);
    if (story.runs_on == 0) {
      script.On(0).Switch(200, 7, kSleepS, 5);
    } else {
      script.On(1).Switch(200, 0, kRunnable, 5);
    }
    const Account account = WaitOfFive(input, script.events());
    ExpectParts(account, story.parts);
    EXPECT_EQ(account.deserved_ns, story.deserved_ns);
  }
}

TEST(SlowSchedule, OfTwoWaitersTheBetterOneDeservesTheCpu) {
  for (const int32_t prio : {-1, 99, 100}) {
    SCOPED_TRACE(prio);
    ScriptInput input;
    Script script;
    script.On(0).Switch(10, 5, kSleepS, 6).Switch(20, 6, kSleepS, 0).Waking(100, 0, 5, 0).Wakeup(100, 0, 5, 0);
    script.Waking(100, 0, 6, 0).Wakeup(100, 0, 6, 0).Switch(200, 0, kRunnable, 5);
    const Account account = WaitOfFive(input, WithWakePrio(script.events(), 5, prio));
    EXPECT_EQ(account.deserved_ns, prio < kFirstFairPrio ? 100 : 0);
    // The other one is better now, or as good.
    EXPECT_EQ(WaitOfFive(input, WithWakePrio(script.events(), 6, prio)).deserved_ns, 0u);
  }
}

TEST(SlowSchedule, AChangeOfPriorityWhileWaitingCountsFromThenOn) {
  ScriptInput input;
  Script script;
  script.On(0).Switch(10, 5, kSleepS, 7, 50).Waking(100, 7, 5, 0).Wakeup(100, 7, 5, 0).Switch(200, 7, kSleepS, 5);
  std::vector<Event> events = script.events();
  for (const auto& [ns, prio] : {std::pair(130, 50), std::pair(160, 49)}) {
    Event change{};
    change.type = EventType::kSchedPiSetprio;
    change.ts_ns = static_cast<uint64_t>(ns);
    change.cpu = 1;
    change.task.pid = 5;
    change.task.value = static_cast<uint64_t>(prio);
    events.insert(events.end() - 1, change);
  }
  const Account account = WaitOfFive(input, events);
  ExpectParts(account, {{Bucket::kHigher, 30}, {Bucket::kEqual, 30}, {Bucket::kLower, 40}});
  EXPECT_EQ(account.deserved_ns, 40u);
}

TEST(SlowSchedule, ACpuThatMayBeGoingOfflineIsNotFree) {
  for (const bool cpuhp_ran : {false, true}) {
    SCOPED_TRACE(cpuhp_ran);
    ScriptInput input;
    input.AddThread(1, "migration/1", kPfKthreadFlag);
    input.AddThread(3, "cpuhp/1", kPfKthreadFlag);
    input.AddThread(5, "five", 0, 0, "0-1");
    Script script;
    script.On(0).Switch(10, 5, kSleepS, 7).On(1).Switch(20, 8, kSleepS, cpuhp_ran ? 3 : 9);
    script.Switch(30, cpuhp_ran ? 3 : 9, kSleepS, 1, 0).Switch(40, 1, kSleepS, 0);
    script.On(0).Waking(100, 7, 5, 0).Wakeup(100, 7, 5, 0).On(1).Switch(150, 0, kRunnable, 9);
    script.Switch(180, 9, kSleepS, 0).On(0).Switch(200, 7, kSleepS, 5);
    EXPECT_EQ(WaitOfFive(input, script.events()).deserved_ns, cpuhp_ran ? 20u : 70u);
  }
}

}  // namespace
}  // namespace wakewatch::slow
