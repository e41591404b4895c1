// Why: most orders of steps lead to the same states. Where nothing that a task's next step touches can ever be touched
// by another task, it may as well go first: the set of its moves is persistent (Godefroid), so every state in which
// nothing can move is still reached, by runs of the same length.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "analysis/protocol/program.h"
#include "analysis/protocol/search/interpreter.h"

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
  // A set of words that more than one task may see and that are written: 64 of them in each of some columns.
  using Bits = std::vector<uint64_t>;
  // Where in rows_ the sets of a point begin: what is read, then what is written.
  struct Touches {
    size_t step = 0, future = 0;
  };
  struct TaskTouches {
    uint32_t first_point = 0;
    std::vector<Touches> points;
  };
  void FindShared(const Program& program);
  size_t RowOf(const Access& access, std::map<Bits, size_t>* known);
  void AddBuffered(const uint8_t* state, size_t task, uint64_t* writes) const;

  const Interpreter& interpreter_;
  std::vector<uint32_t> columns_;    // which 64 words of a state each column is about
  std::vector<uint64_t> masks_;      // those of them that count; for each column
  std::vector<uint32_t> column_of_;  // of each 64 words of a state; columns_.size(): none of them counts
  Bits rows_;
  std::vector<TaskTouches> tasks_;
  bool must_progress_ = false;
};

}  // namespace wakewatch::protocol
