// Why: what an analyser says. One finding stands for one occurrence; its id follows from what happened alone, so the
// same events give the same id live, offline and after a restart.
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
  std::string kind;         // of the thread that suffered, "kworker", "user"; empty: not known. Set by the sink

  // Fills id and group_id from the fields above; `object` as in FindingSink::Add.
  void Seal(uint64_t object);
  static void Fields(auto& self, auto& archive) {
    archive(self.id, self.group_id, self.check, self.cls, self.confidence, self.pid, self.comm, self.cpu, self.start_ns,
            self.end_ns, self.waited_ns, self.waker_pid, self.waker_comm, self.evidence, self.explanation,
            self.kind);
  }
};

}  // namespace wakewatch
