// Why: after a change of kernel, driver or configuration the question is what became slower, and whether that can be
// chance. Two reports, or those of two spans of one recording, are laid side by side here: threads, work items and
// softirqs that are the same in both, each with a test and a correction for how many are tested.
//
// Waits that follow one another are long or short together, so they are no independent observations. A side counts as
// at most one for each kIndependentNs of what was recorded, however many threads of a name there are: a guard against
// calling two stretches of one load different, not a proof that waits further apart are independent. A load that
// changes slowly differs between any two recordings, and that is then what the test finds: it says that times differ,
// never why.
//
// What a gap touched is in no distribution (see summary.h), but lost wakeups are not counted either: where a side lost
// events its rates are lower bounds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/model/thread_kind.h"
#include "analysis/report/report.h"

namespace wakewatch {

// Between the halves of one and the same recording of a steady load this halves the differences that are called sure;
// a recording of less than eight of these decides nothing.
inline constexpr uint64_t kIndependentNs = 100'000'000;
// A difference is called one where p, corrected, is at most this.
inline constexpr double kSureP = 0.01;

struct TimesSide {
  uint64_t n = 0, p50_ns = 0, p90_ns = 0, p99_ns = 0, max_ns = 0;
};
struct ComparedTimes {
  TimesSide before, after;
  double longer = 0.5;               // see RankComparison
  std::optional<double> p_value;     // none: too few on a side to tell
  std::optional<double> p_adjusted;  // by Holm, for all that are in the comparison
};
enum class Change {
  kNone,  // on neither side
  kOnlyBefore,
  kOnlyAfter,
  kTooFew,  // to tell
  kNotSure,
  kShorter,
  kLonger,
};
Change ChangeOf(const ComparedTimes& times);
std::string_view Name(Change change);  // "too few to tell"

// Threads of one name and kind that were woken.
struct ComparedThread {
  std::string name;  // see ComparedName
  ThreadKind kind = ThreadKind::kUser;
  uint32_t threads_before = 0, threads_after = 0;
  ComparedTimes latency, excess;
  double wakeups_per_s_before = 0, wakeups_per_s_after = 0;
};
struct ComparedWork {
  std::string function;
  ComparedTimes queue_to_start, run;
};
struct ComparedSoftirq {
  std::string vector;
  ComparedTimes raise_to_entry;
  uint64_t in_ksoftirqd_before = 0, in_ksoftirqd_after = 0;
};
struct ComparedSide {
  std::string host, recording;  // or the file, and nothing
  std::string kernel;
  uint64_t start_ns = 0, end_ns = 0;  // of the recording's own clock
  uint64_t events = 0;                // of the whole recording
  uint64_t lost_events = 0;           // of gaps that touch the span
  bool lost_unknown = false;          // some loss has no count, or no place in time
  uint64_t gaps = 0;                  // that touch the span
};
struct Comparison {
  ComparedSide before, after;
  // The surest change first.
  std::vector<ComparedThread> threads;
  std::vector<ComparedWork> work;
  std::vector<ComparedSoftirq> softirqs;

  bool has_gaps() const;
};

// A report, and what part of the recording it is about. Names of host and recording are for the answer.
struct ComparedPart {
  std::string host, recording;
  const Report& report;
  uint64_t since_ns = 0, until_ns = UINT64_MAX;
};
// Errors: kNotFound, nothing was recorded in the span of a part.
Result<Comparison> Compare(const ComparedPart& before, const ComparedPart& after, bool user_tasks);

// What a thread is found by in the other recording: its name without what differs from boot to boot. CPU, node, pool
// and worker numbers become a star ("kworker/u*:*", "ksoftirqd/*", "irq/*-nvme0q1"); names of user tasks stay.
std::string ComparedName(std::string_view comm, ThreadKind kind);

}  // namespace wakewatch
