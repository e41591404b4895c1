// Why: the answer to "what did each CPU do from here to there", as a picture needs it: at most so many bins a CPU, or
// the tasks one by one where they are few. The cost does not grow with the recording: wide views are sums of stored
// rows (analysis/report/timeline.h), narrow ones are read from the few chunks that hold their events.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/report/timeline.h"
#include "analysis/report/timeline_detail.h"

namespace wakewatch {

inline constexpr uint32_t kTimelineBinsDefault = 1024, kTimelineBinsMax = 4096;
inline constexpr size_t kTimelineSlicesMax = 20'000;   // of an answer; where there are more, it has bins
inline constexpr size_t kTimelineCellsMax = 1u << 20;  // bins of an answer, all lanes together
inline constexpr size_t kTimelineLanesMax = 4096;

// One file of a recording, in the order of time.
struct TimelinePart {
  std::string path;
  uint64_t start_ns = 0, end_ns = UINT64_MAX;  // what it may hold; a part outside the asked span is not opened
};

struct TimelineRequest {
  uint64_t start_ns = 0, end_ns = 0;  // ns of the trace clock, [start, end); 0, 0: the whole recording
  uint32_t bins_max = 0;              // a lane; 0: kTimelineBinsDefault, more than kTimelineBinsMax: that
  std::vector<uint32_t> cpus;         // empty: all that the recording has
  std::optional<std::chrono::steady_clock::time_point> deadline = {};
};

struct TimelineSlice {
  uint64_t start_ns = 0;  // of the switch to the task, also where that is before the span; if it was not found nearby,
                          // or nobody saw it, since when the task is known to be there
  uint64_t end_ns = 0;    // at most the span's end
  int32_t pid = 0;        // 0: idle. What no slice covers is unknown
  std::string comm;       // bytes as the kernel wrote them
  std::string state_after;  // prev_state of the switch away, "S", "R+"; empty: not seen
};
struct TimelineSpan {
  uint64_t start_ns = 0, end_ns = 0;
};
struct TimelineLane {
  uint32_t cpu = 0;
  // Bin i covers [start_ns + i * bin_ns, start_ns + (i + 1) * bin_ns) of the answer, and its times sum to bin_ns. Where
  // a bin is made of several stored ones, its busiest task is the one that was busiest in them for longest.
  std::vector<TimelineBin> bins;
  std::vector<TimelineSlice> slices;
  std::vector<TimelineSpan> gaps;  // lost events; beside bins at most one that begins in each bin
};
struct TimelineAnswer {
  uint64_t start_ns = 0, end_ns = 0;  // beside bins widened to whole ones
  uint64_t bin_ns = 0;                // 0: slices
  std::vector<TimelineLane> lanes;    // by CPU
};

struct TimelineDetailQuestion : TimelineDetailRequest {
  std::optional<std::chrono::steady_clock::time_point> deadline = {};
};

// Holds the files open between questions, read-only. For one thread at a time.
class TimelineQuery {
 public:
  // Opens nothing yet. `parts` must not be empty.
  static Result<std::unique_ptr<TimelineQuery>> Open(std::vector<TimelinePart> parts);
  virtual ~TimelineQuery() = default;

  // Errors: kInvalidArgument (an empty span, too many CPUs), kDeadline, kCorrupt (a row that cannot be), and what
  // opening a recording answers. A chunk that cannot be read is unknown time. Of a recording without rows a wide view
  // is computed from all its events, once for as long as it does not grow.
  virtual Result<TimelineAnswer> Run(const TimelineRequest& request) = 0;

  // Only the gaps of a span: of each CPU at most one that begins in each of bins_max parts of it. Errors as Run.
  virtual Result<std::vector<TimelineLane>> Gaps(const TimelineRequest& request) = 0;

  // What happened in a short span, thing by thing, with names. Of a span with more events than can be read at once
  // there is too much of everything. Errors: kInvalidArgument (an empty span, a pid that is not above 0, too many of
  // them or of CPUs), kDeadline, and what opening a recording answers.
  virtual Result<TimelineDetail> Detail(const TimelineDetailQuestion& question) = 0;
};

}  // namespace wakewatch
