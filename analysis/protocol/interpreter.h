// Why: applies one step of one task to a state. It is total: every instruction and every outcome is named. The search,
// the counterexample and the question of what a recording shows all move through it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analysis/protocol/checker.h"
#include "analysis/protocol/program.h"

namespace wakewatch::protocol {

using State = std::vector<uint8_t>;  // Program::state_bytes long

enum class Outcome : uint8_t {
  kMoved,
  kBlocked,          // waits: for a value, to be woken, or for its store buffer
  kEnded,            // has no further step
  kAssertionFailed,  // the state is that of the failing step
  kOutOfBounds,      // a value left the range of its word, or a list is full
  kEndless,          // a step of more than kStepInstructionsMax instructions
};
inline constexpr uint32_t kStepInstructionsMax = 20'000;

// What an event looks like to a program; StepRecord::Event has the same for people.
struct EmittedEvent {
  uint32_t kind = 0;  // index into Program::events
  std::vector<int32_t> args;
  auto operator<=>(const EmittedEvent&) const = default;
};

class Interpreter {
 public:
  explicit Interpreter(const Program& program) : program_(program) {}

  State Initial() const;
  uint32_t PointOf(const State& state, size_t task) const;

  // How many ways the next step of `task` has (kChoose); 1 where it does not choose. It may still be blocked.
  unsigned Alternatives(size_t task, const State& state) const;
  // Takes the next step of `task`. Where it does not move, `state` is left as it was, except for kAssertionFailed and
  // kOutOfBounds. `events` and `record` may be null; they get what the step emits and what it did. `buffer_full`, which may
  // be null, is set where a full store buffer blocks the step.
  Outcome Step(size_t task, unsigned alternative, State* state, std::vector<EmittedEvent>* events, StepRecord* record,
               bool* buffer_full) const;
  // Writes the oldest entry of the store buffer of `task` to memory; false where it is empty.
  bool Flush(size_t task, State* state, StepRecord* record) const;

  // Of a state in which nothing can move: what is lost in it, and whose loss it is.
  struct Loss {
    Property property = Property::kNone;
    size_t task = 0;
    std::string sentence;
  };
  std::optional<Loss> LossAt(const State& state) const;
  // Whether `task` stands off the run queue at a sleep point, and what it sleeps for holds, or it needs a wake in any case.
  bool SleepsInVain(const State& state, size_t task) const;
  // Why the last kOutOfBounds or kEndless: "counter n goes beyond 3".
  std::string ErrorText(size_t task, unsigned alternative, const State& state) const;

 private:
  const Program& program_;
};

}  // namespace wakewatch::protocol
