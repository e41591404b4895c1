// Why: which events of a task may follow which. One table, states by inputs, says it; what is believed of a task is the
// set of states that its events leave possible, and one load answers what an event makes of a set. An event that leaves
// none is forbidden. Finer than TaskState: whether a task on its run queue can still be woken depends on how it came
// there. Source: kernel/sched/core.c: try_to_wake_up(), wake_up_new_task(), __schedule(), do_task_dead().
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "analysis/model/rules.h"

namespace wakewatch::task_automaton {

enum class State : uint8_t {
  kNew,        // forked, never woken
  kReady,      // woken, and waits for its CPU: it is TASK_RUNNING, so no further wake is accepted
  kPreempted,  // switched out in R or R+: it may have set its state to sleep just before, so a wake can be accepted
  kPreemptedWoken,  // and one was, whose sched_wakeup is to come
  kRunning,
  kRunningWoken,  // on a CPU, sched_waking seen, sched_wakeup not yet
  kSleeping,
  kWaking,  // off the CPU, sched_waking seen, sched_wakeup not yet
  kDead,
};
inline constexpr size_t kStates = static_cast<size_t>(State::kDead) + 1;

enum class Input : uint8_t {
  kWaking,
  kWakeup,
  kWakeupNew,
  kIn,           // switched in
  kOutRunnable,  // switched out in R or R+
  kOutSleeping,  // in S, D, I, P, T, t
  kOutDead,      // in X or Z
  kExit,         // sched_process_exit, by itself
  kMigrate,      // moved to another run queue
};
inline constexpr size_t kInputs = static_cast<size_t>(Input::kMigrate) + 1;

using Belief = uint16_t;  // a bit a state
constexpr Belief Only(State state) { return static_cast<Belief>(1u << static_cast<unsigned>(state)); }
inline constexpr Belief kAnything = (1u << kStates) - 1;
inline constexpr Belief kOnCpu = Only(State::kRunning) | Only(State::kRunningWoken);
// Its events contradicted one another: nothing is held against it until it is switched out again.
inline constexpr Belief kQuarantined = 0;

// What `input` makes of one state; 0: it is forbidden there.
constexpr Belief Next(State state, Input input) {
  constexpr Belief N = Only(State::kNew), W = Only(State::kReady), P = Only(State::kPreempted),
                   Q = Only(State::kPreemptedWoken), R = Only(State::kRunning), K = Only(State::kRunningWoken),
                   S = Only(State::kSleeping), A = Only(State::kWaking), D = Only(State::kDead);
  constexpr Belief kTable[kStates][kInputs] = {
      // waking, wakeup, new, in, out R, out S, out X, exit, migrate
      {0, 0, W, 0, 0, 0, 0, 0, N},  // kNew
      {0, 0, 0, R, 0, 0, 0, 0, W},  // kReady
      {Q, 0, 0, R, 0, 0, 0, 0, P},  // kPreempted
      {0, W, 0, K, 0, 0, 0, 0, Q},  // kPreemptedWoken
      {K, 0, 0, 0, P, S, D, R, 0},  // kRunning
      {0, R, 0, 0, Q, A, 0, K, 0},  // kRunningWoken; out S is T5
      {A, 0, 0, 0, 0, 0, 0, 0, S},  // kSleeping; delayed dequeue migrates sleepers
      {0, W, 0, 0, 0, 0, 0, 0, A},  // kWaking
      {0, 0, W, 0, 0, 0, 0, 0, 0},  // kDead; a new owner of the pid, whose fork was not traced
  };
  return kTable[static_cast<size_t>(state)][static_cast<size_t>(input)];
}

// The same for a set. kQuarantined stays so, until a switch-out or a first wakeup says where the task is.
constexpr Belief NextOf(Belief belief, Input input) {
  const bool says_where = (input >= Input::kOutRunnable && input <= Input::kOutDead) || input == Input::kWakeupNew;
  if (belief == kQuarantined && says_where) belief = input == Input::kWakeupNew ? kAnything : kOnCpu;
  Belief next = 0;
  for (size_t state = 0; state < kStates; ++state) {
    if ((belief >> state & 1) != 0) next |= Next(static_cast<State>(state), input);
  }
  return next;
}

namespace detail {
using Table = std::array<std::array<Belief, kInputs>, kAnything + 1>;
constexpr Table MakeTable() {
  Table table{};
  for (size_t belief = 0; belief <= kAnything; ++belief) {
    for (size_t input = 0; input < kInputs; ++input) {
      table[belief][input] = NextOf(static_cast<Belief>(belief), static_cast<Input>(input));
    }
  }
  return table;
}
inline constexpr Table kNext = MakeTable();
}  // namespace detail

inline Belief Apply(Belief belief, Input input) { return detail::kNext[belief][static_cast<size_t>(input)]; }

// What `belief` has become if any number of sched_waking (of sched_wakeup) events may have gone unseen.
Belief WithUnseen(Belief belief, bool wakings, bool wakeups);

// Which rule forbids `input`, when one of `belief`'s states was the last hope: that of the first of them.
Rule Forbidding(Belief belief, Input input);
// "that was preempted and waits": of the first of the states.
std::string_view Phrase(Belief belief);

}  // namespace wakewatch::task_automaton
