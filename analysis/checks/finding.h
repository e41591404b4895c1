// Why: what an analyser says. One finding stands for one occurrence; its id follows from what happened alone, so the
// same events give the same id live, offline and after a restart. What goes on for long is told while it does: a
// finding that is `open` is followed by another of its id, which takes its place.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace wakewatch {

enum class Confidence : uint8_t { kSuspicious, kStrong, kProven };
constexpr Confidence LastOf(Confidence) { return Confidence::kProven; }
std::string_view Name(Confidence confidence);

// One event that a reader can look up to follow the verdict.
struct Evidence {
  uint32_t cpu = 0;
  uint64_t ts_ns = 0;
  std::string event;  // "sched_waking comm=rx_drain pid=210 target_cpu=1"
  static void Fields(auto& self, auto& archive) { archive(self.cpu, self.ts_ns, self.event); }
};

// What /proc told of a task when a finding was made, asked for because the finding is a suspicion. Taken by the host's
// collector, after the events that the finding is made of: it supports a verdict, and is no part of it.
struct ProcSnapshot {
  int32_t pid = 0;
  std::string role;    // "suspect", "waker"
  uint64_t ts_ns = 0;  // trace clock
  std::string stack, wchan, status;
  std::string error;  // why there is none of them
};

struct Finding {
  std::string id;        // 16 hex digits over check, task, start and object
  std::string group_id;  // 16 hex digits over check, class, task and waker: occurrences that belong together
  std::string check;     // "wakeup-latency", "work-delay" …
  std::string cls;       // the cause or class, "real-time"; JSON key "class"
  Confidence confidence = Confidence::kProven;
  int32_t pid = 0;  // the thread that suffered
  std::string comm;
  int32_t cpu = -1;                   // where it ended; -1 unknown
  uint64_t start_ns = 0, end_ns = 0;  // trace clock
  uint64_t waited_ns = 0;
  int32_t waker_pid = -1;  // -1: unknown, or the wake came from an interrupt
  std::string waker_comm;
  std::vector<Evidence> evidence;
  std::string explanation;  // one or two sentences
  std::string rule;         // the rule that was applied, in one sentence; empty for a measured delay
  std::string assumption;   // what the events leave open; empty: nothing
  std::string would_raise;  // what would raise the confidence; empty: nothing can
  bool open = false;        // it had not ended by end_ns: a later finding of this id says more
  std::string kind;         // of the thread that suffered, "kworker", "user"; empty: not known. Set by the sink
  std::vector<ProcSnapshot> snapshots;  // added by the server

  // Fills id and group_id from the fields above; `object` as in FindingSink::Add.
  void Seal(uint64_t object);
  static void Fields(auto& self, auto& archive) {
    archive(self.id, self.group_id, self.check, self.cls, self.confidence, self.pid, self.comm, self.cpu, self.start_ns,
            self.end_ns, self.waited_ns, self.waker_pid, self.waker_comm, self.evidence, self.explanation, self.rule,
            self.assumption, self.would_raise, self.open, self.kind);
  }
};

}  // namespace wakewatch
