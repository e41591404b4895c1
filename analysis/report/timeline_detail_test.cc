#include "analysis/report/timeline_detail.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "analysis/model/model_test_support.h"
#include "analysis/report/timeline_detail_test_support.h"

namespace wakewatch {
namespace {

using detail_test::Detail;
using detail_test::TextOf;

constexpr uint8_t kH = kFlagHardirq, kS = kFlagSoftirq;
constexpr auto kIn = EventType::kSoftirqEntry, kOut = EventType::kSoftirqExit;

// What is asked of a story, and what is told. Spans are [100, 200) on CPUs 0 and 1, of task 7.
struct Story {
  const char* name;
  Script script;
  std::string activities, wakeups, lane;
};

std::vector<Story> Interrupts() {
  std::vector<Story> stories;
  const auto add = [&](const char* name, const Script& script, std::string activities) {
    stories.push_back({name, script, std::move(activities), "", ""});
  };
  add("a timer in an interrupt's softirq, and a handler within it",
      Script()
          .On(0, kH)
          .Irq(110, EventType::kIrqEntry, 24, 5)
          .Irq(115, EventType::kIrqExit, 24, 5)
          .On(0, kS)
          .Softirq(116, kIn, 1, 5)
          .TimerAt(118, EventType::kTimerExpireEntry, 0x10, 0xf0, 0, 0, 5)
          .On(0, kH | kS)
          .Irq(119, EventType::kIrqEntry, 25, 5)
          .Irq(120, EventType::kIrqExit, 25, 5)
          .On(0, kS)
          .TimerAt(122, EventType::kTimerExpireExit, 0x10, 0, 0, 0, 5)
          .Softirq(130, kOut, 1, 5),
      "hardirq irq 24 on 0 [110, 115] of 5; softirq TIMER on 0 [116, 130] of 5; timer f0 on 0 [118, 122] of 5; "
      "hardirq irq 25 on 0 [119, 120] of 5; ");
  add("what began in front of the span, and what goes on behind it",
      Script().On(0, kS).Softirq(90, kIn, 3, 5).Softirq(110, kOut, 3, 5).On(1, kS).Softirq(190, kIn, 9, 6),
      "softirq NET_RX on 0 [90, 110] of 5; softirq RCU on 1 [190, 200? of 6; ");
  add("what was over when the span began is not told",
      Script().On(0, kS).Softirq(90, kIn, 3, 5).Softirq(95, kOut, 3, 5), "");
  add("a start that was not seen: since the span's beginning", Script().On(0, kS).Softirq(110, kOut, 3, 5),
      "softirq NET_RX on 0 ?100, 110] of 5; ");
  add("an end without a start, when the CPU was seen outside of it: no time",
      Script().On(0).Waking(105, 5, 9, 0).On(0, kS).Softirq(110, kOut, 3, 5), "softirq NET_RX on 0 ?110, 110] of 5; ");
  add("a start without an end: no time",
      Script().On(0, kS).Softirq(110, kIn, 3, 5).Softirq(150, kIn, 1, 5).Softirq(160, kOut, 1, 5),
      "softirq NET_RX on 0 [110, 110? of 5; softirq TIMER on 0 [150, 160] of 5; ");
  add("no handler goes on across a switch",
      Script().On(0, kH).Irq(110, EventType::kIrqEntry, 24, 5).On(0).Switch(140, 5, kSleepS, 6),
      "hardirq irq 24 on 0 [110, 110? of 5; ");
  add("a softirq that was preempted goes on, as in kernels built for real time",
      Script()
          .On(0, kS)
          .Softirq(110, kIn, 3, 5)
          .On(0)
          .Switch(120, 5, kRunnable, 6)
          .Switch(130, 6, kSleepS, 5)
          .On(0, kS)
          .Softirq(140, kOut, 3, 5),
      "softirq NET_RX on 0 [110, 140] of 5; ");
  add("a gap: what it touches ends unseen, and begins unseen behind it",
      Script().On(0, kS).Softirq(110, kIn, 3, 5).Gap(120, 150).Softirq(160, kOut, 3, 5),
      "softirq NET_RX on 0 [110, 120? of 5; softirq NET_RX on 0 ?150, 160] of 5; ");
  add("another CPU's gap touches no softirq",
      Script().On(0, kS).Softirq(110, kIn, 3, 5).On(1).Gap(120, 150).On(0, kS).Softirq(160, kOut, 3, 5),
      "softirq NET_RX on 0 [110, 160] of 5; ");
  return stories;
}

std::vector<Story> Work() {
  std::vector<Story> stories;
  const auto add = [&](const char* name, const Script& script, std::string activities) {
    stories.push_back({name, script, std::move(activities), "", ""});
  };
  add("work goes on when its worker was moved",
      Script()
          .On(0)
          .Work(110, EventType::kWorkStart, 0x20, 0xf1, 7)
          .Switch(120, 7, kSleepD, 0)
          .On(1)
          .Switch(130, 0, kRunnable, 7)
          .Work(140, EventType::kWorkEnd, 0x20, 0xf1, 7),
      "work f1 on 0 [110, 140] of 7; ");
  add("a worker that sleeps may go on where events are lost",
      Script()
          .On(0)
          .Work(110, EventType::kWorkStart, 0x20, 0xf1, 7)
          .Switch(120, 7, kSleepD, 0)
          .On(1)
          .Gap(125, 128)
          .On(0)
          .Switch(130, 0, kRunnable, 7)
          .Work(140, EventType::kWorkEnd, 0x20, 0xf1, 7),
      "work f1 on 0 [110, 125? of 7; work f1 on 0 ?128, 140] of 7; ");
  add("a worker that is on its CPU all the time does not",
      Script()
          .On(0)
          .Work(110, EventType::kWorkStart, 0x20, 0xf1, 7)
          .On(1)
          .Gap(125, 128)
          .On(0)
          .Work(140, EventType::kWorkEnd, 0x20, 0xf1, 7),
      "work f1 on 0 [110, 140] of 7; ");
  add("a worker that falls asleep while events are lost elsewhere",
      Script()
          .On(0)
          .Work(110, EventType::kWorkStart, 0x20, 0xf1, 7)
          .On(1)
          .Gap(125, 150)
          .On(0)
          .Switch(130, 7, kSleepD, 0),
      "work f1 on 0 [110, 130? of 7; ");
  add("work of which only the ends are recorded takes no time, but the first",
      Script().On(0).Work(110, EventType::kWorkEnd, 0x20, 0xf1, 7).Work(140, EventType::kWorkEnd, 0x20, 0xf1, 7),
      "work f1 on 0 ?100, 110] of 7; work f1 on 0 ?140, 140] of 7; ");
  return stories;
}

std::vector<Story> Wakeups() {
  std::vector<Story> stories;
  const auto add = [&](const char* name, const Script& script, std::string wakeups) {
    stories.push_back({name, script, "", std::move(wakeups), ""});
  };
  add("a wake by a task, delivered by the other CPU", Script().On(0).Waking(110, 5, 9, 1).On(1).Wakeup(115, 0, 9, 1),
      "5 on 0 task woke 9 on 1: 110, 115; ");
  add("by the idle task's interrupt", Script().On(0, kH).Waking(110, 0, 9, 0).Wakeup(112, 0, 9, 0),
      "0 on 0 hardirq woke 9 on 0: 110, 112; ");
  add("a waking in front of the span belongs to it when the wakeup does",
      Script().On(0, kS).Waking(95, 5, 9, 1).Wakeup(105, 5, 9, 1).Waking(80, 5, 8, 1),
      "5 on 0 softirq woke 9 on 1: 95, 105; ");
  add("a wakeup that does not come in the span", Script().On(0).Waking(199, 5, 9, 1),
      "5 on 0 task woke 9 on 1: 199, -; ");
  add("a new task's parent is its waker", Script().On(0).WakeupNew(110, 5, 9, 1).Waking(120, 5, 8, 0),
      "5 on 0 task woke 9 on 1: -, 110; 5 on 0 task woke 8 on 0: 120, -; ");
  add("a wakeup without a waking: whoever was there when it was delivered is no waker",
      Script().On(0).Wakeup(110, 5, 9, 0).Waking(120, 5, 8, 0),
      "-1 on 0 unknown woke 9 on 0: -, 110; 5 on 0 task woke 8 on 0: 120, -; ");
  add("where no waking is recorded it is", Script().On(0).Wakeup(110, 5, 9, 0), "5 on 0 task woke 9 on 0: -, 110; ");
  add("clocks that differ: the waking comes behind its wakeup",
      Script().On(1).Wakeup(110, 0, 9, 1).On(0).Waking(112, 5, 9, 1), "5 on 0 task woke 9 on 1: 112, 110; ");
  add("but not behind its sleep",
      Script()
          .On(1)
          .Wakeup(110, 0, 9, 1)
          .Switch(111, 0, kRunnable, 9)
          .Switch(113, 9, kSleepS, 0)
          .On(0)
          .Waking(115, 5, 9, 1),
      "-1 on 1 unknown woke 9 on 1: -, 110; 5 on 0 task woke 9 on 1: 115, -; ");
  add("a gap of whatever CPU: the two are not joined",
      Script().On(0).Waking(110, 5, 9, 1).On(2).Gap(111, 112).On(1).Wakeup(115, 0, 9, 1),
      "5 on 0 task woke 9 on 1: 110, -; -1 on 1 unknown woke 9 on 1: -, 115; ");
  add("other CPUs only", Script().On(2).Waking(110, 5, 9, 3).Wakeup(112, 5, 9, 3), "");
  add("a CPU that is asked for, woken from another", Script().On(2).Waking(110, 5, 9, 1).Wakeup(112, 5, 9, 1),
      "5 on 2 task woke 9 on 1: 110, 112; ");
  return stories;
}

std::vector<Story> Lanes() {
  std::vector<Story> stories;
  const auto add = [&](const char* name, const Script& script, std::string lane) {
    stories.push_back({name, script, "", "", std::move(lane)});
  };
  // Both CPUs were seen, and 7 is on neither.
  const auto seen = [] { return Script().On(1).Waking(50, 0, 90, 1).Wakeup(51, 0, 90, 1).On(0).Waking(52, 5, 91, 0); };
  add("nothing of it", seen(), "unknown 0 [100, 200)");
  add("sleeps, is woken, waits, runs, is preempted, blocks",
      seen()
          .Switch(60, 5, kSleepS, 7)
          .Switch(70, 7, kSleepS, 5)
          .Waking(110, 5, 7, 0)
          .Wakeup(112, 5, 7, 1)
          .On(1)
          .Switch(120, 0, kRunnable, 7)
          .Switch(130, 7, kPreemptedR, 6)
          .Switch(140, 6, kSleepS, 7)
          .Switch(150, 7, kSleepD, 0),
      "sleeping 0 [100, 110) runnable 1 [110, 120) running 1 [120, 130) preempted 1 [130, 140) running 1 [140, 150) "
      "blocked 1 [150, 200)");
  add("it was there when its CPU was seen first", Script().On(0).Waking(90, 7, 9, 0).Switch(110, 7, kSleepS, 0),
      "running 0 [100, 110) sleeping 0 [110, 200)");
  add("who slept and was switched to was woken unseen", seen().Switch(60, 7, kSleepS, 5).Switch(150, 5, kSleepS, 7),
      "unknown 0 [100, 150) running 0 [150, 200)");
  add("woken while it prepares to sleep (T5)",
      seen().Switch(60, 5, kSleepS, 7).On(1).Waking(105, 0, 7, 0).On(0).Switch(110, 7, kSleepS, 5).Wakeup(115, 5, 7, 0),
      "running 0 [100, 110) runnable 0 [110, 200)");
  add("woken on its CPU, then asleep (T4)",
      seen().Switch(60, 5, kSleepS, 7).On(1).Waking(105, 0, 7, 0).Wakeup(106, 0, 7, 0).On(0).Switch(110, 7, kSleepS, 5),
      "running 0 [100, 110) sleeping 0 [110, 200)");
  add("its end, and a new owner of its pid",
      seen().Switch(60, 5, kSleepS, 7).Switch(110, 7, kZombie, 5).WakeupNew(150, 5, 7, 1),
      "running 0 [100, 110) ended 0 [110, 150) runnable 1 [150, 200)");
  add("a gap of the CPU that it runs on", seen().Switch(60, 5, kSleepS, 7).Gap(120, 150).Waking(150, 5, 9, 0),
      "running 0 [100, 120) unknown 0 [120, 200)");
  add("and it is there again behind it", seen().Switch(60, 5, kSleepS, 7).Gap(120, 150).Waking(150, 7, 9, 0),
      "running 0 [100, 120) unknown 0 [120, 150) running 0 [150, 200)");
  add("a gap elsewhere, while it runs", seen().Switch(60, 5, kSleepS, 7).On(1).Gap(120, 150).Waking(160, 0, 9, 0),
      "running 0 [100, 200)");
  add("a gap elsewhere, while it sleeps: it may have been woken there, and have run",
      seen().Switch(60, 7, kSleepS, 5).On(1).Gap(120, 150).Waking(160, 0, 9, 0),
      "sleeping 0 [100, 120) unknown 0 [120, 200)");
  add("the same while it waits", seen().Switch(60, 7, kRunnable, 5).On(1).Gap(120, 150).Waking(160, 0, 9, 0),
      "preempted 0 [100, 120) unknown 0 [120, 200)");
  add("it falls asleep while events are lost elsewhere",
      seen().Switch(60, 5, kSleepS, 7).On(1).Gap(120, 150).On(0).Switch(130, 7, kSleepS, 5).On(1).Waking(160, 0, 7, 0),
      "running 0 [100, 130) unknown 0 [130, 160) runnable 0 [160, 200)");
  add("who has ended stays so", seen().Switch(60, 7, kZombie, 5).On(1).Gap(120, 150), "ended 0 [100, 200)");
  add("a gap without an end", seen().Switch(60, 7, kSleepS, 5).On(1).Gap(150, UINT64_MAX),
      "sleeping 0 [100, 150) unknown 0 [150, 200)");
  add("woken when nobody knows where it was: it may be on the CPU that was not seen",
      Script().On(0).Waking(110, 5, 7, 1).Wakeup(112, 5, 7, 1).On(1).Waking(150, 6, 9, 1), "unknown 1 [100, 200)");
  add("another task on its CPU, and no switch: it is lost", seen().Switch(60, 5, kSleepS, 7).Waking(120, 6, 9, 0),
      "running 0 [100, 120) unknown 0 [120, 200)");
  add("on two CPUs: the later event is believed",
      seen().Switch(60, 5, kSleepS, 7).On(1).Switch(120, 0, kRunnable, 7).On(0).Waking(130, 6, 9, 0),
      "running 0 [100, 120) running 1 [120, 200)");
  add("where no wake is recorded, how long it slept is not known",
      Script().On(0).Switch(60, 5, kSleepS, 7).Switch(110, 7, kSleepS, 5).Switch(150, 5, kRunnable, 7),
      "running 0 [100, 110) unknown 0 [110, 150) running 0 [150, 200)");
  add("where sched_wakeup is not recorded, a waking does not keep it awake",
      Script().On(0).Switch(60, 5, kSleepS, 7).Waking(70, 7, 7, 0).Switch(110, 7, kSleepS, 5),
      "running 0 [100, 110) unknown 0 [110, 200)");
  return stories;
}

TimelineDetailRequest Asked() {
  TimelineDetailRequest request;
  request.start_ns = 100;
  request.end_ns = 200;
  request.cpus = {0, 1};
  request.pids = {7};
  return request;
}

TEST(TimelineDetail, TellsActivities) {
  for (const auto& stories : {Interrupts(), Work()}) {
    for (const Story& story : stories) {
      SCOPED_TRACE(story.name);
      EXPECT_EQ(TextOf(Detail(Asked(), story.script.events()).activities), story.activities);
    }
  }
}

TEST(TimelineDetail, TellsWhoWokeWhom) {
  for (const Story& story : Wakeups()) {
    SCOPED_TRACE(story.name);
    std::vector<Event> events = story.script.events();
    std::stable_sort(events.begin(), events.end(), [](const Event& a, const Event& b) { return a.ts_ns < b.ts_ns; });
    EXPECT_EQ(TextOf(Detail(Asked(), events).wakeups), story.wakeups);
  }
}

TEST(TimelineDetail, TellsStatesOfTasks) {
  for (const Story& story : Lanes()) {
    SCOPED_TRACE(story.name);
    const TimelineDetail detail = Detail(Asked(), story.script.events());
    ASSERT_EQ(detail.lanes.size(), 1u);
    EXPECT_EQ(TextOf(detail.lanes[0]), story.lane);
  }
}

TEST(TimelineDetail, LanesComeInTheOrderInWhichTheyWereAskedFor) {
  TimelineDetailRequest request = Asked();
  request.pids = {9, 7, 9};
  const auto detail = Detail(request, Script().On(0).Switch(60, 9, kSleepS, 7).Switch(110, 7, kSleepS, 9).events());
  ASSERT_EQ(detail.lanes.size(), 3u);
  EXPECT_EQ(detail.lanes[0].pid, 9);
  EXPECT_EQ(detail.lanes[1].pid, 7);
  EXPECT_EQ(TextOf(detail.lanes[2]), TextOf(detail.lanes[0]));
}

TEST(TimelineDetail, WhatIsTooManyIsNotTold) {
  Script script;
  script.On(0);
  for (uint64_t ns = 101; ns < 199; ns += 4) {
    script.Switch(ns, 5, kSleepS, 7).Waking(ns + 1, 7, 9, 0).Switch(ns + 2, 7, kPreemptedR, 5);
  }
  for (const size_t items_max : {size_t{1}, size_t{24}, size_t{49}, size_t{50}, size_t{51}, size_t{100}}) {
    TimelineDetailRequest request = Asked();
    request.items_max = items_max;
    const TimelineDetail detail = Detail(request, script.events());
    EXPECT_FALSE(detail.activities_too_many);
    EXPECT_EQ(detail.wakeups_too_many, items_max < 25);
    EXPECT_EQ(detail.wakeups.size(), items_max < 25 ? 0u : 25u);
    ASSERT_EQ(detail.lanes.size(), 1u);
    EXPECT_EQ(detail.spans_too_many, items_max < 51);
    EXPECT_EQ(detail.lanes[0].spans.size(), items_max < 51 ? 0u : 51u);
  }
}

TEST(TimelineDetail, RefusesWhatNobodyCanMean) {
  const auto refused = [](std::vector<int32_t> pids, size_t items_max) {
    TimelineDetailRequest request = Asked();
    request.pids = std::move(pids);
    request.items_max = items_max;
    const auto checked = CheckDetailRequest(request);
    return !checked && checked.error().code == ErrorCode::kInvalidArgument && !checked.error().remedy.empty();
  };
  EXPECT_FALSE(refused({1}, 1));
  EXPECT_FALSE(refused(std::vector<int32_t>(64, 3), 20'000));
  EXPECT_TRUE(refused({0}, 1));
  EXPECT_TRUE(refused({-1}, 1));
  EXPECT_TRUE(refused(std::vector<int32_t>(65, 3), 1));
  EXPECT_TRUE(refused({1}, 0));
  EXPECT_TRUE(refused({1}, 20'001));
}

}  // namespace
}  // namespace wakewatch
