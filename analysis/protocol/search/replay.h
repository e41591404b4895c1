// Why: a search keeps of a run only who moved. This tells the run again, with what each step did.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "analysis/protocol/checker.h"
#include "analysis/protocol/search/interpreter.h"
#include "analysis/protocol/search/state_set.h"
#include "analysis/protocol/search/symmetry.h"

namespace wakewatch::protocol {

// A run told in the program's own tasks.
struct Replay {
  std::vector<StepRecord> steps;
  State before;  // the last step
  State end;     // where the last step led; of one that failed: as it left the state
  Move last;     // the last step, by its own task
};
// The run of `moves` from the initial state. With `symmetry`, which may be null, each move is of the canonical form of
// the state it starts from.
Replay ReplayMoves(const Interpreter& interpreter, const Symmetry* symmetry, const std::vector<Move>& moves);

// How a run goes, in short: "worker 4, 5; waker 9; worker 6" (lines). Of a long one its end.
std::string ShortRun(const Program& program, const std::vector<StepRecord>& steps);

}  // namespace wakewatch::protocol
