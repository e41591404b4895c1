// Why: most orders of steps lead to the same states. Where nothing that a task's next step touches can ever be touched
// by another task, it may as well go first: the set of its moves is persistent (Godefroid), so every state in which
// nothing can move is still reached, by runs of the same length.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "analysis/protocol/interpreter.h"
#include "analysis/protocol/program.h"

namespace wakewatch::protocol {

class Reduction {
 public:
  Reduction(const Program& program, const Interpreter& interpreter);

  // Bit n: the moves of task n alone are enough in `state`, if it has any.
  uint32_t Enough(const uint8_t* state) const;
  // Some step may break an assertion or a bound. Then a reduced expansion has to lead to a state that is new, or steps
  // of others could be put off for ever.
  bool must_progress() const { return must_progress_; }

 private:
  using Bits = std::vector<uint64_t>;
  // Of one task: for each of its points `width_` words each of what the step reads and writes, and what all steps from
  // there on read and write.
  struct Touches {
    uint32_t first_point = 0;
    Bits step_reads, step_writes, future_reads, future_writes;
  };
  Bits Narrow(const std::vector<uint64_t>& words) const;
  void AddTask(const Program& program, size_t task);
  void AddBuffered(const uint8_t* state, size_t task, uint64_t* writes) const;

  const Interpreter& interpreter_;
  std::vector<uint32_t> shared_;    // addresses that can be written and that more than one task may see
  std::vector<uint32_t> index_of_;  // of each address in shared_; kPrivate
  size_t width_ = 0;                // words of a set
  std::vector<Touches> tasks_;
  bool must_progress_ = false;
};

}  // namespace wakewatch::protocol
