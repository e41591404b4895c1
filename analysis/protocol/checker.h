// Why: the question people and programs ask: can this protocol lose a wakeup? A text in, a verdict with its shortest
// counterexample out. Pure: threads and the clock are lent by the caller.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/protocol/program.h"

namespace wakewatch::protocol {

// Raised when a verdict or a count of states may change.
inline constexpr int kCheckerVersion = 2;

enum class Verdict : uint8_t { kSafe, kLoses, kUnfinished };
std::string_view Name(Verdict verdict);  // "safe", "loses", "unfinished"
std::string_view Name(Memory memory);    // "sc", "tso"

// What a losing run breaks.
enum class Property : uint8_t {
  kNone,
  kLostWakeup,  // a task sleeps for ever while what it sleeps for holds
  kDeadlock,    // nothing can move, and a task spins for what never comes
  kAssertion,
};
std::string_view Name(Property property);  // "", "lost-wakeup", "deadlock", "assertion"

struct CheckOptions {
  Memory memory = Memory::kSc;
  bool partial_order = true;     // leave out orders of steps that cannot differ
  bool symmetry = true;          // tasks that are alike are interchangeable
  bool hash_compaction = false;  // store 64 bits of hash a state: less memory, and "safe" holds with a probability
  uint64_t states_max = 50'000'000;
  uint64_t memory_bytes_max = uint64_t{2} << 30;
  uint64_t steps_max = 100'000;  // of a run: longer ones are not looked at, so no counterexample is longer
};

// Why a check was ended from outside.
enum class StopReason : uint8_t { kGoOn, kCancelled, kTime };

// What the caller lends.
struct CheckHost {
  // Calls work(0) ... work(n - 1), in any order, on any threads, and returns when all are done. Empty: in turn.
  std::function<void(size_t n, const std::function<void(size_t)>& work)> parallel;
  // Asked every few thousand states, by one thread at a time.
  std::function<StopReason(uint64_t states)> stop;
};

// One step of a run.
struct StepRecord {
  size_t task = 0;              // index into Program::tasks
  bool flush = false;           // its oldest buffered store reaches memory, nothing else
  uint32_t point = 0;           // where the step began; of a flush: where the task stands
  std::string kernel_function;  // "try_to_wake_up"
  std::string statement;        // as the protocol's text has it: "wake_up_process(worker)"
  Place place;
  std::vector<std::string> accesses;  // what it did: "cond = 1", "reads worker.state: TASK_RUNNING"
  std::string note;                   // what that means: "not asleep: nothing to wake, and no event"; may be empty
  // What a recording at that evidence level holds of it. E1 has what E0 has and the probes' events.
  struct Event {
    std::string name;               // "sched_waking"
    std::vector<std::string> args;  // "worker", "TASK_INTERRUPTIBLE"
    uint8_t level = 0;
    std::string Text() const;  // "sched_waking(worker)"
  };
  std::vector<Event> events;
  std::vector<std::string> Texts(uint8_t level) const;  // of the events that `level` shows
};

struct CheckResult {
  std::string protocol, title;
  Memory memory = Memory::kSc;
  Verdict verdict = Verdict::kUnfinished;
  Property property = Property::kNone;
  std::string loss;                // one sentence: who waits for what, for ever; empty where nothing is lost
  std::string unfinished;          // why: "20000000 states are the limit", "cancelled"; empty where it was finished
  std::vector<std::string> tasks;  // names, the index is StepRecord::task
  std::vector<StepRecord> counterexample;
  uint64_t states = 0;        // stored
  uint64_t transitions = 0;   // taken
  uint64_t depth = 0;         // steps of the longest shortest run
  uint64_t memory_bytes = 0;  // peak of what states take
  // Of "safe": what it rests on.
  bool store_buffer_full = false;  // with TSO: a buffer was full, so longer delays of a store were not tried
  uint32_t store_buffer_depth = 0;
  double omission_probability = 0;       // with hash compaction: that a state was taken for another
  std::vector<std::string> assumptions;  // sentences, for the reader
};

// Errors: what Parse and Compile find (kInvalidArgument; the cause names line and column), a value beyond its bound and
// a step that never ends (the cause says how to get there), and no reachable end. `name` stands in errors as the file.
Result<CheckResult> CheckProtocol(std::string_view text, const std::string& name, const CheckOptions& options,
                                  const CheckHost& host);

}  // namespace wakewatch::protocol
