#include "analysis/checks/model_violation.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "analysis/checks/check_test_support.h"

namespace wakewatch {
namespace {

constexpr int32_t kWaker = 5, kTask = 7, kOther = 9;
constexpr uint64_t kBegin = 1'000'000, kEnd = 9'000'000;  // of the stories; 5 runs on CPU 0, and 7 sleeps there

// Both CPUs are known, every type was seen, and enough wakes were whole to believe the rest.
Script Calm() {
  Script script;
  script.On(1).Switch(10, kOther, kSleepS, 0).Switch(11, 0, kRunnable, kOther);
  script.On(0).Switch(20, kOther + 1, kSleepS, kTask);
  uint64_t ns = 100'000;
  for (int i = 0; i < 40; ++i, ns += 100) {
    script.Switch(ns, kTask, kSleepS, kWaker).Waking(ns + 10, kWaker, kTask, 0).Wakeup(ns + 20, kWaker, kTask, 0);
    script.Switch(ns + 30, kWaker, kRunnable, kTask);
  }
  script.Migrate(200'000, kTask, 50, 0, 1);
  script.Softirq(200'010, EventType::kSoftirqEntry, 1, kTask).Softirq(200'020, EventType::kSoftirqExit, 1, kTask);
  return script.Switch(300'000, kTask, kSleepS, kWaker);
}

// Both CPUs go on, and show whom they run.
Script& Close(Script& script, int32_t on_cpu0) {
  script.On(0).Switch(kEnd, on_cpu0, kRunnable, on_cpu0 == 0 ? kWaker : 0);
  return script.On(1).Switch(kEnd + 1, kOther, kRunnable, 0);
}

// "sleep-until-woken 1000000 7 violation; ": all that was told but for the control.
std::string Told(const CheckRun& run) {
  std::string told;
  for (const RuleSummary& rule : run.summaries().rules) {
    if (RuleNamed(rule.name)->negative_control) continue;
    for (const RulePlace& place : rule.places) {
      told += rule.name + " " + std::to_string(place.ts_ns) + " " + std::to_string(place.pid) + " " +
              std::string(Name(place.verdict)) + "; ";
    }
  }
  return told;
}

struct Story {
  const char* name;
  std::function<int32_t(Script&)> tell;  // answers who is on CPU 0 at its end
  std::string told;
  size_t findings = 0;
  const char* kernel = "6.17.0";
};

void Expect(const Story& story) {
  Script script = Calm();
  script.On(0);
  const int32_t on_cpu0 = story.tell(script);
  Close(script, on_cpu0);
  CheckRun run(ModelViolation::kInfo);
  run.input().meta().kernel = story.kernel;
  run.Play(script);
  EXPECT_EQ(Told(run), story.told) << story.name;
  EXPECT_EQ(run.findings().size(), story.findings) << story.name;
}

// Longer than 70 lines: a table of stories.
TEST(ModelViolation, TellsWhatIsForbidden) {
  const Story stories[] = {
      {"nothing", [](Script&) { return kWaker; }, ""},
      {"a switch to a sleeper",
       [](Script& s) {
         s.Switch(kBegin, kWaker, kRunnable, kTask);
         return kTask;
       },
       "sleep-until-woken 1000000 7 violation; ", 1},
      {"a wakeup without a waking",
       [](Script& s) {
         s.Wakeup(kBegin, kWaker, kTask, 0);
         return kWaker;
       },
       "wakeup-needs-waking 1000000 7 violation; ", 1},
      {"a wake that is not delivered",
       [](Script& s) {
         s.Waking(kBegin, kWaker, kTask, 0).Switch(kBegin + 50, kWaker, kRunnable, kTask);
         return kTask;
       },
       "waking-then-wakeup 1000050 7 violation; ", 1},
      {"two wakes without a run between",
       [](Script& s) {
         s.Waking(kBegin, kWaker, kTask, 0).Wakeup(kBegin + 10, kWaker, kTask, 0).Waking(kBegin + 20, kWaker, kTask, 0);
         return kWaker;
       },
       "wakeup-then-run 1000020 7 violation; ", 1},
      {"on two CPUs at once",
       [](Script& s) {
         s.On(1).Switch(kBegin, kOther, kRunnable, kWaker).Switch(kBegin + 5000, kWaker, kRunnable, kOther);
         return kWaker;
       },
       "run-state 1000000 5 violation; run-state 9000000 5 void; ", 1},
      {"queued on one CPU and switched in on another",
       [](Script& s) {
         s.Waking(kBegin, kWaker, kTask, 0).Wakeup(kBegin + 10, kWaker, kTask, 0);
         s.On(1).Switch(kBegin + 5000, kOther, kRunnable, kTask).Switch(kBegin + 6000, kTask, kSleepS, kOther);
         return kWaker;
       },
       "task-placement 1005000 7 violation; ", 1},
      {"a migration between makes it right",
       [](Script& s) {
         s.Waking(kBegin, kWaker, kTask, 0).Migrate(kBegin + 5, kWaker, kTask, 0, 1);
         s.Wakeup(kBegin + 10, kWaker, kTask, 1);
         s.On(1).Switch(kBegin + 5000, kOther, kRunnable, kTask).Switch(kBegin + 6000, kTask, kSleepS, kOther);
         return kWaker;
       },
       ""},
      {"a softirq without its exit",
       [](Script& s) {
         s.Softirq(kBegin, EventType::kSoftirqEntry, 1, kWaker).Switch(kBegin + 10, kWaker, kRunnable, 0);
         return 0;
       },
       "softirq-nesting 1000010 5 violation; ", 1},
      {"softirqs that are preempted, by their own flags",
       [](Script& s) {
         s.On(0, kFlagSoftirq).Softirq(kBegin, EventType::kSoftirqEntry, 1, kWaker);
         s.Switch(kBegin + 10, kWaker, kRunnable, 0);
         s.On(0).Softirq(kBegin + 20, EventType::kSoftirqExit, 3, 0);
         return 0;
       },
       "softirq-nesting 1000010 5 artefact; "},
      {"one contradiction is told once",
       [](Script& s) {
         s.Switch(kBegin, kWaker, kRunnable, kTask).Waking(kBegin + 1, kTask, kTask, 0);
         s.Waking(kBegin + 2, kTask, kTask, 0).Switch(kBegin + 3, kTask, kSleepS, kWaker);
         return kWaker;
       },
       "sleep-until-woken 1000000 7 violation; ", 1},
  };
  for (const Story& story : stories) Expect(story);
}

// Longer than 70 lines: a table of stories.
TEST(ModelViolation, AccusesNobodyWhereThereIsAReason) {
  const Story stories[] = {
      {"kernels that print a cancelled sleep as S",
       [](Script& s) {
         s.Switch(kBegin, kWaker, kRunnable, kTask);
         return kTask;
       },
       "sleep-until-woken 1000000 7 artefact; ", 0, "6.1.192"},
      {"T5, and T4",
       [](Script& s) {
         s.Waking(kBegin, kWaker, kTask, 0)
             .Wakeup(kBegin + 1, kWaker, kTask, 0)
             .Switch(kBegin + 2, kWaker, kRunnable, kTask);
         s.Waking(kBegin + 3, kTask, kTask, 0).Wakeup(kBegin + 4, kTask, kTask, 0);
         s.Waking(kBegin + 5, kTask, kTask, 0).Switch(kBegin + 6, kTask, kSleepS, kWaker);
         s.Wakeup(kBegin + 7, kWaker, kTask, 0).Switch(kBegin + 8, kWaker, kRunnable, kTask);
         return kTask;
       },
       ""},
      {"a gap of a CPU that may have woken it",
       [](Script& s) {
         s.On(1).Gap(kBegin - 200, kBegin - 100).Switch(kBegin - 100, kOther, kRunnable, 0);
         s.Switch(kBegin - 50, 0, kRunnable, kOther);
         s.On(0).Switch(kBegin, kWaker, kRunnable, kTask);
         return kTask;
       },
       "sleep-until-woken 1000000 7 void; "},
      {"a waking that a CPU's clock made late",
       [](Script& s) {
         s.Wakeup(kBegin, kWaker, kTask, 0).On(1).Waking(kBegin + 300, kOther, kTask, 0);
         s.On(0);
         return kWaker;
       },
       "wakeup-needs-waking 1000000 7 artefact; "},
      {"a missing switch, found by who acts",
       [](Script& s) {
         s.Waking(kBegin, kOther + 2, 33, 0);
         return kOther + 2;
       },
       "acting-task 1000000 11 missing; "},
      {"a missing switch, found by the next",
       [](Script& s) {
         s.Switch(kBegin, kOther + 2, kSleepS, 0);
         return 0;
       },
       "switch-continuity 1000000 11 missing; "},
      {"what a missing switch of another CPU explains",
       [](Script& s) {
         s.On(1).Waking(kBegin, kOther, kWaker, 0).Wakeup(kBegin + 10, kOther, kWaker, 0);
         s.Switch(kBegin + 5000, kOther, kRunnable, kWaker).Switch(kBegin + 6000, kWaker, kRunnable, kOther);
         s.On(0).Switch(kBegin + 7000, 0, kRunnable, kTask + 100);
         return kTask + 100;
       },
       "run-state 1005000 5 missing; switch-continuity 1007000 0 missing; "},
      {"an interrupt there does not show that the task's own events are recorded",
       [](Script& s) {
         s.Switch(kBegin, kWaker, kRunnable, kTask);
         s.On(1, kFlagHardirq).Irq(kBegin + 5000, EventType::kIrqEntry, 9, kOther);
         s.Irq(kBegin + 5010, EventType::kIrqExit, 9, kOther).On(1).Waking(kBegin + 7000, kOther + 2, 33, 0);
         s.Switch(kBegin + 8000, kOther + 2, kRunnable, kOther).On(0);
         return kTask;
       },
       "sleep-until-woken 1000000 7 missing; acting-task 1007000 11 missing; "},
      {"a thread that execs takes over a pid",
       [](Script& s) {
         s.Exec(kBegin, 77, kWaker).Switch(kBegin + 10, 77, kSleepS, 0);
         return 0;
       },
       ""},
      {"a new task execs, and its switch-in is missing",
       [](Script& s) {
         s.On(1).Fork(kBegin, kOther, 55).WakeupNew(kBegin + 10, kOther, 55, 0);
         s.On(0).Exec(kBegin + 5000, 55, 55).Switch(kBegin + 6000, 55, kSleepS, 0);
         return 0;
       },
       "acting-task 1005000 55 missing; "},
  };
  for (const Story& story : stories) Expect(story);
}

TEST(ModelViolation, IsVoidUntilEveryCpuHasShownItself) {
  struct Row {
    const char* name;
    std::function<void(Script&)> tell;
    std::string told;
  };
  const Row rows[] = {
      {"the other CPU ends in front of it", [](Script& s) { s.On(0).Switch(kEnd, kTask, kRunnable, 0); },
       "sleep-until-woken 1000000 7 void; "},
      {"a third CPU begins behind it",
       [](Script& s) {
         s.On(2).Switch(kBegin + 5000, 0, kRunnable, 40);
         Close(s, kTask);
         s.On(2).Switch(kEnd + 2, 40, kRunnable, 0);
       },
       "sleep-until-woken 1000000 7 void; "},
      {"a task was put on a CPU that never shows anything",
       [](Script& s) {
         s.Migrate(kBegin + 10, kTask, 50, 1, 3);
         Close(s, kTask);
       },
       "sleep-until-woken 1000000 7 void; "},
  };
  for (const Row& row : rows) {
    Script script = Calm();
    script.On(0).Switch(kBegin, kWaker, kRunnable, kTask);
    row.tell(script);
    CheckRun run(ModelViolation::kInfo);
    run.Play(script);
    EXPECT_EQ(Told(run), row.told) << row.name;
    EXPECT_TRUE(run.findings().empty()) << row.name;
  }
}

TEST(ModelViolation, WhereWakesAreNotWholeAContradictionIsMissing) {
  // As with set_event_pid: the switches of one task, and none of its wakes.
  Script script;
  script.On(0).Switch(10, kTask, kSleepS, 0).Waking(20, 0, 50, 0).Wakeup(21, 0, 50, 0).Migrate(22, 0, 50, 0, 0);
  for (uint64_t ns = 100'000; ns < 400'000; ns += 10'000) {
    script.Switch(ns, 0, kRunnable, kTask).Switch(ns + 500, kTask, kSleepS, 0);
  }
  CheckRun run(ModelViolation::kInfo);
  run.Play(script);
  EXPECT_TRUE(run.findings().empty());
  for (const RuleSummary& rule : run.summaries().rules) EXPECT_EQ(rule.violations, 0u) << rule.name;
}

TEST(ModelViolation, TheFindingHasBothEvents) {
  Script script = Calm();
  script.On(0).Switch(kBegin, kWaker, kRunnable, kTask);
  Close(script, kTask);
  CheckRun run(ModelViolation::kInfo);
  run.Play(script);
  ASSERT_EQ(run.findings().size(), 1u);
  const Finding& finding = run.findings()[0];
  EXPECT_EQ(finding.cls, "sleep-until-woken");
  EXPECT_EQ(finding.pid, kTask);
  EXPECT_EQ(finding.confidence, Confidence::kProven);
  ASSERT_EQ(finding.evidence.size(), 2u);
  EXPECT_EQ(finding.evidence[0].ts_ns, 300'000u);
  EXPECT_EQ(finding.evidence[0].event, "sched_switch of pid 7");
  EXPECT_EQ(finding.evidence[1].event, "sched_switch prev_pid=5 prev_prio=120 next_pid=7 next_prio=120");
}

TEST(ModelViolation, ASpanCountsWhatIsInIt) {
  Script script = Calm();
  script.On(0).Switch(kBegin, kWaker, kRunnable, kTask);
  Close(script, kTask);
  CheckRun run(ModelViolation::kInfo);
  run.options().since_ns = kBegin + 1;
  run.Play(script);
  EXPECT_TRUE(run.findings().empty());
  for (const RuleSummary& rule : run.summaries().rules) {
    EXPECT_TRUE(rule.places.empty()) << rule.name;
    EXPECT_EQ(rule.checked, rule.name == "switch-continuity" ? 2u : rule.checked) << rule.name;
  }
}

TEST(ModelViolation, TheControlIsCountedAndNeverAFinding) {
  Script script = Calm();
  script.On(0).Waking(kBegin, kWaker, kWaker, 0).Wakeup(kBegin + 1, kWaker, kWaker, 0);
  Close(script, kWaker);
  CheckRun run(ModelViolation::kInfo);
  run.Play(script);
  EXPECT_TRUE(run.findings().empty());
  EXPECT_EQ(run.summaries().rules.back().name, "wwnr");
  EXPECT_EQ(run.summaries().rules.back().violations, 1u);
  EXPECT_EQ(Told(run), "");
}

}  // namespace
}  // namespace wakewatch
