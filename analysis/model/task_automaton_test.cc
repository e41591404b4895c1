#include "analysis/model/task_automaton.h"

#include <gtest/gtest.h>

#include <vector>

namespace wakewatch::task_automaton {
namespace {

constexpr Belief Both(State a, State b) { return static_cast<Belief>(Only(a) | Only(b)); }

TEST(TaskAutomaton, LegalLives) {
  struct Story {
    const char* name;
    State begin;
    std::vector<Input> inputs;
    State end;
  };
  const Story stories[] = {
      {"a life",
       State::kNew,
       {Input::kWakeupNew, Input::kIn, Input::kOutSleeping, Input::kWaking, Input::kWakeup, Input::kIn, Input::kExit,
        Input::kOutDead},
       State::kDead},
      {"T5: woken on its CPU, then asleep, then delivered",
       State::kRunning,
       {Input::kWaking, Input::kOutSleeping, Input::kWakeup, Input::kIn},
       State::kRunning},
      {"T4: woken on its CPU, and asleep anew",
       State::kRunning,
       {Input::kWaking, Input::kWakeup, Input::kOutSleeping, Input::kWaking},
       State::kWaking},
      {"preempted between setting its state and schedule(), and woken there",
       State::kRunning,
       {Input::kOutRunnable, Input::kWaking, Input::kWakeup, Input::kIn},
       State::kRunning},
      {"and running again while its wake is under way",
       State::kPreempted,
       {Input::kWaking, Input::kIn, Input::kWakeup},
       State::kRunning},
      {"woken while running, then preempted",
       State::kRunning,
       {Input::kWaking, Input::kOutRunnable, Input::kWakeup},
       State::kReady},
      {"moved while it waits, and while its dequeue is delayed",
       State::kRunning,
       {Input::kOutSleeping, Input::kMigrate, Input::kWaking, Input::kMigrate, Input::kWakeup, Input::kMigrate,
        Input::kIn},
       State::kRunning},
      {"the pid's next owner, whose fork was not traced",
       State::kDead,
       {Input::kWakeupNew, Input::kIn},
       State::kRunning},
  };
  for (const Story& story : stories) {
    Belief belief = Only(story.begin);
    for (const Input input : story.inputs) belief = Apply(belief, input);
    EXPECT_EQ(belief, Only(story.end)) << story.name;
  }
}

TEST(TaskAutomaton, WhatIsForbiddenAndByWhichRule) {
  struct Row {
    State state;
    Input input;
    Rule rule;
  };
  const Row rows[] = {
      {State::kSleeping, Input::kIn, Rule::kSleepUntilWoken},
      {State::kSleeping, Input::kWakeup, Rule::kWakeupNeedsWaking},
      {State::kRunning, Input::kWakeup, Rule::kWakeupNeedsWaking},
      {State::kPreempted, Input::kWakeup, Rule::kWakeupNeedsWaking},
      {State::kWaking, Input::kIn, Rule::kWakingThenWakeup},
      {State::kWaking, Input::kWaking, Rule::kWakingThenWakeup},
      {State::kRunningWoken, Input::kWaking, Rule::kWakingThenWakeup},
      {State::kReady, Input::kWaking, Rule::kWakeupThenRun},
      {State::kReady, Input::kWakeup, Rule::kWakeupNeedsWaking},
      {State::kRunning, Input::kIn, Rule::kRunState},
      {State::kReady, Input::kOutSleeping, Rule::kRunState},
      {State::kSleeping, Input::kExit, Rule::kRunState},
      {State::kRunning, Input::kMigrate, Rule::kTaskPlacement},
      {State::kNew, Input::kIn, Rule::kForkThenFirstWakeup},
      {State::kNew, Input::kWaking, Rule::kForkThenFirstWakeup},
      {State::kReady, Input::kWakeupNew, Rule::kForkThenFirstWakeup},
      {State::kDead, Input::kWaking, Rule::kExitThenDead},
      {State::kDead, Input::kIn, Rule::kExitThenDead},
      {State::kRunningWoken, Input::kOutDead, Rule::kExitThenDead},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(Next(row.state, row.input), 0) << Phrase(Only(row.state));
    EXPECT_EQ(Forbidding(Only(row.state), row.input), row.rule) << Phrase(Only(row.state));
  }
}

TEST(TaskAutomaton, ASetIsNarrowedByWhatItsStatesAllow) {
  EXPECT_EQ(Apply(kAnything, Input::kIn), kOnCpu);
  EXPECT_EQ(Apply(kAnything, Input::kOutSleeping), Both(State::kSleeping, State::kWaking));
  EXPECT_EQ(Apply(Both(State::kSleeping, State::kWaking), Input::kWakeup), Only(State::kReady));
  EXPECT_EQ(Apply(kQuarantined, Input::kWaking), kQuarantined);
  EXPECT_EQ(Apply(kQuarantined, Input::kOutRunnable), Both(State::kPreempted, State::kPreemptedWoken));
  for (unsigned belief = 1; belief <= kAnything; ++belief) {
    for (size_t input = 0; input < kInputs; ++input) {
      Belief each = 0;
      for (size_t state = 0; state < kStates; ++state) {
        if ((belief >> state & 1) != 0) each |= Next(static_cast<State>(state), static_cast<Input>(input));
      }
      ASSERT_EQ(Apply(static_cast<Belief>(belief), static_cast<Input>(input)), each);
    }
  }
}

TEST(TaskAutomaton, WithoutWakingsASleeperCanBeDelivered) {
  EXPECT_EQ(Apply(Only(State::kSleeping), Input::kWakeup), 0);
  EXPECT_EQ(Apply(WithUnseen(Only(State::kSleeping), true, false), Input::kWakeup), Only(State::kReady));
  EXPECT_EQ(Apply(WithUnseen(Only(State::kSleeping), true, false), Input::kIn), 0);
  EXPECT_NE(Apply(WithUnseen(Only(State::kSleeping), true, true), Input::kIn), 0);
}

}  // namespace
}  // namespace wakewatch::task_automaton
