#include "analysis/model/task_automaton.h"

#include <bit>

namespace wakewatch::task_automaton {
namespace {

State First(Belief belief) { return static_cast<State>(std::countr_zero(static_cast<unsigned>(belief))); }

}  // namespace

Belief WithUnseen(Belief belief, bool wakings, bool wakeups) {
  for (Belief before = kQuarantined; before != belief;) {
    before = belief;
    if (wakings) belief |= Apply(belief, Input::kWaking);
    if (wakeups) belief |= Apply(belief, Input::kWakeup);
  }
  return belief;
}

Rule Forbidding(Belief belief, Input input) {
  const State state = First(belief);
  if (state == State::kDead || input == Input::kOutDead) {
    return state == State::kRunningWoken || state == State::kDead ? Rule::kExitThenDead : Rule::kRunState;
  }
  if (input == Input::kWakeupNew) return Rule::kForkThenFirstWakeup;
  if (input == Input::kMigrate) return Rule::kTaskPlacement;
  if (input >= Input::kOutRunnable) return Rule::kRunState;
  if (state == State::kNew) return Rule::kForkThenFirstWakeup;
  if (input == Input::kWakeup) return Rule::kWakeupNeedsWaking;
  if (input == Input::kWaking) return state == State::kReady ? Rule::kWakeupThenRun : Rule::kWakingThenWakeup;
  if (state == State::kSleeping) return Rule::kSleepUntilWoken;
  return state == State::kWaking ? Rule::kWakingThenWakeup : Rule::kRunState;
}

std::string_view Phrase(Belief belief) {
  switch (First(belief)) {
    case State::kNew: return "that is new and was never woken";
    case State::kReady: return "that was woken and has not run since";
    case State::kPreempted: return "that was preempted and waits, with no wake under way";
    case State::kPreemptedWoken: return "that was preempted and is being woken";
    case State::kRunning: return "that is on a CPU, with no wake under way";
    case State::kRunningWoken: return "that is on a CPU and is being woken";
    case State::kSleeping: return "that sleeps and was not woken";
    case State::kWaking: return "that is being woken and whose sched_wakeup has not come";
    case State::kDead: return "that has died";
  }
  return "of which nothing is known";
}

}  // namespace wakewatch::task_automaton
