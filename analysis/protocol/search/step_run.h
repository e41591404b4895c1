// Why: the inside of the interpreter: one step, instruction by instruction. Compiled twice: for a search, which wants
// nothing but the state, and for people and recordings, who want to know what the step did.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "analysis/protocol/search/interpreter.h"
#include "analysis/protocol/search/step_text.h"

namespace wakewatch::protocol {

// Why a step is an error of the model.
struct Fault {
  enum class Kind : uint8_t {
    kNone,
    kAbove,
    kBelow,
    kListFull,
    kNoEntry,
    kNotAnEntry,
    kNoTask,
    kNoAddress,
    kDivision,
    kNesting
  };
  Kind kind = Kind::kNone;
  uint32_t address = 0;
  int32_t value = 0;
};

// What people and recordings see of a step; null in a search.
struct Sinks {
  std::vector<EmittedEvent>* events = nullptr;
  StepRecord* record = nullptr;
};

// One step. With kTold, what it does is put into the sinks.
template <bool kTold>
class StepRun {
 public:
  StepRun(const Program& program, const Interpreter& interpreter, size_t task, uint8_t* state, Changes* changes,
          Sinks sinks)
      : program_(program),
        interpreter_(interpreter),
        task_(task),
        view_(interpreter.ViewOf(task)),
        state_(state),
        changes_(changes),
        sinks_(sinks),
        direct_(view_.buffer_depth == 0) {}

  // From instruction `at` to the end of the step, or to kResult.
  Outcome Go(uint32_t at, unsigned alternative);

  int32_t result = 0;         // of kResult
  unsigned alternatives = 1;  // of kChoose
  bool buffer_full = false;
  Fault fault;

 private:
  void Write(uint32_t address, uint8_t value) {
    if (state_[address] == value) return;
    changes_->Add(address, state_[address]);
    state_[address] = value;
  }
  uint32_t BufferLen() const { return view_.buffer_depth == 0 ? 0 : state_[view_.buffer]; }
  bool Fail(Fault::Kind kind, uint32_t address = 0, int32_t value = 0) {
    fault = {kind, address, value};
    return false;
  }
  bool InRange(int64_t address) {
    return (address >= 0 && address < int64_t{program_.state_bytes}) || Fail(Fault::Kind::kNoAddress);
  }
  bool Fits(uint32_t address, int32_t value) {
    if (value < 0) return Fail(Fault::Kind::kBelow, address, value);
    return value <= interpreter_.MaxOf(address) || Fail(Fault::Kind::kAbove, address, value);
  }
  uint8_t Load(uint32_t address);
  // kMoved: the step goes on.
  Outcome Store(uint32_t address, int32_t value, bool release);
  bool StoreLocal(uint32_t address, int32_t value) {
    if (!InRange(address) || !Fits(address, value)) return false;
    Write(address, static_cast<uint8_t>(value));
    return true;
  }
  void StandAt(uint32_t point) {
    Write(view_.point, static_cast<uint8_t>(point));
    Write(view_.point + 1, static_cast<uint8_t>(point >> 8));
  }
  bool ListOp(Op op, int32_t** top);
  bool ListAdd(uint32_t list, int32_t value, int32_t flags, bool head);
  void ListDel(uint32_t list, int32_t value);
  uint32_t ListFind(uint32_t list, int32_t value) const;  // its index, or the length
  int32_t* Emit(uint32_t kind, int32_t* top);
  void Tell(std::string access);
  void Note(uint32_t text);
  std::string EntryText(uint32_t list, int32_t value) const {
    return ValueText(program_, list + 1, static_cast<uint8_t>(value));
  }

  const Program& program_;
  const Interpreter& interpreter_;
  const size_t task_;
  const Interpreter::TaskView view_;
  uint8_t* const state_;
  Changes* const changes_;
  const Sinks sinks_;
  bool direct_;  // loads and stores pass the store buffer by
};

extern template class StepRun<false>;
extern template class StepRun<true>;

}  // namespace wakewatch::protocol
