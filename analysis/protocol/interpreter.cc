#include "analysis/protocol/interpreter.h"

#include <algorithm>

#include "analysis/protocol/step_text.h"

namespace wakewatch::protocol {
namespace {

constexpr size_t kStackMax = 256;

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

// False where `op` is no operation on two numbers, or divides by 0.
inline bool Binary(Op op, int32_t left, int32_t right, int32_t* result) {
  const uint32_t l = static_cast<uint32_t>(left), r = static_cast<uint32_t>(right);
  switch (op) {
    case Op::kOr: *result = left | right; return true;
    case Op::kXor: *result = left ^ right; return true;
    case Op::kAnd: *result = left & right; return true;
    case Op::kEq: *result = left == right; return true;
    case Op::kNe: *result = left != right; return true;
    case Op::kLt: *result = left < right; return true;
    case Op::kLe: *result = left <= right; return true;
    case Op::kGt: *result = left > right; return true;
    case Op::kGe: *result = left >= right; return true;
    case Op::kShl: *result = r > 31 ? 0 : static_cast<int32_t>(l << r); return true;
    case Op::kShr: *result = r > 31 ? 0 : left >> right; return true;
    case Op::kAdd: *result = static_cast<int32_t>(l + r); return true;
    case Op::kSub: *result = static_cast<int32_t>(l - r); return true;
    case Op::kMul: *result = static_cast<int32_t>(l * r); return true;
    case Op::kDiv:
      if (right == 0) return false;
      *result = static_cast<int32_t>(int64_t{left} / right);
      return true;
    case Op::kMod:
      if (right == 0) return false;
      *result = static_cast<int32_t>(int64_t{left} % right);
      return true;
    default: return false;
  }
}

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
    return value <= program_.words[address].max || Fail(Fault::Kind::kAbove, address, value);
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

template <bool kTold>
uint8_t StepRun<kTold>::Load(uint32_t address) {
  uint8_t value = state_[address];
  if (!direct_) {
    for (uint32_t n = state_[view_.buffer], entry = view_.buffer + 1 + 3 * n; n > 0; --n) {
      entry -= 3;
      if (state_[entry] != (address & 0xff) || state_[entry + 1] != address >> 8) continue;
      value = state_[entry + 2];
      break;
    }
  }
  if constexpr (kTold) {
    Tell("reads " + program_.words[address].name + ": " + ValueText(program_, address, value));
  }
  return value;
}

template <bool kTold>
Outcome StepRun<kTold>::Store(uint32_t address, int32_t value, bool release) {
  if (!InRange(address) || !Fits(address, value)) return Outcome::kOutOfBounds;
  const uint32_t len = BufferLen();
  const bool buffered = !direct_ && !(release && len == 0);
  if (!buffered) {
    Write(address, static_cast<uint8_t>(value));
  } else if (len == view_.buffer_depth) {
    buffer_full = true;
    return Outcome::kBlocked;
  } else {
    const uint32_t entry = view_.buffer + 1 + 3 * len;
    Write(entry, static_cast<uint8_t>(address));
    Write(entry + 1, static_cast<uint8_t>(address >> 8));
    Write(entry + 2, static_cast<uint8_t>(value));
    Write(view_.buffer, static_cast<uint8_t>(len + 1));
  }
  if constexpr (kTold) {
    Tell(program_.words[address].name + " = " + ValueText(program_, address, static_cast<uint8_t>(value)) +
         (buffered ? " (in its store buffer)" : ""));
  }
  return Outcome::kMoved;
}

template <bool kTold>
uint32_t StepRun<kTold>::ListFind(uint32_t list, int32_t value) const {
  uint32_t n = 0;
  while (n < state_[list] && (state_[list + 1 + n] & kEntryValueMask) != value) ++n;
  return n;
}

template <bool kTold>
bool StepRun<kTold>::ListAdd(uint32_t list, int32_t value, int32_t flags, bool head) {
  const uint32_t len = state_[list];
  if (value < 0 || value > kEntryValueMask || (flags & ~int32_t{kEntryFlagsMask}) != 0) {
    return Fail(Fault::Kind::kNotAnEntry, list, value);
  }
  if (len >= program_.words[list].max) return Fail(Fault::Kind::kListFull, list, value);
  const uint8_t entry = static_cast<uint8_t>(value | flags);
  if (head) {
    for (uint32_t n = len; n > 0; --n) Write(list + 1 + n, state_[list + n]);
  }
  Write(list + 1 + (head ? 0 : len), entry);
  Write(list, static_cast<uint8_t>(len + 1));
  if constexpr (kTold) {
    Tell("puts " + EntryText(list, value) + " on " + ListName(program_, list) + (head ? ", in front" : ", at the end"));
  }
  return true;
}

template <bool kTold>
void StepRun<kTold>::ListDel(uint32_t list, int32_t value) {
  const uint32_t len = state_[list], at = ListFind(list, value);
  if constexpr (kTold) {
    Tell(at == len ? EntryText(list, value) + " is not on " + ListName(program_, list)
                   : "takes " + EntryText(list, value) + " off " + ListName(program_, list));
  }
  if (at == len) return;
  for (uint32_t n = at; n + 1 < len; ++n) Write(list + 1 + n, state_[list + 2 + n]);
  Write(list + len, 0);
  Write(list, static_cast<uint8_t>(len - 1));
}

// `top` is behind the last value on the stack.
template <bool kTold>
bool StepRun<kTold>::ListOp(Op op, int32_t** top) {
  const int others = op == Op::kListLen ? 0 : op == Op::kListAddHead || op == Op::kListAddTail ? 2 : 1;
  int32_t* const base = *top - others - 1;
  if (!InRange(base[0])) return false;
  const uint32_t list = static_cast<uint32_t>(base[0]);
  const uint32_t len = state_[list];
  const int32_t argument = base[1];
  *top = base;
  if (op == Op::kListAddHead || op == Op::kListAddTail) return ListAdd(list, argument, base[2], op == Op::kListAddHead);
  if (op == Op::kListDel) {
    ListDel(list, argument);
    return true;
  }
  *top = base + 1;
  if (op == Op::kListLen) {
    base[0] = static_cast<int32_t>(len);
    if constexpr (kTold)
      Tell("reads " + ListName(program_, list) + ": " + std::to_string(len) + (len == 1 ? " entry" : " entries"));
    return true;
  }
  if (op == Op::kListHas) {
    base[0] = ListFind(list, argument) < len;
    if constexpr (kTold) {
      Tell(EntryText(list, argument) + (base[0] != 0 ? " is on " : " is not on ") + ListName(program_, list));
    }
    return true;
  }
  if (argument < 0 || static_cast<uint32_t>(argument) >= len) return Fail(Fault::Kind::kNoEntry, list, argument);
  const uint8_t entry = state_[list + 1 + argument];
  base[0] = entry & (op == Op::kListAt ? kEntryValueMask : kEntryFlagsMask);
  if constexpr (kTold) {
    if (op == Op::kListAt) {
      Tell("reads " + ListName(program_, list) + "[" + std::to_string(argument) + "]: " + EntryText(list, base[0]));
    }
  }
  return true;
}

template <bool kTold>
int32_t* StepRun<kTold>::Emit(uint32_t kind, int32_t* top) {
  const size_t count = program_.events[kind].args.size();
  if constexpr (kTold) {
    EmittedEvent event{kind, std::vector<int32_t>(top - count, top)};
    if (sinks_.record != nullptr) sinks_.record->events.push_back(EventText(program_, kind, event.args));
    if (sinks_.events != nullptr) sinks_.events->push_back(std::move(event));
  }
  return top - count;
}

template <bool kTold>
void StepRun<kTold>::Tell(std::string access) {
  if (sinks_.record == nullptr) return;
  auto& accesses = sinks_.record->accesses;
  // A loop over a list looks at the same thing time and again.
  if (std::find(accesses.begin(), accesses.end(), access) == accesses.end()) accesses.push_back(std::move(access));
}

template <bool kTold>
void StepRun<kTold>::Note(uint32_t text) {
  if (sinks_.record == nullptr) return;
  std::string& note = sinks_.record->note;
  note += (note.empty() ? "" : "; ") + program_.strings[text];
}

// Longer than 70 lines: one case an instruction, and the loop over them is where a search spends its time.
template <bool kTold>
Outcome StepRun<kTold>::Go(uint32_t at, unsigned alternative) {
  int32_t stack[kStackMax + 1];
  int32_t* top = stack;  // behind the last value
  const Instruction* const code = program_.code.data();
  for (uint32_t count = 0; count < kStepInstructionsMax; ++count) {
    const Instruction instruction = code[at++];
    const int32_t a = instruction.a;
    if (top == stack + kStackMax) return Fail(Fault::Kind::kNesting), Outcome::kOutOfBounds;
    switch (instruction.op) {
      case Op::kConst: *top++ = a; break;
      case Op::kLoad: *top++ = Load(static_cast<uint32_t>(a)); break;
      case Op::kLoadAt:
        if (!InRange(top[-1])) return Outcome::kOutOfBounds;
        top[-1] = Load(static_cast<uint32_t>(top[-1]));
        break;
      case Op::kStore:
      case Op::kRelease: {
        const Outcome outcome = Store(static_cast<uint32_t>(a), *--top, instruction.op == Op::kRelease);
        if (outcome != Outcome::kMoved) return outcome;
        break;
      }
      case Op::kStoreAt:
      case Op::kReleaseAt: {
        top -= 2;
        const Outcome outcome = Store(static_cast<uint32_t>(top[1]), top[0], instruction.op == Op::kReleaseAt);
        if (outcome != Outcome::kMoved) return outcome;
        break;
      }
      case Op::kLoadLocal: *top++ = state_[view_.region + a]; break;
      case Op::kStoreLocal:
        if (!StoreLocal(view_.region + a, *--top)) return Outcome::kOutOfBounds;
        break;
      case Op::kFieldOf:
        if (top[-1] < 0 || static_cast<size_t>(top[-1]) >= program_.tasks.size()) {
          return Fail(Fault::Kind::kNoTask), Outcome::kOutOfBounds;
        }
        top[-1] = static_cast<int32_t>(interpreter_.ViewOf(top[-1]).region) + a;
        break;
      case Op::kSelf: *top++ = static_cast<int32_t>(task_); break;
      case Op::kNot: top[-1] = top[-1] == 0; break;
      case Op::kNegate: top[-1] = static_cast<int32_t>(0u - static_cast<uint32_t>(top[-1])); break;
      case Op::kInvert: top[-1] = ~top[-1]; break;
      case Op::kOr:
      case Op::kXor:
      case Op::kAnd:
      case Op::kEq:
      case Op::kNe:
      case Op::kLt:
      case Op::kLe:
      case Op::kGt:
      case Op::kGe:
      case Op::kShl:
      case Op::kShr:
      case Op::kAdd:
      case Op::kSub:
      case Op::kMul:
      case Op::kDiv:
      case Op::kMod:
        --top;
        if (!Binary(instruction.op, top[-1], top[0], &top[-1]))
          return Fail(Fault::Kind::kDivision), Outcome::kOutOfBounds;
        break;
      case Op::kJump: at = static_cast<uint32_t>(a); break;
      case Op::kJumpIfZero:
        if (*--top == 0) at = static_cast<uint32_t>(a);
        break;
      case Op::kPoint: StandAt(static_cast<uint32_t>(a)); return Outcome::kMoved;
      case Op::kAwait:
        if (*--top == 0) return Outcome::kBlocked;
        break;
      case Op::kFence:
        if (BufferLen() != 0) return Outcome::kBlocked;
        break;
      case Op::kAtomicBegin:
        if (BufferLen() != 0) return Outcome::kBlocked;
        direct_ = true;
        break;
      case Op::kAtomicEnd: direct_ = view_.buffer_depth == 0; break;
      case Op::kChoose:
        alternatives = static_cast<unsigned>(a);
        *top++ = static_cast<int32_t>(alternative);
        break;
      case Op::kAssert:
        if (*--top == 0) return Outcome::kAssertionFailed;
        break;
      case Op::kEvent: top = Emit(static_cast<uint32_t>(a), top); break;
      case Op::kNote:
        if constexpr (kTold) Note(static_cast<uint32_t>(a));
        break;
      case Op::kListLen:
      case Op::kListAt:
      case Op::kListFlags:
      case Op::kListHas:
      case Op::kListAddHead:
      case Op::kListAddTail:
      case Op::kListDel:
        if (!ListOp(instruction.op, &top)) return Outcome::kOutOfBounds;
        break;
      case Op::kResult: result = *--top; return Outcome::kMoved;
      case Op::kEnd: return Outcome::kEnded;
    }
  }
  return Outcome::kEndless;
}

uint32_t PointAt(const Interpreter::TaskView& view, const uint8_t* state) {
  return uint32_t{state[view.point]} | uint32_t{state[view.point + 1]} << 8;
}

// A failing step stays in the state for who looks at it; all others that do not move leave no trace.
bool Undone(Outcome outcome) {
  return outcome == Outcome::kBlocked || outcome == Outcome::kEnded || outcome == Outcome::kEndless;
}

std::string FaultText(const Program& program, const Fault& fault) {
  const std::string value = std::to_string(fault.value);
  switch (fault.kind) {
    case Fault::Kind::kAbove: {
      const Word& word = program.words[fault.address];
      return word.name + " goes beyond " + std::to_string(word.max) + " (to " + value + ")";
    }
    case Fault::Kind::kBelow: return program.words[fault.address].name + " goes below 0 (to " + value + ")";
    case Fault::Kind::kListFull:
      return ListName(program, fault.address) + " has room for " + std::to_string(program.words[fault.address].max) +
             ", and one more is put on it";
    case Fault::Kind::kNoEntry: return ListName(program, fault.address) + " has no entry " + value;
    case Fault::Kind::kNotAnEntry: return ListName(program, fault.address) + " cannot hold " + value;
    case Fault::Kind::kNoTask: return "a field of no task is used";
    case Fault::Kind::kNoAddress: return "a field of nothing is used";
    case Fault::Kind::kDivision: return "a division by 0";
    case Fault::Kind::kNesting: return "an expression is nested too deeply";
    case Fault::Kind::kNone: break;
  }
  return {};
}

}  // namespace

Interpreter::Interpreter(const Program& program) : program_(program) {
  for (size_t task = 0; task < program.tasks.size(); ++task) {
    const uint32_t region = program.tasks[task].region;
    TaskView view{.region = region, .point = region + program.point_offset};
    if (program.memory == Memory::kTso && task < program.buffer_offsets.size() && program.buffer_offsets[task] != 0) {
      view.buffer = region + program.buffer_offsets[task];
      view.buffer_depth = program.buffer_depths[task];
    }
    views_.push_back(view);
  }
}

State Interpreter::Initial() const {
  State state(program_.state_bytes);
  for (size_t n = 0; n < state.size(); ++n) state[n] = program_.words[n].initial;
  for (size_t task = 0; task < views_.size(); ++task) {
    state[views_[task].point] = static_cast<uint8_t>(program_.tasks[task].start);
    state[views_[task].point + 1] = static_cast<uint8_t>(program_.tasks[task].start >> 8);
  }
  return state;
}

uint32_t Interpreter::PointOf(const State& state, size_t task) const { return PointAt(views_[task], state.data()); }

Outcome Interpreter::Step(size_t task, unsigned alternative, uint8_t* state, Changes* changes, unsigned* alternatives,
                          bool* buffer_full) const {
  changes->Clear();
  *alternatives = 1;
  const Point& point = program_.points[PointAt(views_[task], state)];
  if (point.kind == PointKind::kEnd) return Outcome::kEnded;
  StepRun<false> run(program_, *this, task, state, changes, {});
  const Outcome outcome = run.Go(point.entry, alternative);
  *alternatives = run.alternatives;
  if (run.buffer_full && buffer_full != nullptr) *buffer_full = true;
  if (Undone(outcome)) changes->Undo(state);
  return outcome;
}

Outcome Interpreter::Step(size_t task, unsigned alternative, State* state, std::vector<EmittedEvent>* events,
                          StepRecord* record, bool* buffer_full) const {
  Changes changes;
  unsigned alternatives = 1;
  if (events == nullptr && record == nullptr) {
    return Step(task, alternative, state->data(), &changes, &alternatives, buffer_full);
  }
  const uint32_t number = PointAt(views_[task], state->data());
  const Point& point = program_.points[number];
  if (record != nullptr) {
    *record = StepRecord{.task = task, .point = number, .place = point.place};
    record->kernel_function = program_.strings[point.function];
    record->statement = program_.strings[point.statement];
  }
  if (point.kind == PointKind::kEnd) return Outcome::kEnded;
  StepRun<true> run(program_, *this, task, state->data(), &changes, {events, record});
  const Outcome outcome = run.Go(point.entry, alternative);
  if (run.buffer_full && buffer_full != nullptr) *buffer_full = true;
  if (Undone(outcome)) changes.Undo(state->data());
  return outcome;
}

unsigned Interpreter::Alternatives(size_t task, const State& state) const {
  State copy = state;
  Changes changes;
  unsigned alternatives = 1;
  Step(task, 0, copy.data(), &changes, &alternatives, nullptr);
  return alternatives;
}

bool Interpreter::Flush(size_t task, uint8_t* state, Changes* changes) const {
  changes->Clear();
  const TaskView& view = views_[task];
  if (view.buffer_depth == 0 || state[view.buffer] == 0) return false;
  const auto write = [&](uint32_t address, uint8_t value) {
    if (state[address] == value) return;
    changes->Add(address, state[address]);
    state[address] = value;
  };
  const uint32_t bytes = 3u * state[view.buffer], first = view.buffer + 1;
  write(state[first] | uint32_t{state[first + 1]} << 8, state[first + 2]);
  for (uint32_t n = 0; n < bytes; ++n) write(first + n, n + 3 < bytes ? state[first + n + 3] : 0);
  write(view.buffer, static_cast<uint8_t>(state[view.buffer] - 1));
  return true;
}

bool Interpreter::Flush(size_t task, State* state, StepRecord* record) const {
  const TaskView& view = views_[task];
  if (record != nullptr && view.buffer_depth != 0 && (*state)[view.buffer] != 0) {
    const uint32_t address = (*state)[view.buffer + 1] | uint32_t{(*state)[view.buffer + 2]} << 8;
    *record = StepRecord{.task = task, .flush = true, .point = PointOf(*state, task)};
    record->kernel_function = "store buffer";
    record->accesses.push_back(program_.words[address].name + " = " +
                               ValueText(program_, address, (*state)[view.buffer + 3]) + " reaches memory");
  }
  Changes changes;
  return Flush(task, state->data(), &changes);
}

bool Interpreter::MayStayForEver(const State& state, size_t task) const {
  const uint32_t number = PointOf(state, task);
  const Point& point = program_.points[number];
  const Task& who = program_.tasks[task];
  return point.kind == PointKind::kEnd || point.rest || (who.dormant && number == who.start);
}

bool Interpreter::ConditionHolds(const State& state, size_t task) const {
  const int32_t condition = program_.points[PointOf(state, task)].condition;
  if (condition < 0) return true;
  State copy = state;
  Changes changes;
  StepRun<false> run(program_, *this, task, copy.data(), &changes, {});
  return run.Go(static_cast<uint32_t>(condition), 0) == Outcome::kMoved && run.result != 0;
}

bool Interpreter::SleepsInVain(const State& state, size_t task) const {
  if (MayStayForEver(state, task) || program_.points[PointOf(state, task)].kind != PointKind::kSleep) return false;
  State copy = state;
  if (Step(task, 0, &copy, nullptr, nullptr, nullptr) != Outcome::kBlocked) return false;  // it has been woken
  return ConditionHolds(state, task);
}

std::optional<Interpreter::Loss> Interpreter::LossAt(const State& state) const {
  std::optional<Loss> loss;
  for (size_t task = 0; task < program_.tasks.size(); ++task) {
    if (MayStayForEver(state, task)) continue;
    const Point& point = program_.points[PointOf(state, task)];
    const std::string where = StepName(program_, point) + LineText(point.place) + " for ever";
    if (point.kind != PointKind::kSleep) {
      if (loss) continue;
      loss = Loss{Property::kDeadlock, task,
                  program_.tasks[task].name + " waits in " + where + ": nothing is left that could let it go on"};
    } else if (ConditionHolds(state, task)) {
      const std::string& condition = program_.strings[point.condition_text];
      const bool named = point.condition >= 0 && !condition.empty();
      return Loss{Property::kLostWakeup, task,
                  program_.tasks[task].name + " sleeps in " + where +
                      (named ? ", although " + condition + " holds and nothing is left to wake it"
                             : ", and nothing is left to wake it")};
    }
  }
  return loss;
}

std::string Interpreter::ErrorText(size_t task, unsigned alternative, const State& state) const {
  State copy = state;
  Changes changes;
  const Point& point = program_.points[PointOf(state, task)];
  StepRun<false> run(program_, *this, task, copy.data(), &changes, {});
  const Outcome outcome = run.Go(point.entry, alternative);
  if (outcome == Outcome::kEndless) {
    return "the loop at line " + std::to_string(point.place.line) + " never looks at anything that others change";
  }
  return outcome == Outcome::kOutOfBounds ? FaultText(program_, run.fault) : std::string();
}

}  // namespace wakewatch::protocol
