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

// The bytes that a step changed, in its order, each with what it held before; a byte may occur more than once.
class Changes {
 public:
  struct Change {
    uint32_t address;
    uint8_t before;
  };
  size_t size() const { return size_; }
  const Change& operator[](size_t n) const { return n < kInline ? few_[n] : many_[n - kInline]; }
  void Clear() {
    size_ = 0;
    many_.clear();
  }
  void Add(uint32_t address, uint8_t before) {
    if (size_ < kInline)
      few_[size_] = {address, before};
    else
      many_.push_back({address, before});
    ++size_;
  }
  void Undo(uint8_t* state) const {
    for (size_t n = size_; n-- > 0;) state[(*this)[n].address] = (*this)[n].before;
  }

 private:
  static constexpr size_t kInline = 64;  // more than nearly every step changes: no allocation
  size_t size_ = 0;
  Change few_[kInline];
  std::vector<Change> many_;
};

// What an event looks like to a program; StepRecord::Event has the same for people.
struct EmittedEvent {
  uint32_t kind = 0;  // index into Program::events
  std::vector<int32_t> args;
  auto operator<=>(const EmittedEvent&) const = default;
};

class Interpreter {
 public:
  explicit Interpreter(const Program& program);

  State Initial() const;
  uint32_t PointOf(const State& state, size_t task) const;

  // How many ways the next step of `task` has (kChoose); 1 where it does not choose. It may still be blocked.
  unsigned Alternatives(size_t task, const State& state) const;
  // Takes the next step of `task`. Where it does not move, `state` is left as it was, except for kAssertionFailed and
  // kOutOfBounds. `events` and `record` may be null; they get what the step emits and what it did. `buffer_full`, which
  // may be null, is set where a full store buffer blocks the step.
  Outcome Step(size_t task, unsigned alternative, State* state, std::vector<EmittedEvent>* events, StepRecord* record,
               bool* buffer_full) const;
  // Writes the oldest entry of the store buffer of `task` to memory; false where it is empty.
  bool Flush(size_t task, State* state, StepRecord* record) const;

  // The same without texts, for who takes millions of them: `state` is Program::state_bytes long. `changes` is cleared
  // first, and undoes the step. `alternatives` gets what Alternatives() says.
  Outcome Step(size_t task, unsigned alternative, uint8_t* state, Changes* changes, unsigned* alternatives,
               bool* buffer_full) const;
  bool Flush(size_t task, uint8_t* state, Changes* changes) const;

  // Of a state in which nothing can move: what is lost in it, and whose loss it is.
  struct Loss {
    Property property = Property::kNone;
    size_t task = 0;
    std::string sentence;
  };
  std::optional<Loss> LossAt(const State& state) const;
  // Whether `task` stands off the run queue at a sleep point, and what it sleeps for holds, or it needs a wake in any
  // case.
  bool SleepsInVain(const State& state, size_t task) const;
  // Why the last kOutOfBounds or kEndless: "counter n goes beyond 3".
  std::string ErrorText(size_t task, unsigned alternative, const State& state) const;

  // Of a task, what every step needs.
  struct TaskView {
    uint32_t region = 0;
    uint32_t point = 0;         // address of its point
    uint32_t buffer = 0;        // address of its store buffer
    uint32_t buffer_depth = 0;  // 0: it has none
  };
  const TaskView& ViewOf(size_t task) const { return views_[task]; }
  uint8_t MaxOf(uint32_t address) const { return word_max_[address]; }

 private:
  bool MayStayForEver(const State& state, size_t task) const;
  bool ConditionHolds(const State& state, size_t task) const;

  const Program& program_;
  std::vector<TaskView> views_;
  std::vector<uint8_t> word_max_;
};

}  // namespace wakewatch::protocol
