// Why: what a program may do, by the definitions in program.h and nothing else: every state in a map, every step of
// every task in every state, one after the other. Slow, and plain enough to be believed; the checker is compared with
// it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "analysis/protocol/checker.h"
#include "analysis/protocol/program.h"

namespace wakewatch::protocol {

struct SlowResult {
  bool finished = true;  // false: more than the states that were allowed; nothing else counts then
  uint64_t states = 0;
  std::map<Property, size_t> losses;  // each property that a run can break, with the steps of the shortest such run
  size_t error_steps = 0;  // of the shortest run to a value beyond its bound, or a step without end; 0: there is none
  size_t ends = 0;         // states in which nothing can move
  bool store_buffer_full = false;

  bool safe() const { return losses.empty() && error_steps == 0 && ends > 0; }
  std::string Text() const;  // for a test's message
};

// Goes on behind a loss, so that all are found.
SlowResult SlowCheck(const Program& program, size_t states_max);

// Whether the steps of a counterexample, which say whose they are, are a run of the program that breaks `property` at
// its end.
bool IsLosingRun(const Program& program, const std::vector<StepRecord>& steps, Property property);

}  // namespace wakewatch::protocol
