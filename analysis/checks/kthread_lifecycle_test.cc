#include "analysis/checks/kthread_lifecycle.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "analysis/checks/check_test_support.h"

namespace wakewatch {
namespace {

using E = EventType;
constexpr int32_t kThreadd = 2, kCreator = 50, kOther = 60, kChild = 70, kSecond = 71, kWorker = 40;
constexpr uint64_t kHelper = 0xffffffff81000100, kOtherWork = 0xffffffff81000200, kItem = 0x1000;

// "70 by 50: 100 110 120 160; 50 stops: 200 220 230 ret 3" for each thread: request, fork, first run, function; stop,
// exit, return. What was not seen is 0, who is not known -1.
std::string Told(const LifecycleSummary& lifecycle) {
  std::string told;
  for (const KthreadLife& life : lifecycle.kthreads) {
    told += std::to_string(life.pid) + " by " + std::to_string(life.creator_pid) + ":";
    for (const uint64_t ns : {life.request_ns, life.fork_ns, life.first_run_ns, life.function_run_ns}) {
      told += " " + std::to_string(ns);
    }
    if (life.stop_ns + life.exit_ns > 0) {
      told += "; " + std::to_string(life.stopper_pid) + " stops:";
      for (const uint64_t ns : {life.stop_ns, life.exit_ns, life.stop_ret_ns}) told += " " + std::to_string(ns);
      told += " ret " + std::to_string(life.ret);
    }
    told += "\n";
  }
  return told;
}

LifecycleSummary LifecycleOf(const Script& script) {
  CheckRun run(KthreadLifecycle::kInfo);
  run.input().names().Add(kHelper, "call_usermodehelper_exec_work");
  run.input().names().Add(kOtherWork, "vmstat_update");
  EXPECT_TRUE(run.Play(script).findings().empty());
  return run.summaries().lifecycle;
}

// kthreadd sleeps on CPU 0, kCreator runs on CPU 1, kOther on CPU 2; CPU 3 is the children's.
Script Begin() {
  Script script;
  script.On(0).Switch(10, kThreadd, kSleepS, 0).On(1).Switch(11, 0, kRunnable, kCreator);
  script.On(2).Switch(12, 0, kRunnable, kOther).On(3).Switch(13, 90, kSleepS, 0);
  return script;
}
// kthreadd is woken by `creator` on `cpu` at `ns`, and runs right after.
void Request(uint64_t ns, uint16_t cpu, int32_t creator, Script* script) {
  script->On(cpu).Waking(ns, creator, kThreadd, 0).On(0).Wakeup(ns + 1, 0, kThreadd, 0);
  script->Switch(ns + 2, 0, kRunnable, kThreadd);
}
void Fork(uint64_t ns, int32_t child, Script* script) {
  script->On(0).Fork(ns, kThreadd, child).WakeupNew(ns + 1, kThreadd, child, 3);
}
// The child runs at `ns` on CPU 3, wakes `creator` (0: it does not sleep) at `ns` + 2, sleeps at `ns` + 4.
void FirstRun(uint64_t ns, int32_t child, int32_t creator, Script* script) {
  script->On(3).Switch(ns, 0, kRunnable, child);
  if (creator != 0) script->Waking(ns + 2, child, creator, 1);
  script->Switch(ns + 4, child, kSleepD, 0);
}
// `by` on `cpu` wakes the child at `ns`, and it runs at `ns` + 5.
void Start(uint64_t ns, uint16_t cpu, int32_t by, int32_t child, Script* script) {
  script->On(cpu).Waking(ns, by, child, 3).On(3).Wakeup(ns + 1, 0, child, 3).Switch(ns + 5, 0, kRunnable, child);
}
// The creator sleeps until the child wakes it at `woken_ns`.
void Sleep(uint64_t ns, uint16_t cpu, int32_t creator, Script* script) {
  script->On(cpu).Switch(ns, creator, kSleepD, 0);
}
void Back(uint64_t ns, uint16_t cpu, int32_t creator, Script* script) {
  script->On(cpu).Wakeup(ns, 0, creator, static_cast<int32_t>(cpu)).Switch(ns + 1, 0, kRunnable, creator);
}

Script Created() {
  Script script = Begin();
  Request(100, 1, kCreator, &script);
  Sleep(105, 1, kCreator, &script);
  Fork(110, kChild, &script);
  script.Switch(115, kThreadd, kSleepS, 0);
  FirstRun(120, kChild, kCreator, &script);
  Back(130, 1, kCreator, &script);
  Start(140, 1, kCreator, kChild, &script);
  return script;
}

TEST(KthreadLifecycle, CreatedAndStopped) {
  Script script = Created();
  script.On(3).Switch(150, kChild, kSleepS, 0);
  script.On(1).About(200, E::kSchedKthreadStop, kCreator, kChild).Waking(201, kCreator, kChild, 3);
  Sleep(202, 1, kCreator, &script);
  script.On(3).Wakeup(203, 0, kChild, 3).Switch(204, 0, kRunnable, kChild);
  script.About(220, E::kSchedProcessExit, kChild, kChild).Waking(221, kChild, kCreator, 1);
  script.Switch(222, kChild, kZombie, 0);
  Back(225, 1, kCreator, &script);
  script.On(1).StopRet(230, kCreator, 3);
  const LifecycleSummary told = LifecycleOf(script);
  EXPECT_EQ(Told(told), "70 by 50: 100 110 120 145; 50 stops: 200 220 230 ret 3\n");
  EXPECT_EQ(told.request_to_fork_ns.max(), 10u);
  EXPECT_EQ(told.fork_to_run_ns.max(), 10u);
  EXPECT_EQ(told.stop_to_exit_ns.max(), 20u);
  EXPECT_EQ(told.exit_to_return_ns.max(), 10u);
  EXPECT_EQ(told.stop_to_return_ns.max(), 30u);
  for (const Histogram* histogram : {&told.request_to_fork_ns, &told.fork_to_run_ns, &told.stop_to_exit_ns,
                                     &told.exit_to_return_ns, &told.stop_to_return_ns}) {
    EXPECT_EQ(histogram->n(), 1u);
  }
  EXPECT_EQ(told.voided, 0u);
}

struct Creation {
  const char* story;
  void (*tell)(Script*);
  const char* wanted;
};
const Creation kCreations[] = {
    {"the creator does not sleep: it asked, and it starts the thread",
     [](Script* script) {
       Request(100, 1, kCreator, script);
       Fork(110, kChild, script);
       FirstRun(120, kChild, 0, script);
       Start(140, 1, kCreator, kChild, script);
     },
     "70 by 50: 100 110 120 145\n"},
    {"somebody else starts it: who asked is not told",
     [](Script* script) {
       Request(100, 1, kCreator, script);
       Fork(110, kChild, script);
       FirstRun(120, kChild, 0, script);
       Start(140, 2, kOther, kChild, script);
     },
     "70 by -1: 0 110 120 145\n"},
    {"somebody else starts it, but it woke who asked",
     [](Script* script) {
       Request(100, 1, kCreator, script);
       Sleep(105, 1, kCreator, script);
       Fork(110, kChild, script);
       FirstRun(120, kChild, kCreator, script);
       Start(140, 2, kOther, kChild, script);
     },
     "70 by 50: 100 110 120 145\n"},
    {"an interrupt starts it",
     [](Script* script) {
       Request(100, 1, kCreator, script);
       Fork(110, kChild, script);
       FirstRun(120, kChild, 0, script);
       script->On(1, kFlagHardirq).Waking(140, kCreator, kChild, 3);
       script->On(3).Wakeup(141, 0, kChild, 3).Switch(145, 0, kRunnable, kChild);
     },
     "70 by -1: 0 110 120 145\n"},
    {"it is never started, but woke who asked",
     [](Script* script) {
       Request(100, 1, kCreator, script);
       Sleep(105, 1, kCreator, script);
       Fork(110, kChild, script);
       FirstRun(120, kChild, kCreator, script);
     },
     "70 by 50: 100 110 120 0\n"},
    {"two ask at once, the second while kthreadd is awake, which tells nothing",
     [](Script* script) {
       Request(100, 1, kCreator, script);
       Sleep(105, 1, kCreator, script);
       Sleep(106, 2, kOther, script);
       Fork(110, kChild, script);
       Fork(114, kSecond, script);
       FirstRun(120, kChild, kCreator, script);
       FirstRun(130, kSecond, kOther, script);
       Back(140, 2, kOther, script);
       Start(145, 2, kOther, kSecond, script);
     },
     "70 by 50: 100 110 120 0\n71 by 60: 0 114 130 150\n"},
    {"the one whose request was seen need not be the first on the list",
     [](Script* script) {
       Request(100, 1, kCreator, script);
       Sleep(105, 1, kCreator, script);
       Sleep(106, 2, kOther, script);
       Fork(110, kChild, script);
       FirstRun(120, kChild, kOther, script);
       Fork(126, kSecond, script);
       FirstRun(130, kSecond, kCreator, script);
       Back(140, 2, kOther, script);
       Start(145, 2, kOther, kChild, script);
     },
     "70 by 60: 0 110 120 150\n71 by 50: 100 126 130 0\n"},
    {"it woke a sleeper that asked for nothing and that does not start it",
     [](Script* script) {
       Sleep(106, 2, kOther, script);
       Fork(110, kChild, script);
       FirstRun(120, kChild, kOther, script);
       Start(140, 1, kCreator, kChild, script);
     },
     "70 by -1: 0 110 120 145\n"},
    {"kthreadd could not fork and woke who asked; what that one asks next was not seen",
     [](Script* script) {
       Request(100, 1, kCreator, script);
       Sleep(105, 1, kCreator, script);
       script->On(0).Waking(106, kThreadd, kCreator, 1);
       Back(107, 1, kCreator, script);
       Sleep(109, 1, kCreator, script);
       Fork(110, kChild, script);
       FirstRun(120, kChild, kCreator, script);
       Back(130, 1, kCreator, script);
       Start(140, 1, kCreator, kChild, script);
     },
     "70 by 50: 0 110 120 145\n"},
    {"who wakes somebody has its answer, and did not ask for the next thread",
     [](Script* script) {
       Request(100, 1, kCreator, script);
       script->On(1).Waking(105, kCreator, 90, 3);
       Fork(110, kChild, script);
       FirstRun(120, kChild, 0, script);
       Start(140, 1, kCreator, kChild, script);
     },
     "70 by -1: 0 110 120 145\n"},
    {"started while it is still on its way to sleep",
     [](Script* script) {
       Request(100, 1, kCreator, script);
       Fork(110, kChild, script);
       script->On(3).Switch(120, 0, kRunnable, kChild).On(1).Waking(122, kCreator, kChild, 3);
       script->Wakeup(123, kCreator, kChild, 3);
     },
     "70 by 50: 100 110 120 123\n"},
    {"preempted in its first run",
     [](Script* script) {
       Request(100, 1, kCreator, script);
       Fork(110, kChild, script);
       script->On(3).Switch(120, 0, kRunnable, kChild).Switch(121, kChild, kRunnable, 90);
       script->Switch(125, 90, kSleepS, kChild).Switch(127, kChild, kSleepD, 0);
       Start(140, 1, kCreator, kChild, script);
     },
     "70 by 50: 100 110 120 145\n"},
    {"a gap between its fork and its first run",
     [](Script* script) {
       Request(100, 1, kCreator, script);
       Fork(110, kChild, script);
       script->On(2).Gap(112, 118);
       FirstRun(120, kChild, 0, script);
       Start(140, 1, kCreator, kChild, script);
     },
     "70 by -1: 0 110 0 0\n"},
    {"a gap between the request and the fork",
     [](Script* script) {
       Request(100, 1, kCreator, script);
       script->On(2).Gap(104, 108);
       Fork(110, kChild, script);
       FirstRun(120, kChild, 0, script);
       Start(140, 1, kCreator, kChild, script);
     },
     "70 by 50: 0 110 120 145\n"},
    {"a fork by somebody else makes no kernel thread",
     [](Script* script) { script->On(1).Fork(110, kCreator, kChild).WakeupNew(111, kCreator, kChild, 3); }, ""},
};

TEST(KthreadLifecycle, WhoCreatedIt) {
  for (const Creation& row : kCreations) {
    Script script = Begin();
    row.tell(&script);
    EXPECT_EQ(Told(LifecycleOf(script)), row.wanted) << row.story;
  }
}

struct Stopping {
  const char* story;
  void (*tell)(Script*);
  const char* wanted;
  uint64_t measured, voided;
};
const Stopping kStoppings[] = {
    {"a thread from before the trace",
     [](Script* script) {
       script->On(1).About(200, E::kSchedKthreadStop, kCreator, 90);
       script->On(3).About(220, E::kSchedProcessExit, 90, 90).On(1).StopRet(230, kCreator, 0);
     },
     "90 by -1: 0 0 0 0; 50 stops: 200 220 230 ret 0\n", 1, 0},
    {"two stoppers at once: each return is its own stopper's",
     [](Script* script) {
       script->On(1).About(200, E::kSchedKthreadStop, kCreator, 90);
       script->On(2).About(201, E::kSchedKthreadStop, kOther, 91);
       script->On(3).About(210, E::kSchedProcessExit, 91, 91).About(211, E::kSchedProcessExit, 90, 90);
       script->On(2).StopRet(220, kOther, 6).On(1).StopRet(230, kCreator, 5);
     },
     "90 by -1: 0 0 0 0; 50 stops: 200 211 230 ret 5\n91 by -1: 0 0 0 0; 60 stops: 201 210 220 ret 6\n", 2, 0},
    {"the stop returns before the thread's exit is told",
     [](Script* script) {
       script->On(1).About(200, E::kSchedKthreadStop, kCreator, 90).StopRet(210, kCreator, 4);
       script->On(3).About(220, E::kSchedProcessExit, 90, 90);
     },
     "90 by -1: 0 0 0 0; 50 stops: 200 220 210 ret 4\n", 1, 0},
    {"a return without a stop", [](Script* script) { script->On(1).StopRet(230, kCreator, 5); }, "", 0, 0},
    {"a stop that has not returned when the trace ends",
     [](Script* script) { script->On(1).About(200, E::kSchedKthreadStop, kCreator, 90).Tick(300, 0, kCreator); },
     "90 by -1: 0 0 0 0; 50 stops: 200 0 0 ret 0\n", 0, 0},
    {"it exits by itself, and is stopped afterwards",
     [](Script* script) {
       Fork(110, kChild, script);
       script->On(3).About(150, E::kSchedProcessExit, kChild, kChild);
       script->On(1).About(200, E::kSchedKthreadStop, kCreator, kChild).StopRet(205, kCreator, 0);
     },
     "70 by -1: 0 110 0 0; 50 stops: 200 150 205 ret 0\n", 0, 0},
    {"it exits by itself",
     [](Script* script) {
       Fork(110, kChild, script);
       script->On(3).About(150, E::kSchedProcessExit, kChild, kChild);
     },
     "70 by -1: 0 110 0 0; -1 stops: 0 150 0 ret 0\n", 0, 0},
    {"a gap between stop and return: that may be another stop's",
     [](Script* script) {
       script->On(1).About(200, E::kSchedKthreadStop, kCreator, 90).On(2).Gap(205, 210);
       script->On(3).About(220, E::kSchedProcessExit, 90, 90).On(1).StopRet(230, kCreator, 0);
     },
     "90 by -1: 0 0 0 0; 50 stops: 200 220 0 ret 0\n", 0, 1},
    {"its pid is another thread's later",
     [](Script* script) {
       Fork(110, kChild, script);
       script->On(3).About(150, E::kSchedProcessExit, kChild, kChild);
       Fork(170, kChild, script);
     },
     "70 by -1: 0 110 0 0; -1 stops: 0 150 0 ret 0\n70 by -1: 0 170 0 0\n", 0, 0},
};

TEST(KthreadLifecycle, Stops) {
  for (const Stopping& row : kStoppings) {
    Script script = Begin();
    row.tell(&script);
    const LifecycleSummary told = LifecycleOf(script);
    EXPECT_EQ(Told(told), row.wanted) << row.story;
    EXPECT_EQ(told.voided, row.voided) << row.story;
    EXPECT_EQ(told.stop_to_exit_ns.n(), row.measured) << row.story;
    EXPECT_EQ(told.exit_to_return_ns.n(),
              std::string(row.wanted).find("220 210") == std::string::npos ? row.measured : 0)
        << row.story;
  }
}

std::string ToldHelpers(const LifecycleSummary& lifecycle) {
  std::string told;
  for (const HelperRun& run : lifecycle.helpers) {
    told += std::to_string(run.pid) + " of " + std::to_string(run.worker_pid) + ":";
    for (const uint64_t ns : {run.queue_ns, run.start_ns, run.fork_ns, run.exec_ns, run.exit_ns}) {
      told += " " + std::to_string(ns);
    }
    told += "\n";
  }
  return told;
}

struct Helping {
  const char* story;
  void (*tell)(Script*);
  const char* wanted;
};
const Helping kHelpings[] = {
    {"queued, started, forked, executed, over",
     [](Script* script) {
       script->On(1).Work(100, E::kWorkQueue, kItem, kHelper, kCreator);
       script->On(2).Work(110, E::kWorkStart, kItem, kHelper, kWorker).Fork(120, kWorker, kChild);
       script->Work(125, E::kWorkEnd, kItem, kHelper, kWorker);
       script->On(3).About(140, E::kSchedProcessExec, kChild, kChild);
       script->About(150, E::kSchedProcessExec, kChild, kChild).About(190, E::kSchedProcessExit, kChild, kChild);
     },
     "70 of 40: 100 110 120 140 190\n"},
    {"its program is not there",
     [](Script* script) {
       script->On(1).Work(100, E::kWorkQueue, kItem, kHelper, kCreator);
       script->On(2).Work(110, E::kWorkStart, kItem, kHelper, kWorker).Fork(120, kWorker, kChild);
       script->On(3).About(190, E::kSchedProcessExit, kChild, kChild);
     },
     "70 of 40: 100 110 120 0 190\n"},
    {"queued before the trace, not over when it ends",
     [](Script* script) { script->On(2).Work(110, E::kWorkStart, kItem, kHelper, kWorker).Fork(120, kWorker, kChild); },
     "70 of 40: 0 110 120 0 0\n"},
    {"another function's work starts no helper",
     [](Script* script) {
       script->On(2).Work(110, E::kWorkStart, kItem, kOtherWork, kWorker).Fork(120, kWorker, kChild);
     },
     ""},
    {"nor does a fork after the work's end",
     [](Script* script) {
       script->On(2).Work(110, E::kWorkStart, kItem, kHelper, kWorker);
       script->Work(115, E::kWorkEnd, kItem, kHelper, kWorker).Fork(120, kWorker, kChild);
     },
     ""},
    {"a gap since it was queued",
     [](Script* script) {
       script->On(1).Work(100, E::kWorkQueue, kItem, kHelper, kCreator).On(3).Gap(102, 105);
       script->On(2).Work(110, E::kWorkStart, kItem, kHelper, kWorker).Fork(120, kWorker, kChild);
       script->On(3).About(140, E::kSchedProcessExec, kChild, kChild);
     },
     "70 of 40: 0 110 120 140 0\n"},
    {"a gap since the fork",
     [](Script* script) {
       script->On(2).Work(110, E::kWorkStart, kItem, kHelper, kWorker).Fork(120, kWorker, kChild);
       script->On(1).Gap(122, 125).On(3).About(140, E::kSchedProcessExec, kChild, kChild);
     },
     "70 of 40: 0 110 120 0 0\n"},
};

TEST(KthreadLifecycle, Helpers) {
  for (const Helping& row : kHelpings) {
    Script script = Begin();
    row.tell(&script);
    const LifecycleSummary told = LifecycleOf(script);
    EXPECT_EQ(ToldHelpers(told), row.wanted) << row.story;
    const bool whole = std::string(row.wanted).starts_with("70 of 40: 100 110 120 140");
    EXPECT_EQ(told.helper_queue_to_exec_ns.n(), whole ? 1u : 0u) << row.story;
  }
}

// The program's name is in the event's record, at a place that its format tells.
TEST(KthreadLifecycle, TheProgramOfAHelper) {
  CheckRun run(KthreadLifecycle::kInfo);
  run.input().names().Add(kHelper, "call_usermodehelper_exec_work");
  ASSERT_TRUE(run.input().format_table().Add(
      "sched",
      "name: sched_process_exec\nID: 300\nformat:\n"
      "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
      "\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"
      "\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n"
      "\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"
      "\tfield:__data_loc char[] filename;\toffset:8;\tsize:4;\tsigned:0;\n"
      "\tfield:pid_t pid;\toffset:12;\tsize:4;\tsigned:1;\n"
      "\tfield:pid_t old_pid;\toffset:16;\tsize:4;\tsigned:1;\n\n"
      "print fmt: \"filename=%s pid=%d old_pid=%d\", __get_str(filename), REC->pid, REC->old_pid\n"));
  std::vector<uint8_t> record(20);
  record[8] = 20;   // the text's offset
  record[10] = 10;  // and its size
  for (const char c : std::string("/bin/true")) record.push_back(static_cast<uint8_t>(c));
  record.push_back(0);
  Script script = Begin();
  script.On(2).Work(110, E::kWorkStart, kItem, kHelper, kWorker).Fork(120, kWorker, kChild);
  script.On(3).About(140, E::kSchedProcessExec, kChild, kChild).Carrying(0, record);
  const LifecycleSummary told = run.Play(script).summaries().lifecycle;
  ASSERT_EQ(told.helpers.size(), 1u);
  EXPECT_EQ(told.helpers[0].file, "/bin/true");
}

TEST(KthreadLifecycle, TheNewestAreListedAndTheOthersCounted) {
  constexpr int32_t kThreads = 1100;
  Script script = Begin();
  for (int32_t i = 0; i < kThreads; ++i) {
    const uint64_t ns = 100 + static_cast<uint64_t>(i) * 10;
    script.On(0).Fork(ns, kThreadd, 100 + i);
    if (i % 2 == 0) script.On(3).About(ns + 5, E::kSchedProcessExit, 100 + i, 100 + i);
  }
  const LifecycleSummary told = LifecycleOf(script);
  ASSERT_EQ(told.kthreads.size(), LifecycleSummary::kListedMax);
  EXPECT_EQ(told.kthreads_left_out, 100u);
  EXPECT_EQ(told.kthreads.front().pid, 200);
  EXPECT_EQ(told.kthreads.back().pid, 1199);
}

TEST(KthreadLifecycle, OnlyWhatBeginsInsideOfTheSpan) {
  CheckRun run(KthreadLifecycle::kInfo);
  run.options().since_ns = 150;
  Script script = Created();
  Fork(160, kSecond, &script);
  EXPECT_EQ(Told(run.Play(script).summaries().lifecycle), "71 by -1: 0 160 0 0\n");
}

}  // namespace
}  // namespace wakewatch
