// Why: the rows of a timeline on their way into a recording, and from any number of them to the bins of an answer.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/report/timeline.h"
#include "analysis/report/timeline_pids.h"
#include "server/store/sqlite.h"

namespace wakewatch {

// Inserts or replaces `rows`, inside the caller's transaction.
Status WriteTimelineRows(const Database& db, std::span<const TimelineRow> rows);

// The bins of an answer: bin i covers [start_ns + i * bin_ns, start_ns + (i + 1) * bin_ns).
struct TimelineGrid {
  uint64_t start_ns = 0, bin_ns = 0;
  uint64_t bins = 0;
  unsigned level = 0;  // of the rows that they are made of; bin_ns is a multiple of this level's

  uint64_t end_ns() const { return start_ns + bins * bin_ns; }
  // The finest grid of at most `bins_max` bins that covers [start_ns, end_ns) and can be made of rows, or, with
  // `fine`, of events. Start and end are below 2^63, and start below end.
  static TimelineGrid Over(uint64_t start_ns, uint64_t end_ns, uint64_t bins_max, bool fine);
};

// Adds up one lane. What nothing was said about is unknown.
class TimelineBins {
 public:
  explicit TimelineBins(const TimelineGrid& grid) : grid_(grid), bins_(grid.bins) {}

  // Rows of this lane and grid.level in the order of parts; of two with one name the later counts, and where rows
  // overlap the one that begins later does. Errors: kCorrupt and the like.
  Status Add(std::vector<TimelineRow> rows);
  // [from_ns, to_ns) in one use. Calls come in the order of time.
  void Add(uint64_t from_ns, uint64_t to_ns, TimelineUse use, int32_t pid);
  void AddSwitch(uint64_t ts_ns);
  std::vector<TimelineBin> Finish();

 private:
  Status AddRow(const TimelineRow& row, uint64_t end_bin);
  void TurnTo(uint64_t bin);

  TimelineGrid grid_;
  std::vector<TimelineBin> bins_;
  PidTimes pids_;  // of bin at_
  uint64_t at_ = 0;
};

}  // namespace wakewatch
