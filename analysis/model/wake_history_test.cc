#include "analysis/model/wake_history.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "analysis/model/model_test_support.h"

namespace wakewatch {
namespace {

constexpr uint64_t kWakeupFunction = 0xffffffff81000100, kTimeoutFunction = 0xffffffff81000200;
constexpr int32_t kVictim = 7, kWaker = 8, kFirst = 9;

// Of each link "PID context source @waking in=in_ns", of the chain of `task` at `at_ns`.
std::string Told(const std::vector<ChainLink>& links) {
  std::string told;
  for (const ChainLink& link : links) {
    told += std::to_string(link.pid) + " " + std::string(Name(link.context));
    if (!link.source.empty()) told += " [" + link.source + "]";
    told += " @" + std::to_string(link.waking_ns) + " in=" + std::to_string(link.in_ns) + "; ";
  }
  return told;
}

class Replay {
 public:
  Replay() {
    input_.names().Add(kWakeupFunction, "hrtimer_wakeup");
    input_.names().Add(kTimeoutFunction, "process_timeout");
  }
  Replay& Play(const Script& script) {
    for (const Event& event : script.events()) wakes_.OnStep(model_.Apply(event));
    return *this;
  }
  // The history that was saved goes on in another one.
  Replay& Reload() {
    ArchiveWriter writer;
    wakes_.Save(writer);
    const std::vector<uint8_t> bytes = writer.Take();
    wakes_ = WakeHistory(model_, input_.symbols());
    ArchiveReader reader(bytes);
    wakes_.Load(reader);
    EXPECT_TRUE(reader.ok() && reader.AtEnd());
    return *this;
  }
  std::string ChainOf(int32_t pid, uint64_t at_ns, size_t depth = WakeHistory::kChainMax) const {
    const Task* const task = model_.TaskOf(pid);
    return task == nullptr ? "no task" : Told(wakes_.Chain(*task, at_ns, depth));
  }
  const SchedModel& model() const { return model_; }
  WakeHistory& wakes() { return wakes_; }

 private:
  ScriptInput input_;
  SchedModel model_{input_};
  WakeHistory wakes_{model_, input_.symbols()};
};

constexpr const char* kNotSeen = "-1 unknown [its wake was not seen, or is too long ago to be kept] @0 in=0; ";

// kFirst sleeps and is woken at 100 by a timer on CPU 0, runs at 110 and wakes kWaker at 120; that runs on CPU 1 from
// 130 on, and wakes kVictim at 140, which runs on CPU 2 at 160.
Script Story() {
  Script script;
  script.On(0)
      .Switch(10, kFirst, kSleepS, 0)
      .On(1)
      .Switch(11, kWaker, kSleepS, 0)
      .On(2)
      .Switch(12, kVictim, kSleepS, 0);
  script.On(0, kFlagHardirq).Timer(99, EventType::kHrtimerExpireEntry, kWakeupFunction, 0);
  script.Waking(100, 0, kFirst, 0).Wakeup(101, 0, kFirst, 0).Timer(102, EventType::kHrtimerExpireExit, 0, 0);
  script.On(0).Switch(110, 0, kRunnable, kFirst).Waking(120, kFirst, kWaker, 1);
  script.On(1).Wakeup(121, 0, kWaker, 1).Switch(130, 0, kRunnable, kWaker).Waking(140, kWaker, kVictim, 2);
  script.On(2).Wakeup(141, 0, kVictim, 2).Switch(160, 0, kRunnable, kVictim);
  return script;
}

TEST(WakeHistory, AChainLeadsBackToTheInterrupt) {
  const std::string whole = "8 task @140 in=160; 9 task @120 in=130; -1 hardirq [hrtimer hrtimer_wakeup] @100 in=110; ";
  Replay run;
  run.Play(Story());
  EXPECT_EQ(run.ChainOf(kVictim, 160), whole);
  EXPECT_EQ(run.ChainOf(kVictim, 160, 2), "8 task @140 in=160; 9 task @120 in=130; ") << "as deep as asked";
  EXPECT_EQ(run.ChainOf(kVictim, 139), kNotSeen) << "before its wake";
  EXPECT_EQ(run.ChainOf(kWaker, 200), whole.substr(whole.find("9 task")));
  EXPECT_EQ(run.Reload().ChainOf(kVictim, 160), whole) << "after a restore";
  run.wakes().Forget(*run.model().TaskOf(kWaker));
  EXPECT_EQ(run.ChainOf(kVictim, 160), std::string("8 task @140 in=160; ") + kNotSeen) << "the waker was retired";
}

using E = EventType;

// Each row is one wake of kVictim at 100, told on CPU 0 while kWaker is there; it runs at 200.
struct Row {
  const char* story;
  Script script;
  std::string wanted;
};
Script Begin() {
  Script script;
  script.On(1).Switch(10, kVictim, kSleepS, 0).On(0).Switch(20, 0, kRunnable, kWaker);
  return script;
}
void ExpectWoken(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    Script script = row.script;
    script.On(1).Wakeup(110, 0, kVictim, 1).Switch(200, 0, kRunnable, kVictim);
    EXPECT_EQ(Replay().Play(script).ChainOf(kVictim, 150), row.wanted) << row.story;
  }
}

TEST(WakeHistory, WhatWokeIt) {
  ExpectWoken(
      {{"a task that ran since before the trace", Begin().Waking(100, kWaker, kVictim, 1),
        std::string("8 task @100 in=200; ") + kNotSeen},
       {"an idle task, which nobody wakes", Begin().Switch(90, kWaker, kSleepS, 0).Waking(100, 0, kVictim, 1),
        "0 task @100 in=200; "},
       {"an interrupt of which nothing else is told", Begin().On(0, kFlagHardirq).Waking(100, kWaker, kVictim, 1),
        "-1 hardirq @100 in=200; "},
       {"an irq handler", Begin().On(0, kFlagHardirq).Irq(99, E::kIrqEntry, 24, kWaker).Waking(100, kWaker, kVictim, 1),
        "-1 hardirq [irq 24] @100 in=200; "},
       {"an interrupt after that handler has ended",
        Begin()
            .On(0, kFlagHardirq)
            .Irq(98, E::kIrqEntry, 24, kWaker)
            .Irq(99, E::kIrqExit, 24, kWaker)
            .Waking(100, kWaker, kVictim, 1),
        "-1 hardirq @100 in=200; "},
       {"a high-resolution timer inside of an irq handler",
        Begin()
            .On(0, kFlagHardirq)
            .Irq(98, E::kIrqEntry, 24, kWaker)
            .Timer(99, E::kHrtimerExpireEntry, kWakeupFunction, kWaker)
            .Waking(100, kWaker, kVictim, 1),
        "-1 hardirq [hrtimer hrtimer_wakeup] @100 in=200; "},
       {"a softirq vector",
        Begin().On(0, kFlagSoftirq).Softirq(99, E::kSoftirqEntry, 9, kWaker).Waking(100, kWaker, kVictim, 1),
        "-1 softirq [softirq RCU] @100 in=200; "},
       {"a timer inside of one",
        Begin()
            .On(0, kFlagSoftirq)
            .Softirq(98, E::kSoftirqEntry, 1, kWaker)
            .Timer(99, E::kTimerExpireEntry, kTimeoutFunction, kWaker)
            .Waking(100, kWaker, kVictim, 1),
        "-1 softirq [timer process_timeout] @100 in=200; "},
       {"the softirq, once its timer is done",
        Begin()
            .On(0, kFlagSoftirq)
            .Softirq(97, E::kSoftirqEntry, 1, kWaker)
            .Timer(98, E::kTimerExpireEntry, kTimeoutFunction, kWaker)
            .Timer(99, E::kTimerExpireExit, 0, kWaker)
            .Waking(100, kWaker, kVictim, 1),
        "-1 softirq [softirq TIMER] @100 in=200; "}});
}

TEST(WakeHistory, WhatDidNotWakeIt) {
  ExpectWoken({{"an interrupt on top of a timer is not the timer",
                Begin()
                    .On(0, kFlagSoftirq)
                    .Timer(98, E::kTimerExpireEntry, kTimeoutFunction, kWaker)
                    .On(0, kFlagSoftirq | kFlagHardirq)
                    .Waking(100, kWaker, kVictim, 1),
                "-1 hardirq @100 in=200; "},
               {"what another CPU is inside of does not count",
                Begin()
                    .On(2, kFlagHardirq)
                    .Timer(98, E::kHrtimerExpireEntry, kWakeupFunction, 0)
                    .On(0, kFlagHardirq)
                    .Waking(100, kWaker, kVictim, 1),
                "-1 hardirq @100 in=200; "},
               {"nor what was open before a gap",
                Begin()
                    .On(0, kFlagHardirq)
                    .Timer(80, E::kHrtimerExpireEntry, kWakeupFunction, kWaker)
                    .Gap(81, 90)
                    .Waking(100, kWaker, kVictim, 1),
                "-1 hardirq @100 in=200; "}});
}

TEST(WakeHistory, AGapInTheWakersRunEndsTheChain) {
  Script script;
  script.On(0)
      .Switch(10, kFirst, kSleepS, 0)
      .On(1)
      .Switch(11, kWaker, kSleepS, 0)
      .On(2)
      .Switch(12, kVictim, kSleepS, 0);
  script.On(0, kFlagHardirq).Waking(100, 0, kWaker, 1).On(1).Wakeup(101, 0, kWaker, 1);
  script.Switch(110, 0, kRunnable, kWaker).On(3).Gap(115, 130).On(1).Waking(140, kWaker, kVictim, 2);
  script.On(2).Wakeup(141, 0, kVictim, 2).Switch(160, 0, kRunnable, kVictim);
  EXPECT_EQ(Replay().Play(script).ChainOf(kVictim, 160), std::string("8 task @140 in=160; ") + kNotSeen);
}

TEST(WakeHistory, ARunGoesOnWhenItIsPreempted) {
  Script script;
  script.On(1).Switch(11, kWaker, kSleepS, 0).On(2).Switch(12, kVictim, kSleepS, 0);
  script.On(0, kFlagHardirq).Waking(100, 0, kWaker, 1).On(1).Wakeup(101, 0, kWaker, 1);
  script.Switch(110, 0, kRunnable, kWaker)
      .Switch(120, kWaker, kPreemptedR, kFirst)
      .Switch(130, kFirst, kSleepS, kWaker);
  script.Waking(140, kWaker, kVictim, 2).On(2).Wakeup(141, 0, kVictim, 2).Switch(160, 0, kRunnable, kVictim);
  EXPECT_EQ(Replay().Play(script).ChainOf(kVictim, 160), "8 task @140 in=160; -1 hardirq @100 in=110; ");
}

// T5: it was woken before it had left its CPU, and that wake is of its next run, not of the one that goes on.
TEST(WakeHistory, AWakeOfARunningTaskIsOfItsNextRun) {
  Script script;
  script.On(1).Switch(11, kWaker, kSleepS, 0).On(2).Switch(12, kVictim, kSleepS, 0);
  script.On(0, kFlagHardirq).Waking(100, 0, kWaker, 1).On(1).Wakeup(101, 0, kWaker, 1);
  script.Switch(110, 0, kRunnable, kWaker).On(0, kFlagSoftirq).Waking(120, 0, kWaker, 1);
  script.On(1).Waking(125, kWaker, kVictim, 2).Switch(130, kWaker, kSleepS, 0).Wakeup(131, 0, kWaker, 1);
  script.Switch(132, 0, kRunnable, kWaker).On(2).Wakeup(141, 0, kVictim, 2).Switch(160, 0, kRunnable, kVictim);
  Replay run;
  run.Play(script);
  EXPECT_EQ(run.ChainOf(kVictim, 160), "8 task @125 in=160; -1 hardirq @100 in=110; ");
  EXPECT_EQ(run.ChainOf(kWaker, 160), "-1 softirq @120 in=132; ");
}

TEST(WakeHistory, AWakeThatOnlyCancelsASleepIsNone) {
  Script script;
  script.On(1).Switch(10, 0, kRunnable, kVictim).On(0).Waking(100, kWaker, kVictim, 1).Wakeup(101, kWaker, kVictim, 1);
  EXPECT_EQ(Replay().Play(script).ChainOf(kVictim, 160), kNotSeen);
}

TEST(WakeHistory, ANewTaskWasForked) {
  Script script;
  script.On(0).Switch(10, 0, kRunnable, kWaker).Fork(20, kWaker, kVictim).WakeupNew(21, kWaker, kVictim, 0);
  script.Switch(30, kWaker, kSleepS, kVictim);
  EXPECT_EQ(Replay().Play(script).ChainOf(kVictim, 40), std::string("8 task [fork] @21 in=30; ") + kNotSeen);
}

TEST(WakeHistory, WithoutWakingEventsNobodyIsNamed) {
  Script script;
  script.On(0)
      .Switch(10, kVictim, kSleepS, kWaker)
      .Wakeup(100, kWaker, kVictim, 0)
      .Switch(110, kWaker, kSleepS, kVictim);
  EXPECT_EQ(Replay().Play(script).ChainOf(kVictim, 200), "-1 unknown [no event tells who woke it] @100 in=110; ");
}

// The wakeup is stamped in front of its own waking, which then says who it was.
TEST(WakeHistory, ALateWakingNamesTheWaker) {
  Script script;
  script.On(0).Switch(5, 0, kRunnable, kWaker).Waking(6, kWaker, kFirst, 0);
  script.On(1).Switch(10, kVictim, kSleepS, 0).Wakeup(100, 0, kVictim, 1).On(0).Waking(101, kWaker, kVictim, 1);
  script.On(1).Switch(110, 0, kRunnable, kVictim);
  EXPECT_EQ(Replay().Play(script).ChainOf(kVictim, 200), std::string("8 task @100 in=110; ") + kNotSeen);
}

TEST(WakeHistory, FourWakesOfATaskAreKept) {
  Script script;
  script.On(0).Switch(5, 0, kRunnable, kWaker).On(1).Switch(10, kVictim, kSleepS, 0);
  for (uint64_t at_ns = 100; at_ns < 700; at_ns += 100) {
    script.On(0).Waking(at_ns, kWaker, kVictim, 1).On(1).Wakeup(at_ns + 1, 0, kVictim, 1);
    script.Switch(at_ns + 10, 0, kRunnable, kVictim).Switch(at_ns + 20, kVictim, kSleepS, 0);
  }
  Replay run;
  run.Play(script);
  EXPECT_EQ(run.ChainOf(kVictim, 350), std::string("8 task @300 in=310; ") + kNotSeen);
  EXPECT_EQ(run.ChainOf(kVictim, 250), kNotSeen);
}

}  // namespace
}  // namespace wakewatch
