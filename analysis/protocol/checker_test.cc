#include "analysis/protocol/checker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "analysis/protocol/shipped.h"

namespace wakewatch::protocol {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string CauseOf(const std::string& text, Memory memory = Memory::kSc) {
  CheckOptions options;
  options.memory = memory;
  const auto result = CheckProtocol(text, "mine.wake", options, {});
  if (result) return "no error";
  EXPECT_EQ(result.error().file, "mine.wake");
  return result.error().cause;
}

TEST(Checker, EventsAsTheyAreWritten) {
  StepRecord step;
  step.events.push_back({"sched_waking", {"worker"}, 0});
  step.events.push_back({"ttwu", {"worker", "TASK_RUNNING"}, 1});
  EXPECT_THAT(step.Texts(0), ElementsAre("sched_waking(worker)"));
  EXPECT_THAT(step.Texts(1), ElementsAre("sched_waking(worker)", "ttwu(worker, TASK_RUNNING)"));
}

TEST(Checker, ErrorsNameTheFile) {
  EXPECT_THAT(CauseOf("protocol p { "), HasSubstr("line 1"));
  EXPECT_THAT(CauseOf("counter n max 2;\ntask a {\n  repeat (3) {\n    n++;\n  }\n}\n"),
              HasSubstr("n goes beyond 2 (to 3) in a (line 4)"));
  EXPECT_THAT(CauseOf("flag f;\ntask a { loop { f = 1; f = 0; } }\n"), HasSubstr("ever comes to rest"));
}

TEST(Checker, AnAssertionThatFailsIsALoss) {
  const auto result = CheckProtocol("flag f;\ntask a { f = 1; }\ntask b { assert (!f); }\n", "mine.wake", {}, {});
  ASSERT_TRUE(result) << result.error().Text();
  EXPECT_EQ(result->verdict, Verdict::kLoses);
  EXPECT_EQ(result->property, Property::kAssertion);
  EXPECT_EQ(result->loss, "b: assert (!f) (line 3) does not hold");
  EXPECT_EQ(result->counterexample.size(), 2u);
}

TEST(Checker, ALockThatIsNeverReleasedIsADeadlock) {
  const auto result = CheckProtocol("spinlock l;\ntask a { spin_lock(l); }\ntask b { spin_lock(l); spin_unlock(l); }\n",
                                    "mine.wake", {}, {});
  ASSERT_TRUE(result) << result.error().Text();
  EXPECT_EQ(result->property, Property::kDeadlock);
  EXPECT_EQ(result->loss, "b waits in spin_lock(l) (line 3) for ever: nothing is left that could let it go on");
}

// `return` ends the body of a handler as it ends a function of the kernel's, and neither the worker nor the timer with
// it.
TEST(Checker, AHandlerThatReturnsEarlyRunsAgain) {
  const char* const texts[] = {
      "pool p workers 1; work w on p { if (!a) return; complete(c); }"
      "task t { queue_work(w); flush_work(w); a = 1; queue_work(w); wait_for_completion(c); }",
      "pool p workers 1; delayed_work w on p { if (!a) return; complete(c); }"
      "task t { schedule_delayed_work(w); flush_delayed_work(w); a = 1; mod_delayed_work(w); wait_for_completion(c); }",
      "timer x { if (!a) return; complete(c); }"
      "task t { mod_timer(x); del_timer_sync(x); a = 1; mod_timer(x); wait_for_completion(c); }",
      "softirq s { if (!a) return; complete(c); }"
      "task t { raise_softirq(s); a = 1; raise_softirq(s); wait_for_completion(c); }",
      "softirq s { complete(c); } interrupt i { raise_softirq(s); if (!a) return; a = 0; }"
      "task t { wait_for_completion(c); }",
  };
  for (const char* const text : texts) {
    for (const Memory memory : {Memory::kSc, Memory::kTso}) {
      CheckOptions options;
      options.memory = memory;
      const auto result = CheckProtocol(std::string("flag a; completion c; ") + text, "mine.wake", options, {});
      ASSERT_TRUE(result) << text << ": " << result.error().Text();
      EXPECT_EQ(result->verdict, Verdict::kSafe) << text << ": " << result->loss;
    }
  }
}

TEST(Checker, AKthreadThatIsStoppedBeforeItsFirstWakeNeverRuns) {
  const std::string text =
      "flag f; kthread k dormant { f = 1; set_current_state(TASK_INTERRUPTIBLE); schedule() until (true); } ";
  const struct {
    const char* task;
    Verdict verdict;
  } rows[] = {
      {"task t { kthread_create(k); kthread_stop(k); assert (!f); }", Verdict::kSafe},
      {"task t { kthread_create(k); wake_up_process(k); kthread_stop(k); }", Verdict::kLoses},
      {"task t { kthread_create(k); kthread_park(k); assert (!f); kthread_stop(k); }", Verdict::kLoses},
  };
  for (const auto& row : rows) {
    const auto result = CheckProtocol(text + row.task, "mine.wake", {}, {});
    ASSERT_TRUE(result) << row.task << ": " << result.error().Text();
    EXPECT_EQ(result->verdict, row.verdict) << row.task << ": " << result->loss;
    EXPECT_THAT(result->loss, HasSubstr(result->loss.empty() ? "" : "k sleeps in schedule() until (true)")) << row.task;
  }
}

// What flush_work() and cancel_work() wait for, and what they leave.
TEST(Checker, WorksAreFlushedAndCancelledAsInTheKernel) {
  const struct {
    const char* text;
    const char* loss;  // empty: safe
  } rows[] = {
      {"work w on p { n = 1; } task t { queue_work(w); flush_work(w); assert (n); }", ""},
      {"work w on p { n = 1; } task t { queue_work(w); assert (n); }", "t: assert (n)"},
      {"work w on p { n = 1; } task t { queue_work(w); cancel_work_sync(w); n = 0; cond_resched(); assert (!n); }", ""},
      {"work w on p { n = 1; } task t { queue_work(w); cancel_work(w); n = 0; cond_resched(); assert (!n); }",
       "t: assert (!n)"},
      {"work w on p { flush_work(w); } task t { queue_work(w); }", "kworker/p[0] sleeps in flush_work(w)"},
      {"work w on p { } task t { queue_work(w); flush_work(w); } task u { cancel_work(w); }", ""},
      {"work w on p { } task t { queue_work(w); flush_work(w); } task u { queue_work(w); cancel_work_sync(w); }", ""},
      {"work w on p { cancel_work_sync(w); } task t { queue_work(w); }", "kworker/p[0] sleeps in cancel_work_sync(w)"},
      {"delayed_work w on p { n = 1; } task t { queue_delayed_work(w); flush_delayed_work(w); assert (n); }", ""},
      {"delayed_work w on p { n = 1; } task t { queue_delayed_work(w); if (cancel_delayed_work(w)) assert (!n); }", ""},
      {"delayed_work w on p { n = 1; } task t { queue_delayed_work(w); if (!cancel_delayed_work(w)) assert (n); }",
       "t: assert (n)"},
  };
  for (const auto& row : rows) {
    const auto result = CheckProtocol(std::string("flag n; pool p workers 2; ") + row.text, "mine.wake", {}, {});
    ASSERT_TRUE(result) << row.text << ": " << result.error().Text();
    EXPECT_EQ(result->verdict, *row.loss == 0 ? Verdict::kSafe : Verdict::kLoses) << row.text << ": " << result->loss;
    EXPECT_THAT(result->loss, HasSubstr(row.loss)) << row.text;
  }
}

TEST(Checker, WaitsOfOtherKinds) {
  const struct {
    const char* text;
    bool safe;
  } rows[] = {
      {"task t { rcuwait_wait_event(w, f, TASK_UNINTERRUPTIBLE); } task u { f = 1; rcuwait_wake_up(w); }", true},
      {"task t { w.task = current; if (!f) { set_current_state(TASK_UNINTERRUPTIBLE); schedule() until (f); } }"
       "task u { f = 1; rcuwait_wake_up(w); }",
       false},
      {"task t { swait_event_exclusive(q, f); } task u { f = 1; if (swq_has_sleeper(q)) swake_up_one(q); }", true},
      {"task t { wait_event(q, f); } task u { f = 1; if (wq_has_sleeper(q)) wake_up(q); }", true},
      {"task t { wait_event(q, f); } task u { f = 1; if (waitqueue_active(q)) wake_up(q); }", false},
      {"task t { wait_event_interruptible_timeout(q, f); }", true},
      {"task t { spin_lock_irq(l); wait_event_lock_irq(q, f, l); assert (f); f = 0; spin_unlock_irq(l); }"
       "task u { spin_lock_irq(l); f = 1; spin_unlock_irq(l); wake_up(q); }",
       true},
      {"task t { spin_lock_irq(l); wait_event_lock_irq(q, f, l); spin_unlock_irq(l); }"
       "task u { spin_lock_irq(l); f = 1; wake_up_interruptible(q); spin_unlock_irq(l); }",
       false},
  };
  for (const auto& row : rows) {
    CheckOptions options;
    options.memory = Memory::kTso;
    const std::string text = std::string("flag f; wait_queue q; rcuwait w; spinlock l; ") + row.text;
    const auto result = CheckProtocol(text, "mine.wake", options, {});
    ASSERT_TRUE(result) << row.text << ": " << result.error().Text();
    EXPECT_EQ(result->verdict, row.safe ? Verdict::kSafe : Verdict::kLoses) << row.text << ": " << result->loss;
  }
}

// All combinations of reductions agree on every protocol that comes with the checker, in both memory models.
TEST(Checker, ReductionsAgreeOnTheShippedProtocols) {
  for (const ShippedProtocol& protocol : ShippedProtocols()) {
    for (const Memory memory : {Memory::kSc, Memory::kTso}) {
      std::string first;
      for (const int reductions : {3, 2, 1, 0}) {
        CheckOptions options;
        options.memory = memory;
        options.partial_order = (reductions & 1) != 0;
        options.symmetry = (reductions & 2) != 0;
        options.states_max = 20'000;
        const auto result = CheckProtocol(protocol.text, std::string(protocol.name), options, {});
        ASSERT_TRUE(result) << protocol.name << ": " << result.error().Text();
        if (result->verdict == Verdict::kUnfinished) continue;
        const std::string found = std::string(Name(result->verdict)) + " " + std::string(Name(result->property)) + " " +
                                  std::to_string(result->counterexample.size());
        if (first.empty()) first = found;
        EXPECT_EQ(found, first) << protocol.name << " " << Name(memory) << " " << reductions;
      }
    }
  }
}

}  // namespace
}  // namespace wakewatch::protocol
