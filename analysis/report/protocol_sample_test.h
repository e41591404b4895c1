// Why: a verdict made up by hand: what the writers print is checked without a checker.
#pragma once

#include <string>
#include <utility>

#include "analysis/protocol/checker.h"

namespace wakewatch {

inline protocol::StepRecord SampleStep(size_t task, uint32_t line, std::string statement, std::string function,
                                       std::vector<std::string> accesses) {
  protocol::StepRecord step;
  step.task = task;
  step.place = {line, 9};
  step.statement = std::move(statement);
  step.kernel_function = std::move(function);
  step.accesses = std::move(accesses);
  return step;
}

// A worker that looks at its condition, is preempted by its waker, and goes to sleep.
inline protocol::CheckResult SampleLoss() {
  using namespace protocol;
  CheckResult result;
  result.protocol = "kthread_check_before_set";
  result.title = "a kthread that looks at its condition before it sets its state";
  result.verdict = Verdict::kLoses;
  result.property = Property::kLostWakeup;
  result.loss = "worker sleeps for ever in schedule() at line 8 while what it sleeps for holds: cond";
  result.tasks = {"worker", "waker"};
  result.states = 1113;
  result.transitions = 2000;
  result.depth = 17;
  result.assumptions = {"one waker, one wake"};
  result.counterexample.push_back(SampleStep(0, 6, "if (!cond)", "", {"reads cond: 0"}));
  result.counterexample.push_back(SampleStep(1, 13, "cond = 1", "", {"cond = 1"}));
  StepRecord wake =
      SampleStep(1, 14, "wake_up_process(worker)", "try_to_wake_up", {"reads worker.state: TASK_RUNNING"});
  wake.note = "not asleep: nothing to wake, and no event";
  wake.events.push_back({"ttwu", {"worker", "TASK_RUNNING", "TASK_NORMAL"}, 1});
  result.counterexample.push_back(wake);
  result.counterexample.push_back(SampleStep(0, 7, "set_current_state(TASK_INTERRUPTIBLE)", "set_current_state",
                                             {"worker.state = TASK_INTERRUPTIBLE"}));
  StepRecord sleep = SampleStep(0, 8, "schedule()", "__schedule", {"worker.on_rq = 0"});
  sleep.events.push_back({"sched_switch", {"worker", "TASK_INTERRUPTIBLE"}, 0});
  result.counterexample.push_back(sleep);
  return result;
}

}  // namespace wakewatch
