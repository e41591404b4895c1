// Why: "may this thread's sleep be the loss that this protocol has?", asked of a recording. Each sleep of a thread is
// compared with all runs of the protocol: whether a losing one shows what was recorded, or a healthy one, or both, or
// none. A sleep that a gap touches, or that somebody outside of the protocol disturbed, is not judged.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/checks/finding.h"
#include "analysis/protocol/program.h"
#include "analysis/protocol/sight/state_graph.h"
#include "analysis/report/protocol_trace.h"
#include "analysis/trace/reader.h"

namespace wakewatch {

enum class SleepVerdict : uint8_t {
  kLosing,   // only losing runs look so
  kHealthy,  // only healthy ones do
  kBoth,     // the events cannot tell
  kNeither,  // no run of the protocol looks so
  kUnknown,  // not judged
};
constexpr SleepVerdict LastOf(SleepVerdict) { return SleepVerdict::kUnknown; }
inline constexpr size_t kSleepVerdicts = static_cast<size_t>(LastOf(SleepVerdict{})) + 1;
std::string_view Name(SleepVerdict verdict);  // "losing", "healthy", "both", "neither", "unknown"

// One sleep of a thread, and the run in front of it. Times are ns of the trace clock.
struct MatchedSleep {
  int32_t pid = 0;
  std::string comm;
  uint64_t start_ns = 0;  // it came onto a CPU, woken or for the first time
  uint64_t sleep_ns = 0;  // it went to sleep
  uint64_t end_ns = 0;    // its next waking, or the recording's end
  bool open = false;      // nothing woke it up to the end
  SleepVerdict verdict = SleepVerdict::kUnknown;
  std::string why;         // of kUnknown
  std::string finding_id;  // of the lost wakeup that was found in this sleep; empty: none was
};

// Who stood for whom around one thread.
struct MatchedThread {
  int32_t pid = 0;
  std::string comm;
  std::vector<std::pair<std::string, std::string>> roles;  // "waker": "producer (pid 211)", or "nobody"
  std::vector<std::pair<std::string, uint64_t>> objects;   // "wq": its address
  std::array<uint64_t, kSleepVerdicts> sleeps{};           // by verdict
  bool follows = true;  // false: nearly all of its sleeps look like no healthy run of the protocol
};

struct ProtocolMatch {
  std::string protocol, path;
  protocol::Memory memory = protocol::Memory::kSc;
  uint8_t level = 0;
  std::string victim;  // the role
  bool guessed =
      false;  // nobody said who plays it, and no finding or event does: the kernel thread that was woken most
  std::vector<MatchedThread> threads;
  std::vector<MatchedSleep> sleeps;               // by end
  std::vector<std::string> recorded, unrecorded;  // events of the protocol that the recording has, and has not
  std::array<uint64_t, kSleepVerdicts> Counts() const;
};

struct ProtocolMatchOptions {
  std::vector<RoleChoice> roles;
  std::vector<std::string> explains;  // what the protocol's text says of itself
  std::span<const Finding> findings;  // of a report on the same recording
  uint8_t level = 1;                  // of the events that are looked at
  protocol::GraphLimits graph;
  std::function<bool()> stop;  // asked now and then; may be empty
};

// Reads the recording twice. Errors: those of StateGraph::Build, kTooLarge (more states than the limit), of
// ProtocolRoles::Victims and of the readers; kDeadline (stopped).
Result<ProtocolMatch> MatchProtocol(const TraceInput& input, const protocol::Program& program,
                                    const ProtocolMatchOptions& options);

std::string ProtocolMatchText(const ProtocolMatch& match);
// {"schema_version", "model_version", "protocol", "path", "memory", "level", "victim", "counts", "threads", "sleeps",
// "recorded", "unrecorded"}, on one line.
std::string ProtocolMatchJson(const ProtocolMatch& match);

}  // namespace wakewatch
