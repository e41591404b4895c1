// Why: real traces are never perfect. What was odd about one is counted under a name, with a severity and a sentence
// for the user, instead of being an error that stops everything or a silence that hides it.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace wakewatch {

enum class Severity { kInfo, kDataLoss, kCorrupt };

// name (stable, in JSON), severity, sentence
#define WAKEWATCH_ANOMALIES(X)                                                                                        \
  X(kPageCommitPastEnd, "page-commit-past-end", kCorrupt,                                                             \
    "a ring-buffer page announced more data than a page holds; the page was skipped and counts as a gap")             \
  X(kPageBadRecord, "page-bad-record", kCorrupt,                                                                      \
    "a record ran past the end of its page; the rest of that page was skipped and counts as a gap")                   \
  X(kPageTimeBackwards, "page-time-backwards", kCorrupt,                                                              \
    "a page began before the end of the page in front of it; its times were raised to keep each CPU in order")        \
  X(kUnknownEventId, "unknown-event-id", kInfo, "records whose format the trace does not carry were skipped")         \
  X(kShortRecord, "short-record", kCorrupt, "records shorter than their format's fixed fields were skipped")          \
  X(kBadDataLoc, "bad-data-loc", kCorrupt, "variable-length fields pointing outside their record were read as empty") \
  X(kFormatNotUsable, "format-not-usable", kCorrupt,                                                                  \
    "event formats that could not be parsed, or that place fields outside the record, were left out")                 \
  X(kTruncatedInput, "truncated-input", kDataLoss,                                                                    \
    "the input ends inside a page or section; what came before it was read")                                          \
  X(kBadSection, "bad-section", kCorrupt, "a section of the input could not be read and was left out")                \
  X(kMissingSwitch, "missing-switch", kInfo,                                                                          \
    "a CPU's next switch did not start from the task that had been switched in (T6); the CPU was resynchronised")     \
  X(kStateResync, "state-resync", kInfo,                                                                              \
    "a task's events did not follow from one another; its open measurements were voided and its state read anew")     \
  X(kStaleSleepState, "stale-sleep-state", kInfo,                                                                     \
    "sleeps cancelled by a signal printed S and came back without a wakeup (kernels 5.18 to 6.15); not a violation")  \
  X(kBadChunk, "bad-chunk", kCorrupt, "a stored chunk did not validate; it was left out and counts as a gap")         \
  X(kOpenLimit, "open-limit", kDataLoss,                                                                              \
    "too many measurements were open at once; the oldest were given up uncounted")                                    \
  X(kFindingsLimit, "findings-limit", kDataLoss,                                                                      \
    "findings beyond the limit that one report keeps; they were counted here only")                                   \
  X(kPrioMissing, "prio-missing", kInfo,                                                                              \
    "switches that carry no priority; their tasks were taken for fair ones, and ranks above them are not seen")       \
  X(kTasksRetired, "tasks-retired", kInfo,                                                                            \
    "tasks that had died were retired to save memory; no thread's row shows them")                                    \
  X(kWakeupsRetired, "wakeups-retired", kInfo, "wakeups of retired tasks; no thread's row shows them")                \
  X(kTaskLimit, "task-limit", kDataLoss,                                                                              \
    "there were more tasks than are followed at once; those that had been silent longest were given up")

enum class Anomaly : uint8_t {
#define X(id, name, severity, text) id,
  WAKEWATCH_ANOMALIES(X)
#undef X
};
inline constexpr size_t kAnomalyCount = 0
#define X(id, name, severity, text) +1
    WAKEWATCH_ANOMALIES(X)
#undef X
    ;

struct AnomalyInfo {
  std::string_view name;
  Severity severity;
  std::string_view sentence;
};
inline constexpr std::array<AnomalyInfo, kAnomalyCount> kAnomalyInfo = {{
#define X(id, name, severity, text) {name, Severity::severity, text},
    WAKEWATCH_ANOMALIES(X)
#undef X
}};

// One counter an anomaly. Not thread-safe: each reader keeps its own and they are added up at the end.
class AnomalyCounts {
 public:
  void Add(Anomaly a, uint64_t n = 1) { counts_[static_cast<size_t>(a)] += n; }
  uint64_t Of(Anomaly a) const { return counts_[static_cast<size_t>(a)]; }
  void Merge(const AnomalyCounts& other) {
    for (size_t i = 0; i < kAnomalyCount; ++i) counts_[i] += other.counts_[i];
  }
  const std::array<uint64_t, kAnomalyCount>& all() const { return counts_; }
  static void Fields(auto& self, auto& archive) { archive(self.counts_); }

 private:
  std::array<uint64_t, kAnomalyCount> counts_{};
};

}  // namespace wakewatch
