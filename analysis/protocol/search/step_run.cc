#include "analysis/protocol/search/step_run.h"

#include <algorithm>

namespace wakewatch::protocol {
namespace {

constexpr size_t kStackMax = 256;

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

}  // namespace

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

template class StepRun<false>;
template class StepRun<true>;

}  // namespace wakewatch::protocol
