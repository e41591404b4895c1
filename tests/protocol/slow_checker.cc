#include "tests/protocol/slow_checker.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <optional>
#include <utility>

namespace wakewatch::protocol {

namespace {

using Bytes = std::vector<uint8_t>;

enum class End { kMoved, kBlocked, kEnded, kAssertion, kError };

// A program that the compiler should not have made.
[[noreturn]] void Broken(const char* what, size_t instruction) {
  std::cerr << "slow checker: instruction " << instruction << ": " << what << "\n";
  std::abort();
}

// One task that runs from one instruction on, in a copy of a state.
class Machine {
 public:
  Machine(const Program& program, size_t task, unsigned alternative, Bytes state)
      : program_(program), task_(task), alternative_(alternative), state_(std::move(state)) {}

  End Run(size_t instruction);  // to the step's end
  bool Condition(size_t instruction);
  Bytes& state() { return state_; }
  unsigned alternatives() const { return alternatives_; }
  bool buffer_full() const { return buffer_full_; }

 private:
  std::optional<End> Do(const Instruction& instruction);
  bool Arithmetic(Op op);
  bool List(Op op);
  std::optional<End> Store(size_t address, int64_t value, bool release);
  std::optional<End> Write(size_t address, int64_t value);
  int32_t Load(size_t address) const;
  std::optional<End> Insert(size_t list, size_t position, int64_t value, int64_t flags);
  void Delete(size_t list, int64_t value);

  int32_t Pop() {
    if (stack_.empty()) Broken("an empty stack", at_);
    const int32_t value = stack_.back();
    stack_.pop_back();
    return value;
  }
  void Push(int64_t value) { stack_.push_back(static_cast<int32_t>(value)); }
  size_t PopAddress() {
    const int32_t address = Pop();
    if (address < 0 || static_cast<size_t>(address) >= state_.size()) Broken("no such address", at_);
    return static_cast<size_t>(address);
  }
  size_t Region() const { return program_.tasks[task_].region; }
  bool HasBuffer() const { return task_ < program_.buffer_offsets.size() && program_.buffer_offsets[task_] != 0; }
  size_t Buffer() const { return Region() + program_.buffer_offsets[task_]; }
  size_t Buffered() const { return HasBuffer() ? state_[Buffer()] : 0; }

  const Program& program_;
  size_t task_;
  unsigned alternative_;
  Bytes state_;
  std::vector<int32_t> stack_;
  size_t at_ = 0;
  unsigned alternatives_ = 1;
  bool atomic_ = false, buffer_full_ = false;
  bool wrong_ = false;  // an operation that has no result: a division by 0, an entry that is not there
};

int32_t Machine::Load(size_t address) const {
  if (!atomic_) {
    for (size_t i = Buffered(); i-- > 0;) {
      const size_t entry = Buffer() + 1 + 3 * i;
      if (state_[entry] + 256u * state_[entry + 1] == address) return state_[entry + 2];
    }
  }
  return state_[address];
}

std::optional<End> Machine::Write(size_t address, int64_t value) {
  if (value < 0 || value > program_.words[address].max) return End::kError;
  state_[address] = static_cast<uint8_t>(value);
  return std::nullopt;
}

std::optional<End> Machine::Store(size_t address, int64_t value, bool release) {
  if (!HasBuffer() || atomic_ || (release && Buffered() == 0)) return Write(address, value);
  if (value < 0 || value > program_.words[address].max) return End::kError;
  if (Buffered() == program_.buffer_depths[task_]) {
    buffer_full_ = true;
    return End::kBlocked;
  }
  const size_t entry = Buffer() + 1 + 3 * Buffered();
  state_[entry] = static_cast<uint8_t>(address & 255);
  state_[entry + 1] = static_cast<uint8_t>(address >> 8);
  state_[entry + 2] = static_cast<uint8_t>(value);
  ++state_[Buffer()];
  return std::nullopt;
}

std::optional<End> Machine::Insert(size_t list, size_t position, int64_t value, int64_t flags) {
  const size_t length = state_[list];
  if (length >= program_.words[list].max || value < 0 || value > kEntryValueMask) return End::kError;
  for (size_t i = length; i > position; --i) state_[list + 1 + i] = state_[list + i];
  state_[list + 1 + position] = static_cast<uint8_t>(value | flags);
  ++state_[list];
  return std::nullopt;
}

void Machine::Delete(size_t list, int64_t value) {
  for (size_t i = 0; i < state_[list]; ++i) {
    if ((state_[list + 1 + i] & kEntryValueMask) != value) continue;
    for (; i + 1 < state_[list]; ++i) state_[list + 1 + i] = state_[list + 2 + i];
    state_[list + 1 + i] = 0;
    --state_[list];
    return;
  }
}

// False: it is none.
bool Machine::Arithmetic(Op op) {
  if (op == Op::kNot || op == Op::kNegate || op == Op::kInvert) {
    const int64_t value = Pop();
    Push(op == Op::kNot ? value == 0 : op == Op::kNegate ? -value : ~value);
    return true;
  }
  if (op < Op::kOr || op > Op::kMod) return false;
  const int64_t right = Pop(), left = Pop();
  if ((op == Op::kDiv || op == Op::kMod) && right == 0) {
    wrong_ = true;
    return true;
  }
  const bool none_left = right < 0 || right > 31;  // of the bits, behind such a shift
  switch (op) {
    case Op::kOr: Push(left | right); break;
    case Op::kXor: Push(left ^ right); break;
    case Op::kAnd: Push(left & right); break;
    case Op::kEq: Push(left == right); break;
    case Op::kNe: Push(left != right); break;
    case Op::kLt: Push(left < right); break;
    case Op::kLe: Push(left <= right); break;
    case Op::kGt: Push(left > right); break;
    case Op::kGe: Push(left >= right); break;
    case Op::kShl: Push(none_left ? 0 : left << right); break;
    case Op::kShr: Push(none_left ? 0 : left >> right); break;
    case Op::kAdd: Push(left + right); break;
    case Op::kSub: Push(left - right); break;
    case Op::kMul: Push(left * right); break;
    case Op::kDiv: Push(left / right); break;
    case Op::kMod: Push(left % right); break;
    default: return false;
  }
  return true;
}

// Those that look at a list and change nothing. False: it is none of them.
bool Machine::List(Op op) {
  if (op == Op::kListLen) {
    Push(state_[PopAddress()]);
    return true;
  }
  if (op != Op::kListAt && op != Op::kListFlags && op != Op::kListHas) return false;
  const int32_t operand = Pop();
  const size_t list = PopAddress();
  if (op == Op::kListHas) {
    bool has = false;
    for (size_t i = 0; i < state_[list]; ++i) has = has || (state_[list + 1 + i] & kEntryValueMask) == operand;
    Push(has);
    return true;
  }
  if (operand < 0 || operand >= state_[list]) {
    wrong_ = true;
    return true;
  }
  const uint8_t entry = state_[list + 1 + static_cast<size_t>(operand)];
  Push(entry & (op == Op::kListAt ? kEntryValueMask : kEntryFlagsMask));
  return true;
}

// Longer than 70 lines: one case an operation, so that it can be read beside program.h.
std::optional<End> Machine::Do(const Instruction& instruction) {
  const int32_t a = instruction.a;
  if (Arithmetic(instruction.op) || List(instruction.op)) return wrong_ ? std::optional(End::kError) : std::nullopt;
  switch (instruction.op) {
    case Op::kConst: Push(a); break;
    case Op::kLoad: Push(Load(static_cast<size_t>(a))); break;
    case Op::kLoadAt: Push(Load(PopAddress())); break;
    case Op::kStore:
    case Op::kRelease: return Store(static_cast<size_t>(a), Pop(), instruction.op == Op::kRelease);
    case Op::kStoreAt:
    case Op::kReleaseAt: {
      const size_t address = PopAddress();
      return Store(address, Pop(), instruction.op == Op::kReleaseAt);
    }
    case Op::kLoadLocal: Push(state_[Region() + static_cast<size_t>(a)]); break;
    case Op::kStoreLocal: return Write(Region() + static_cast<size_t>(a), Pop());
    case Op::kFieldOf: {
      const int32_t task = Pop();
      if (task < 0 || static_cast<size_t>(task) >= program_.tasks.size()) return End::kError;
      Push(program_.tasks[static_cast<size_t>(task)].region + static_cast<size_t>(a));
      break;
    }
    case Op::kSelf: Push(static_cast<int64_t>(task_)); break;
    case Op::kJump: at_ = static_cast<size_t>(a); break;
    case Op::kJumpIfZero:
      if (Pop() == 0) at_ = static_cast<size_t>(a);
      break;
    case Op::kPoint: {
      const size_t point = Region() + program_.point_offset;
      state_[point] = static_cast<uint8_t>(a & 255);
      state_[point + 1] = static_cast<uint8_t>(a >> 8);
      return End::kMoved;
    }
    case Op::kAwait:
      if (Pop() == 0) return End::kBlocked;
      break;
    case Op::kFence:
      if (Buffered() != 0) return End::kBlocked;
      break;
    case Op::kAtomicBegin:
      if (Buffered() != 0) return End::kBlocked;
      atomic_ = true;
      break;
    case Op::kAtomicEnd: atomic_ = false; break;
    case Op::kChoose:
      alternatives_ = static_cast<unsigned>(a);
      Push(alternative_);
      break;
    case Op::kAssert:
      if (Pop() == 0) return End::kAssertion;
      break;
    case Op::kEvent:
      for (size_t i = 0; i < program_.events[static_cast<size_t>(a)].args.size(); ++i) Pop();
      break;
    case Op::kNote: break;
    case Op::kListAddHead:
    case Op::kListAddTail: {
      const int32_t flags = Pop(), value = Pop();
      const size_t list = PopAddress();
      return Insert(list, instruction.op == Op::kListAddHead ? 0 : state_[list], value, flags);
    }
    case Op::kListDel: {
      const int32_t value = Pop();
      Delete(PopAddress(), value);
      break;
    }
    case Op::kEnd: return End::kEnded;
    default: Broken("an operation that does not belong here", at_);
  }
  return std::nullopt;
}

End Machine::Run(size_t instruction) {
  constexpr size_t kInstructionsMax = 20'000;
  at_ = instruction;
  for (size_t done = 0; done < kInstructionsMax; ++done) {
    const Instruction& next = program_.code[at_++];
    if (const std::optional<End> end = Do(next)) return *end;
  }
  return End::kError;
}

bool Machine::Condition(size_t instruction) {
  for (at_ = instruction; program_.code[at_].op != Op::kResult;) {
    if (Do(program_.code[at_++])) Broken("a condition that is no expression", at_);
  }
  return Pop() != 0;
}

class Checker {
 public:
  Checker(const Program& program, size_t states_max) : program_(program), states_max_(states_max) {}
  SlowResult Run();
  bool Loses(const std::vector<StepRecord>& steps, Property property);

 private:
  Bytes Initial() const;
  const Point& PointOf(const Bytes& state, size_t task) const;
  void Expand(const Bytes& state);
  bool Steps(const Bytes& state, size_t task);  // false: it has none
  bool Flush(const Bytes& state, size_t task);
  void AtEnd(const Bytes& state);
  void Add(Bytes state);
  void Loss(Property property, size_t steps) { result_.losses.emplace(property, steps); }  // the first is the shortest

  const Program& program_;
  const size_t states_max_;
  // All states are equally long. std::less would do; some compilers warn about it for no reason.
  struct Less {
    bool operator()(const Bytes& a, const Bytes& b) const { return std::memcmp(a.data(), b.data(), a.size()) < 0; }
  };
  std::map<Bytes, size_t, Less> steps_;  // to each state
  std::vector<Bytes> next_;
  size_t depth_ = 0;
  SlowResult result_;
};

const Point& Checker::PointOf(const Bytes& state, size_t task) const {
  const size_t at = program_.tasks[task].region + program_.point_offset;
  return program_.points[state[at] + 256u * state[at + 1]];
}

void Checker::Add(Bytes state) {
  if (steps_.emplace(state, depth_ + 1).second) next_.push_back(std::move(state));
}

bool Checker::Steps(const Bytes& state, size_t task) {
  const Point& point = PointOf(state, task);
  if (point.kind == PointKind::kEnd) return false;
  bool moves = false;
  unsigned alternatives = 1;
  for (unsigned alternative = 0; alternative < alternatives; ++alternative) {
    Machine machine(program_, task, alternative, state);
    const End end = machine.Run(point.entry);
    alternatives = std::max(alternatives, machine.alternatives());
    result_.store_buffer_full = result_.store_buffer_full || machine.buffer_full();
    if (end == End::kBlocked || end == End::kEnded) continue;
    moves = true;
    if (end == End::kMoved) Add(std::move(machine.state()));
    if (end == End::kAssertion) Loss(Property::kAssertion, depth_ + 1);
    if (end == End::kError && result_.error_steps == 0) result_.error_steps = depth_ + 1;
  }
  return moves;
}

bool Checker::Flush(const Bytes& state, size_t task) {
  if (task >= program_.buffer_offsets.size() || program_.buffer_offsets[task] == 0) return false;
  const size_t buffer = program_.tasks[task].region + program_.buffer_offsets[task];
  const size_t length = state[buffer];
  if (length == 0) return false;
  Bytes after = state;
  after[state[buffer + 1] + 256u * state[buffer + 2]] = state[buffer + 3];
  for (size_t i = 0; i < 3 * length; ++i) after[buffer + 1 + i] = i + 3 < 3 * length ? state[buffer + 4 + i] : 0;
  --after[buffer];
  Add(std::move(after));
  return true;
}

void Checker::AtEnd(const Bytes& state) {
  ++result_.ends;
  bool lost = false, deadlock = false;
  for (size_t task = 0; task < program_.tasks.size(); ++task) {
    const Point& point = PointOf(state, task);
    const size_t number = static_cast<size_t>(&point - program_.points.data());
    if (point.rest || (program_.tasks[task].dormant && number == program_.tasks[task].start)) continue;
    if (point.kind == PointKind::kSpin) deadlock = true;
    if (point.kind != PointKind::kSleep) continue;
    lost = lost || point.condition < 0 ||
           Machine(program_, task, 0, state).Condition(static_cast<size_t>(point.condition));
  }
  if (lost) {
    Loss(Property::kLostWakeup, depth_);
  } else if (deadlock) {
    Loss(Property::kDeadlock, depth_);
  }
}

void Checker::Expand(const Bytes& state) {
  bool moves = false;
  for (size_t task = 0; task < program_.tasks.size(); ++task) {
    moves = Steps(state, task) || moves;
    moves = Flush(state, task) || moves;
  }
  if (!moves) AtEnd(state);
}

Bytes Checker::Initial() const {
  Bytes initial(program_.state_bytes);
  for (size_t i = 0; i < initial.size(); ++i) initial[i] = program_.words[i].initial;
  for (const Task& task : program_.tasks) {
    initial[task.region + program_.point_offset] = static_cast<uint8_t>(task.start & 255);
    initial[task.region + program_.point_offset + 1] = static_cast<uint8_t>(task.start >> 8);
  }
  return initial;
}

SlowResult Checker::Run() {
  std::vector<Bytes> level = {Initial()};
  steps_.emplace(level.front(), 0);
  for (; !level.empty() && steps_.size() <= states_max_; ++depth_) {
    for (const Bytes& state : level) Expand(state);
    level = std::exchange(next_, {});
  }
  result_.finished = level.empty();
  result_.states = steps_.size();
  return result_;
}

// All states in which the steps may end: a step that chooses has several outcomes.
bool Checker::Loses(const std::vector<StepRecord>& steps, Property property) {
  std::vector<Bytes> states = {Initial()};
  for (const StepRecord& step : steps) {
    result_.losses.clear();  // those on the way do not count
    steps_.clear();
    for (const Bytes& state : states) {
      if (static_cast<size_t>(&PointOf(state, step.task) - program_.points.data()) != step.point) continue;
      step.flush ? Flush(state, step.task) : Steps(state, step.task);
    }
    states = std::exchange(next_, {});
  }
  for (const Bytes& state : states) Expand(state);
  return result_.losses.contains(property);
}

}  // namespace

bool IsLosingRun(const Program& program, const std::vector<StepRecord>& steps, Property property) {
  return Checker(program, 0).Loses(steps, property);
}

std::string SlowResult::Text() const {
  std::string text = std::to_string(states) + " states, " + std::to_string(ends) + " ends";
  if (!finished) text += ", unfinished";
  if (error_steps != 0) text += ", an error after " + std::to_string(error_steps) + " steps";
  for (const auto& [property, steps] : losses) {
    text += ", property " + std::to_string(static_cast<int>(property)) + " after " + std::to_string(steps) + " steps";
  }
  return text;
}

SlowResult SlowCheck(const Program& program, size_t states_max) { return Checker(program, states_max).Run(); }

}  // namespace wakewatch::protocol
