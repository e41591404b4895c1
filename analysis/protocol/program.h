// Why: what the checker runs: tasks as code over a state of bytes. A *step* is what happens at once: it begins at a
// *point* and holds at most one access to what other tasks see (or one atomic block), and then whatever is local up to
// the next point. Programs are made by the compiler; the interpreter trusts them.
//
// A state is `Program::state_bytes` bytes: the globals first, then one region a task. A region holds the fields of
// `struct task` (at the same offsets in every region), the number of the point where the task stands (two bytes, low
// first), its locals, and, with TSO, its store buffer: one byte of length, then `buffer_depth` entries of three bytes
// (address low, address high, value), the oldest first, unused entries zero.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "analysis/protocol/language/ast.h"

namespace wakewatch::protocol {

// Sequential consistency; or total store order, as x86 has it: a store waits in its task's buffer until it is written.
enum class Memory : uint8_t { kSc, kTso };

// Operands: a is an address, an offset, a constant or a target. The stack holds int32_t. "Address" below is absolute;
// "current" is the region of the running task, "task" a task number popped from the stack.
// A load of shared memory looks into the own store buffer first (newest entry of that address wins), then at memory.
// Between kAtomicBegin and kAtomicEnd loads and stores go to memory directly.
enum class Op : uint8_t {
  kConst,    // push a
  kLoad,     // push shared [a]
  kLoadAt,   // pop address; push shared [address]: of a field of a task that is only known when it runs
  kStore,    // pop value; store it to [a]: into the buffer with TSO, to memory with SC or in an atomic block
  kStoreAt,  // pop address, then value; likewise
  kRelease,  // as kStore, but to memory directly where the own buffer is empty (a delay is a delay of the others)
  kReleaseAt,
  kLoadLocal,   // push current [a]; never buffered
  kStoreLocal,  // pop value; current [a] = value
  kFieldOf,     // pop task number; push the address of its field at offset a: tasks[number].region + a
  kSelf,        // push the number of the current task
  kNot,
  kNegate,
  kInvert,  // unary: !, -, ~
  kOr,
  kXor,
  kAnd,
  kEq,
  kNe,
  kLt,
  kLe,
  kGt,
  kGe,
  kShl,
  kShr,
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMod,          // pop right, left; push
  kJump,         // to instruction a
  kJumpIfZero,   // pop; to instruction a if it is 0
  kPoint,        // the step ends here; the task stands at point a
  kAwait,        // pop; 0: the step cannot be taken (only in front of any store of the step)
  kFence,        // the step cannot be taken while the own store buffer holds anything
  kAtomicBegin,  // as kFence, then direct access
  kAtomicEnd,
  kChoose,  // the step has a alternatives: push 0 ... a - 1, one each (at most one kChoose a step)
  kAssert,  // pop; 0: the assertion at point a fails
  kEvent,   // emit event a of `events`; pops as many arguments as it has, the last on top
  kNote,    // remark a of `strings`
  // Lists. The list's address is popped last. A list is one byte of length and its entries; an entry is a task number
  // plus flags (kEntry...), or a plain value. Pops and pushes in this order:
  kListLen,      // address -> length
  kListAt,       // address, index -> entry without flags
  kListFlags,    // address, index -> flags of the entry
  kListHas,      // address, value -> 1 where an entry without flags equals it
  kListAddHead,  // address, value, flags ->
  kListAddTail,  // address, value, flags ->
  kListDel,      // address, value -> ; nothing where it is not there
  kResult,       // pop; the value of a condition (see Point::condition); ends it
  kEnd,          // the task has ended: it stands at its last point for ever
};
inline constexpr uint8_t kEntryValueMask = 0x1f;  // task numbers are below 32
inline constexpr uint8_t kEntryFlagsMask = 0xe0;  // flags are stored as they are given, a multiple of 0x20
inline constexpr size_t kTasksMax = 32;

struct Instruction {
  Op op;
  int32_t a = 0;
};

enum class WordKind : uint8_t {
  kValue,
  kTask,       // a task number + 1; 0: none
  kTaskEntry,  // an entry of a task_list: task number and flags; meaningful below the list's length only, else 0
  kPointLow,
  kPointHigh,  // of a region
  kBufferLen,
  kBufferLow,
  kBufferHigh,
  kBufferValue,
};
// One byte of the state. Stored states hold only as many bits of it as `max` takes; `constant` ones none.
struct Word {
  std::string name;  // "cond", "worker.state", "wq.waiters[1]"
  WordKind kind = WordKind::kValue;
  uint8_t initial = 0;
  uint8_t max = 255;
  bool constant = false;    // nothing in the program stores to it
  bool shared = false;      // a global, or a field of a task: other tasks may look at it
  uint8_t value_names = 0;  // 0: numbers; 1: TASK_ states
};

// What a step may touch, over-approximated, for the reduction. Bits are words of the state.
struct Access {
  std::vector<uint64_t> reads, writes;  // bit n: word n
};

enum class PointKind : uint8_t {
  kStep,
  kSleep,  // waits off the run queue until it is woken
  kSpin,   // waits for a lock or a value that others change
  kEnd,
};
// Where a task may stand between two steps. Points are numbered over the whole program; identical tasks share theirs.
struct Point {
  PointKind kind = PointKind::kStep;
  uint32_t entry = 0;      // instruction behind its kPoint
  bool rest = false;       // to stay here for ever is legal
  int32_t condition = -1;  // kSleep: instruction where the code starts that says (kResult) whether what the task sleeps
                           // for holds; -1: to stay asleep here is a loss in any case
  Place place;             // of the statement in the user's text that this step is part of
  uint32_t statement = 0;  // string: that statement, "wake_up_process(worker)"
  uint32_t function = 0;   // string: the kernel function whose step it is, "try_to_wake_up"
  uint32_t condition_text = 0;  // string: "cond || kthread_should_stop()"; 0: none
  bool assertion = false;       // its step may hold an assertion or a bound: the reduction must not put it off for ever
};

struct EventKind {
  std::string name;   // "sched_waking"
  uint8_t level = 0;  // evidence level that shows it: 0 or 1
  // What each argument is.
  enum class Arg : uint8_t { kTask, kObject, kState, kValue };
  std::vector<Arg> args;  // kTask: a task number; kObject: an index into `objects`
};

// Tasks that are alike have the same group, region layout and code.
struct Task {
  std::string name;  // "worker", "waker[2]"
  std::string kind;  // "kthread", "task", "interrupt", "timer", "kworker", "ksoftirqd"
  uint32_t group = 0;
  uint32_t region = 0;   // first byte
  uint32_t start = 0;    // its first point
  bool dormant = false;  // does not exist yet: standing at its first point for ever is legal
};

struct Program {
  Memory memory = Memory::kSc;
  std::string name, title;
  std::vector<Instruction> code;
  std::vector<Point> points;
  std::vector<Word> words;  // state_bytes of them
  std::vector<Task> tasks;
  std::vector<EventKind> events;
  std::vector<std::string> objects;  // names of what events are about: "done", "worker.exited"
  std::vector<std::string> strings;  // [0] is ""
  uint32_t state_bytes = 0;
  uint32_t region_bytes = 0;  // the longest region; regions of one group are equally long
  uint32_t point_offset = 0;  // of the point's two bytes in a region; fields are in front of it, locals behind
  std::vector<uint32_t> buffer_offsets;       // a task: of its store buffer in its region; 0: it has none
  std::vector<uint8_t> buffer_depths;         // a task: entries
  uint32_t on_rq_field = 0, state_field = 0;  // offsets in a region
  // For each task and each point of its code: what the step from there may touch, and what that and any later step may
  // touch. A store that waits in the store buffer touches nothing when it is made: it is part of `future` only. Index:
  // access_of[task][point - first point of its code]. A store buffer's content comes on top.
  struct Accesses {
    uint32_t first_point = 0;
    std::vector<Access> step, future;
  };
  std::vector<Accesses> access_of;
};

}  // namespace wakewatch::protocol
