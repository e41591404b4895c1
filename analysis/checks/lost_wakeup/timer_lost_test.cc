#include "analysis/checks/lost_wakeup/timer_lost.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <list>

#include "analysis/checks/lost_wakeup/restart_test_support.h"

namespace wakewatch {
namespace {

constexpr char kClass[] = "timer-lost";
constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kProcessTimeout = 0x1000, kHrtimerWakeup = 0x2000, kTick = 0x3000, kOther = 0x4000;
constexpr uint64_t kOwn = 0xaa00, kLater = 0xbb08;
constexpr uint32_t kPinned = 0x100000, kDeferrable = 0x80000;

using Record = std::array<uint8_t, 44>;

constexpr char kFormat[] =
    "name: timer_start\nID: 400\nformat:\n"
    "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
    "\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"
    "\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n"
    "\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"
    "\tfield:void * timer;\toffset:8;\tsize:8;\tsigned:0;\n"
    "\tfield:void * function;\toffset:16;\tsize:8;\tsigned:0;\n"
    "\tfield:unsigned long expires;\toffset:24;\tsize:8;\tsigned:0;\n"
    "\tfield:unsigned long now;\toffset:32;\tsize:8;\tsigned:0;\n"
    "\tfield:unsigned int flags;\toffset:40;\tsize:4;\tsigned:0;\n\nprint fmt: \"\"\n";

// The records of timer_start that a story's events point at.
class Records {
 public:
  // Of a timer in the lowest level of the wheel, which expires in the jiffy after `expires`.
  Bytes Of(uint32_t cpu, uint64_t expires, uint32_t bits = 0) {
    Record& record = records_.emplace_back();
    const uint32_t flags = cpu | bits | static_cast<uint32_t>((expires + 1) % 64) << 22;
    std::memcpy(record.data() + 40, &flags, sizeof flags);
    return record;
  }

 private:
  std::list<Record> records_;
};

// Task 7 on CPU 1 arms a time-out of its own for jiffy 110 and sleeps; another timer of that CPU is due in jiffy 120.
Script Armed(Records* records, uint32_t own_bits = 0, uint32_t later_bits = 0) {
  Script script;
  script.On(1).Switch(10 * kMs, 0, kRunnable, 7);
  script.TimerAt(11 * kMs, EventType::kTimerStart, kLater, kOther, 120, 100, 7)
      .Carrying(0, records->Of(1, 120, later_bits));
  script.TimerAt(12 * kMs, EventType::kTimerStart, kOwn, kProcessTimeout, 110, 100, 7)
      .Carrying(0, records->Of(1, 110, own_bits));
  return script.Switch(13 * kMs, 7, kSleepS, 0);
}
Script& Expire(Script* script, uint64_t ns, uint64_t timer, uint64_t function, uint64_t now) {
  script->On(1, kFlagSoftirq).TimerAt(ns, EventType::kTimerCancel, timer, 0, 0, 0, 0);
  return script->TimerAt(ns + 1, EventType::kTimerExpireEntry, timer, function, 0, now, 0).On(1);
}
Script Passed(Records* records, uint32_t own_bits = 0, uint32_t later_bits = 0) {
  Script script = Armed(records, own_bits, later_bits);
  return Expire(&script, 100 * kMs, kLater, kOther, 121);
}

struct Story {
  const char* name;
  Script script;
  const char* said;
  const char* ended;
};

void Check(const Story& story) {
  LostWakeupRun run;
  run.input().AddThread(7, "kcompactd0", kPfKthreadFlag);
  run.input().names().Add(kProcessTimeout, "process_timeout");
  run.input().names().Add(kHrtimerWakeup, "hrtimer_wakeup");
  run.input().names().Add(kTick, "tick_nohz_handler");
  run.input().names().Add(kOther, "delayed_work_timer_fn");
  ASSERT_TRUE(run.input().format_table().Add("timer", kFormat));
  run.Play(story.script);
  EXPECT_EQ(story.said, run.Said(kClass)) << story.name;
  EXPECT_EQ(story.ended, run.Ended(kClass)) << story.name;
  EXPECT_EQ(story.said, run.SaidWithRestarts(story.script.events(), kClass)) << story.name;
}

TEST(TimerLost, Wheel) {
  Records records;
  Script in_order = Armed(&records);
  Expire(&in_order, 50 * kMs, kOwn, kProcessTimeout, 111).Waking(50 * kMs + 5, 0, 7, 1);
  Expire(&in_order, 100 * kMs, kLater, kOther, 121);
  Script late = Passed(&records);
  Expire(&late, 150 * kMs, kOwn, kProcessTimeout, 131);
  // The other timer was moved to an earlier jiffy, and the event of its new start is missing.
  Script moved = Armed(&records);
  moved.TimerAt(20 * kMs, EventType::kTimerCancel, kLater, 0, 0, 0, 0);
  Expire(&moved, 30 * kMs, kLater, kOther, 105);
  Script one_jiffy = Armed(&records);
  one_jiffy.TimerAt(20 * kMs, EventType::kTimerStart, kLater, kOther, 111, 100, 0).Carrying(0, records.Of(1, 111));
  Expire(&one_jiffy, 100 * kMs, kLater, kOther, 112);
  // Its time-out was deleted when it came back at 21 ms, which no event says; it sleeps again for something else.
  Script woken = Armed(&records);
  woken.On(0).Waking(20 * kMs, 5, 7, 1).On(1).Wakeup(20 * kMs + 9, 0, 7, 1).Switch(21 * kMs, 0, kRunnable, 7);
  Expire(&woken.Switch(30 * kMs, 7, kSleepS, 0), 100 * kMs, kLater, kOther, 121);
  Script unseen = Armed(&records);
  unseen.Switch(21 * kMs, 0, kRunnable, 7).Switch(30 * kMs, 7, kSleepS, 0);
  Expire(&unseen, 100 * kMs, kLater, kOther, 121);
  const Story stories[] = {
      {"woken before it was due", woken.Switch(900 * kMs, 0, kRunnable, 8), "", "opened 1, discharged 1"},
      {"back before it was due, and no wake was recorded", unseen.Switch(900 * kMs, 0, kRunnable, 8), "",
       "opened 1, discharged 1"},
      {"in order", in_order.Switch(900 * kMs, 0, kRunnable, 8), "", "opened 1, discharged 1"},
      {"passed by, and it sleeps on", Passed(&records).Switch(900 * kMs, 0, kRunnable, 8),
       "strong 7 13000000..900000000 open; ", "opened 1, expired 1"},
      {"passed by, and woken by somebody much later", Passed(&records).On(0).Waking(700 * kMs, 5, 7, 1),
       "strong 7 13000000..700000000; ", "opened 1, expired 1"},
      {"passed by, and expired right after", late.Switch(900 * kMs, 0, kRunnable, 8), "", "opened 1, late 1"},
      {"the next jiffy's: too close to tell", one_jiffy.Switch(900 * kMs, 0, kRunnable, 8), "", "opened 1, censored 1"},
      {"the later one was moved, and where to is not recorded", moved.Switch(900 * kMs, 0, kRunnable, 8), "",
       "opened 1, censored 1"},
      {"nothing that was due later expires: a CPU that is not run", Armed(&records).Switch(900 * kMs, 0, kRunnable, 8),
       "", "opened 1, censored 1"},
      {"of another base", Passed(&records, kPinned).Switch(900 * kMs, 0, kRunnable, 8), "", "opened 1, censored 1"},
      {"a deferrable timer may wait", Passed(&records, kDeferrable, kDeferrable).Switch(900 * kMs, 0, kRunnable, 8), "",
       "opened 1, unlearned 1"},
      {"cancelled by its own thread, which was woken",
       Armed(&records).TimerAt(20 * kMs, EventType::kTimerCancel, kOwn, 0, 0, 0, 7).Switch(900 * kMs, 0, kRunnable, 8),
       "", "opened 1, discharged 1"},
      {"a gap: it may have expired in it",
       Passed(&records).On(0).Gap(110 * kMs, 120 * kMs).On(1).Switch(900 * kMs, 0, kRunnable, 8), "",
       "opened 1, void 1"},
      {"its thread is gone", Passed(&records).Free(150 * kMs, 5, 7).Switch(900 * kMs, 0, kRunnable, 8), "",
       "opened 1, void 1"},
  };
  for (const Story& story : stories) Check(story);
}

TEST(TimerLost, WithoutItsFlagsABaseIsNotKnown) {
  Script script;
  script.On(1).Switch(10, 0, kRunnable, 7).TimerAt(12, EventType::kTimerStart, kOwn, kProcessTimeout, 110, 100, 7);
  Check({"no record", script.Switch(13, 7, kSleepS, 0), "", "opened 1, unlearned 1"});
}

// Task 7 on CPU 1 sleeps until 50 ms by an hrtimer; ticks of that CPU at 40, 80, 120 ms.
Script Hrtimer(uint64_t last_tick_ms) {
  Script script;
  script.On(1).Switch(10 * kMs, 0, kRunnable, 7);
  script.TimerAt(12 * kMs, EventType::kHrtimerStart, kOwn, kHrtimerWakeup, 50 * kMs, 0, 7);
  script.Switch(13 * kMs, 7, kSleepS, 0);
  for (uint64_t ms = 40; ms <= last_tick_ms; ms += 40) {
    script.On(1, kFlagHardirq).TimerAt(ms * kMs, EventType::kHrtimerExpireEntry, 0xcc, kTick, 0, ms * kMs, 0);
  }
  return script.On(1);
}

TEST(TimerLost, Hrtimers) {
  const Story stories[] = {
      {"ticks go on and it does not expire", Hrtimer(200).Switch(900 * kMs, 0, kRunnable, 8),
       "strong 7 13000000..900000000 open; ", "opened 1, expired 1"},
      {"one late tick: it may stand behind it in the same interrupt",
       Hrtimer(80).On(1, kFlagHardirq).TimerAt(81 * kMs, EventType::kHrtimerCancel, kOwn, 0, 0, 0, 0), "",
       "opened 1, discharged 1"},
      {"armed anew",
       Hrtimer(80)
           .TimerAt(85 * kMs, EventType::kHrtimerStart, kOwn, kOther, 99 * kMs, 0, 8)
           .Switch(900 * kMs, 0, kRunnable, 8),
       "", "opened 1, discharged 1"},
  };
  for (const Story& story : stories) Check(story);
}

}  // namespace
}  // namespace wakewatch
