#include "analysis/protocol/compiler/compiler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "analysis/protocol/language/lexer.h"
#include "analysis/protocol/language/parser.h"

namespace wakewatch::protocol {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

Result<Program> Compiled(const std::string& text, Memory memory = Memory::kSc) {
  Result<ProtocolText> parsed = Parse(text, "x.wake");
  EXPECT_TRUE(parsed.has_value()) << (parsed ? "" : parsed.error().Text());
  if (!parsed) return Fail(parsed.error());
  return Compile(*parsed, "x.wake", memory);
}

Program Good(const std::string& text, Memory memory = Memory::kSc) {
  Result<Program> program = Compiled(text, memory);
  EXPECT_TRUE(program.has_value()) << program.error().Text() << "\n" << text;
  return program ? std::move(*program) : Program{};
}

// What the code of the first task goes through, in the order of the text.
std::vector<std::string> Steps(const Program& program) {
  std::vector<std::string> steps;
  const auto& accesses = program.access_of.at(0);
  for (uint32_t i = 0; i < accesses.step.size(); ++i) {
    const Point& point = program.points[accesses.first_point + i];
    if (i == 0 && program.tasks[0].start != accesses.first_point) continue;
    const char* const kind = point.kind == PointKind::kSleep  ? " sleeps"
                             : point.kind == PointKind::kSpin ? " spins"
                             : point.kind == PointKind::kEnd  ? " ends"
                                                              : "";
    steps.push_back(program.strings[point.function] + kind + (point.rest ? " (rest)" : ""));
  }
  return steps;
}

std::vector<std::string> WordNames(const Program& program) {
  std::vector<std::string> names;
  for (const Word& word : program.words) {
    if (word.shared) names.push_back(word.name);
  }
  return names;
}

TEST(Compile, CutsIntoStepsWhereOthersCanSeeADifference) {
  const struct {
    const char* story;
    const char* text;
    std::vector<std::string> steps;
  } rows[] = {
      {"a load and a store are two steps", "flag a, b; task t { a = b; }", {"t", "t", "t ends"}},
      {"what is local joins the step before it",
       "flag a; task t { byte x = a; x = x + 1; if (x == 1) x = 0; }",
       {"t", "t ends"}},
      {"a condition is looked at one variable at a time",
       "flag a, b; task t { if (a && !b) a = 0; }",
       {"t", "t", "t", "t ends"}},
      {"an atomic block is one step", "flag a, b; task t { atomic { a = b; b = 1; } }", {"t", "t ends"}},
      {"a lock is waited for in its step",
       "spinlock l; task t { spin_lock(l); spin_unlock(l); }",
       {"spin_lock spins", "spin_unlock", "t ends"}},
      {"a wake looks first, and wakes then",
       "task t { wake_up_process(u); } task u { }",
       {"try_to_wake_up spins", "try_to_wake_up", "t ends"}},
      {"schedule leaves the run queue, and sleeps",
       "task t { set_current_state(TASK_IDLE); schedule() until (true); }",
       {"set_current_state", "__schedule", "__schedule sleeps", "t ends"}},
      {"rest: is for all that the call waits in",
       "task t { rest: schedule(); }",
       {"__schedule (rest)", "__schedule sleeps (rest)", "t ends"}},
      {"with sequential consistency a barrier is no step", "flag a; task t { smp_mb(); a = 1; }", {"t", "t ends"}},
  };
  for (const auto& row : rows) {
    EXPECT_THAT(Steps(Good(row.text)), ::testing::ElementsAreArray(row.steps)) << row.story;
  }
}

TEST(Compile, WithStoreBuffersABarrierIsAStepAndStoresWait) {
  const Program program = Good("flag a; task t { a = 1; smp_mb(); } task u { atomic { a = 0; } }", Memory::kTso);
  EXPECT_THAT(Steps(program), ElementsAre("t", "smp_mb", "t ends"));
  EXPECT_THAT(program.buffer_depths, ElementsAre(1, 0));
  EXPECT_THAT(Good("flag a; task t { a = 1; }").buffer_depths, ElementsAre(0));
}

TEST(Compile, WhatIsSleptForFollowsFromTheText) {
  const struct {
    const char* story;
    const char* body;
    const char* reason;  // "": it has to be woken in any case
  } rows[] = {
      {"what is looked at in front of the call", "if (!a) schedule();", "a"},
      {"more than one thing", "if (!a && !b) schedule();", "a || b"},
      {"a loop's condition", "while (!a) schedule();", "a"},
      {"a loop that goes on until it holds", "do schedule(); while (!a);", "a"},
      {"a way out of the loop", "loop { if (a) break; if (n == 2) { n = 0; continue; } schedule(); }", "a || n == 2"},
      {"the other branch", "if (a) b = 1; else schedule();", "a"},
      {"once is enough", "while (!a) { if (!a) schedule(); }", "a"},
      {"what was looked at before the loop may have changed", "if (b) return; loop { if (a) break; schedule(); }", "a"},
      {"a local that holds what was seen", "byte seen = a; if (!seen) schedule();", "a"},
      {"a look that changes", "if (!test_and_clear_bit(a)) schedule();", "a"},
      {"the kernel's words", "while (!kthread_should_stop()) schedule();", "kthread_should_stop()"},
      {"nothing", "schedule();", ""},
      {"said", "schedule() until (b);", "b"},
      {"of a function of the kernel that waits for its own", "wait_for_completion(c);", ""},
      {"of one with a condition", "wait_event(q, a && b);", "a && b"},
  };
  for (const auto& row : rows) {
    const Program program =
        Good("flag a, b; counter n max 3; completion c; wait_queue q; kthread t { " + std::string(row.body) + " }");
    const auto sleep = std::find_if(program.points.begin(), program.points.end(),
                                    [](const Point& point) { return point.kind == PointKind::kSleep; });
    ASSERT_NE(sleep, program.points.end()) << row.story;
    EXPECT_EQ(program.strings[sleep->condition_text], row.reason) << row.story;
    EXPECT_EQ(sleep->condition >= 0, std::string(row.reason) != "") << row.story;
  }
}

TEST(Compile, OnlyWhatIsTouchedHasRoom) {
  const Program little = Good("flag a; task t { a = 1; }");
  EXPECT_THAT(WordNames(little), ElementsAre("a", "t.state", "t.on_rq"));
  EXPECT_THAT(WordNames(Good("completion c; task t { complete(c); }")), Contains("c.waiters.length"));
  EXPECT_THAT(WordNames(Good("kthread k { } task t { kthread_stop(k); }")), Contains("k.exited.done"));
  EXPECT_THAT(WordNames(Good("kthread k { } task t { wake_up_process(k); }")), Not(Contains("k.exited.done")));
  const Word& state =
      *std::find_if(little.words.begin(), little.words.end(), [](const Word& w) { return w.name == "t.state"; });
  EXPECT_TRUE(state.constant);
}

TEST(Compile, TasksThatAreAlikeShareTheirCodeAndThoseWithTimersDoNot) {
  const Program alike = Good("flag a; task t[3] { a = 1; }");
  ASSERT_EQ(alike.tasks.size(), 3u);
  EXPECT_EQ(alike.tasks[0].name, "t[0]");
  EXPECT_EQ(alike.tasks[0].group, alike.tasks[2].group);
  EXPECT_EQ(alike.tasks[0].start, alike.tasks[2].start);
  const Program timed = Good("task t[2] { set_current_state(TASK_IDLE); schedule_timeout(); }");
  ASSERT_EQ(timed.tasks.size(), 4u);
  EXPECT_EQ(timed.tasks[2].name, "timeout_timer(t[0])");
  EXPECT_EQ(timed.tasks[2].kind, "timer");
  EXPECT_NE(timed.tasks[0].group, timed.tasks[1].group);
}

TEST(Compile, WhatTheKernelBringsAlongBecomesTasks) {
  const Program program = Good(
      "flag a; pool p workers 2; work w on p { a = 1; } timer tick { a = 0; } softirq s { a = 1; }"
      "task t { queue_work(w); mod_timer(tick); raise_softirq(s); }");
  std::vector<std::string> tasks;
  for (const Task& task : program.tasks) tasks.push_back(task.kind + " " + task.name);
  EXPECT_THAT(tasks, ElementsAre("task t", "timer tick", "ksoftirqd ksoftirqd", "kworker kworker/p[0]",
                                 "kworker kworker/p[1]"));
}

TEST(Compile, ADormantThreadIsNotThereBeforeItIsCreated) {
  const Program program = Good("kthread k dormant { } task t { kthread_run(k); }");
  const Task& task = program.tasks[0];
  EXPECT_EQ(program.words[task.region + program.on_rq_field].initial, 0);
  EXPECT_EQ(program.points[task.start].kind, PointKind::kSleep);
  EXPECT_GE(program.points[task.start].condition, 0);
}

TEST(Compile, ErrorsNameTheLineAndWhatToDo) {
  const struct {
    const char* text;
    const char* cause;
    const char* remedy;
  } rows[] = {
      {"task t {\n  cond = 1;\n}", "line 2, column 3: cond is not declared", "flag cond;"},
      {"task t { wake_up_process(nobody); }", "nobody is not declared", ""},
      {"task t { frobnicate(); }", "there is no function frobnicate", "declared with inline"},
      {"wait_queue q; task t { DEFINE_WAIT(wait); }", "there is no function DEFINE_WAIT", "leave it out"},
      {"task t { wake_up_proces(t); }", "there is no function wake_up_proces", "did you mean wake_up_process?"},
      {"task t { wake_up_process(t, t); }", "wake_up_process is called with 2 arguments, and takes 1", "task p"},
      {"flag a; task t { wake_up_process(a); }", "a is no task", ""},
      {"flag a; task t { complete(a); }", "a is no completion", ""},
      {"completion a; task t { a.count = 1; }", "a completion has no field count", ""},
      {"completion a; task t { if (a) return; }", "a is no value", ""},
      {"flag a; flag a; task t { }", "a is declared twice", ""},
      {"flag none; task t { }", "none is declared twice, or is a name of the prelude", ""},
      {"thing a; task t { }", "there is no type thing", ""},
      {"const N = M; task t { }", "the value of N is not constant", ""},
      {"counter n max 300; task t { }", "from 1 to 255", ""},
      {"counter n max 3 = 4; task t { }", "from 0 to 3", ""},
      {"task t { break; }", "stands in no loop", ""},
      {"task t { goto out; }", "there is no label out", ""},
      {"inline f() { g(); } inline g() { f(); } task t { f(); }", "calls itself", "loop"},
      {"flag a; task t { atomic { a = 1; await (a); } }", "await can only stand at the start", ""},
      {"flag a; task t { atomic { if (!a) schedule(); } }", "an atomic block cannot sleep", ""},
      {"flag a; interrupt i { wait_event(q, a); } wait_queue q;", "an interrupt cannot sleep", ""},
      {"timer x { schedule(); } task t { mod_timer(x); }", "a timer's function cannot sleep", ""},
      {"flag a; task t { byte x = a; x = a; if (!x) schedule(); }", "what t sleeps for", "until"},
      {"task a[2] { } task t { wake_up_process(a); }", "a stands for several tasks", ""},
      {"flag a;", "there is no task", ""},
      {"companion c(task p) { p.state = 0; }", "there is no task", ""},
      {"work w on p { } task t { queue_work(w); }", "there is no pool p", "pool p workers 1;"},
      {"flag a; task t { queue_work(a); }", "queue_work takes a work", ""},
      {"pool p workers 1; work w on p { } task t { mod_delayed_work(w); }", "w has no timer", "delayed_work w on p"},
      {"task t { choose { } or { } } task a[16] { } task b[16] { }", "33 tasks are too many", ""},
  };
  for (const auto& row : rows) {
    const Result<Program> program = Compiled(row.text);
    ASSERT_FALSE(program.has_value()) << row.text;
    EXPECT_THAT(program.error().cause, HasSubstr(row.cause)) << row.text;
    EXPECT_THAT(program.error().remedy, HasSubstr(row.remedy)) << row.text;
    EXPECT_EQ(program.error().file, "x.wake");
    EXPECT_THAT(program.error().cause, HasSubstr("line ")) << row.text;
  }
}

// Found by fuzzing: what the compiler makes of timers and softirqs was refused by its own parser.
TEST(Compile, HandlersNamesAreAsLongAsNamesCanBe) {
  const std::string x(kNameBytesMax, 'x'), y(kNameBytesMax, 'y');
  const Program program =
      Good("softirq " + x + " { } timer " + y + " { raise_softirq(" + x + "); } task t { mod_timer(" + y + "); }");
  EXPECT_THAT(program.tasks, SizeIs(3));  // t, the timer, ksoftirqd
}

TEST(Compile, WhatIsMadeOfHandlersHasLimits) {
  const auto many = [](const std::string& kind, int n) {
    std::string text = "task t { } pool p workers 1; ";
    for (int i = 0; i < n; ++i) text += kind + " h" + std::to_string(i) + (kind == "work" ? " on p { } " : " { } ");
    return Compiled(text);
  };
  EXPECT_TRUE(many("softirq", 32));
  EXPECT_TRUE(many("timer", 30));
  EXPECT_TRUE(many("work", 31));
  const auto softirqs = many("softirq", 33), timers = many("timer", 5'000), works = many("work", 32);
  ASSERT_FALSE(softirqs);
  EXPECT_THAT(softirqs.error().cause, HasSubstr("33 softirqs are too many: at most 32"));
  ASSERT_FALSE(timers);
  EXPECT_THAT(timers.error().cause, HasSubstr("5002 tasks are too many: at most 32"));
  ASSERT_FALSE(works);
  EXPECT_THAT(works.error().cause, HasSubstr("32 works are too many: at most 31"));
}

TEST(Compile, CallsOfCallsOfCallsEndAtALimit) {
  std::string text = "flag a; inline f0() { a = 1; } ";
  for (int i = 1; i < 30; ++i) {
    const std::string below = "f" + std::to_string(i - 1) + "();";
    text += "inline f" + std::to_string(i) + "() { " + below + below + " } ";
  }
  const Result<Program> program = Compiled(text + "task t { f29(); }");
  ASSERT_FALSE(program.has_value());
  EXPECT_THAT(program.error().cause, HasSubstr("too large"));
}

TEST(Compile, AProtocolMayHaveItsOwnVersionOfAFunction) {
  const Program program = Good("inline complete(completion x) { x.done = 1; } completion c; task t { complete(c); }");
  EXPECT_THAT(Steps(program), ElementsAre("complete", "t ends"));
}

TEST(Compile, EventsNameTheirTasksAndObjects) {
  const Program program = Good("completion c; kthread k { } task t { complete(c); kthread_stop(k); }");
  EXPECT_THAT(program.objects, Contains("c"));
  EXPECT_THAT(program.objects, Contains("k.exited"));
  std::vector<std::string> names;
  for (const EventKind& kind : program.events) names.push_back("E" + std::to_string(kind.level) + " " + kind.name);
  EXPECT_THAT(names, Contains("E0 sched_kthread_stop"));
  EXPECT_THAT(names, Contains("E1 complete"));
}

TEST(Compile, ThePreludeIsWhole) {
  const Result<ProtocolText> prelude = Parse(PreludeText(), "prelude.wake");
  ASSERT_TRUE(prelude.has_value()) << prelude.error().Text();
  EXPECT_THAT(prelude->inlines, Not(IsEmpty()));
}

}  // namespace
}  // namespace wakewatch::protocol
