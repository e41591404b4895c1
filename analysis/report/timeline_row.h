// Why: the bytes of a timeline row, in one place for the builder and the reader. A bin of a busy CPU takes about ten
// bytes, a stretch of equal ones, as idle CPUs have them, three or four in all.
//
//   u8 version (1), then runs of equal bins:
//     u8 what: bits 0 to 5: the uses whose time is not zero; bit 6: more than one bin; bit 7: the bin ends early
//     varint bins - 2, if more than one
//     varint ns of each of these uses; without the first of them, which has the rest of the bin, unless it ends early
//     varint switches
//     if a task ran: varint zigzag busiest_pid less the one before it in the row (0 at its start), varint the tasks' ns
//     that are not busiest_ns
// Only the last bin of a row may end early. Rejected: a column a use, since a row could not grow bin by bin.
#pragma once

#include <cstdint>
#include <vector>

#include "analysis/base/bytes.h"
#include "analysis/base/result.h"
#include "analysis/report/timeline.h"

namespace wakewatch {

// A row that grows at its end.
class TimelineRowWriter {
 public:
  // Which lane of rows it writes, and the first bin of the first.
  TimelineRowWriter(uint32_t cpu, unsigned level, uint64_t first_bin) : cpu_(cpu), level_(level), first_(first_bin) {}

  // `count` bins like `bin` follow. Rows that are full are appended to *finished.
  void Append(const TimelineBin& bin, uint64_t count, std::vector<TimelineRow>* finished);
  uint64_t next_bin() const { return first_ + written_ + run_; }
  // The row so far, and behind it `open` unless it is empty: the part of the next bin that is known.
  TimelineRow Current(const TimelineBin& open) const;

  void Save(std::vector<uint8_t>* to) const;
  // Reads what Save of a writer of this lane wrote. False, or a bad cursor: it cannot be that.
  bool Restore(ByteCursor* from);

 private:
  // The last run goes into bytes_; a run longer than a row is split where a row would end, and what is in front of
  // there becomes a row.
  void EndRun(std::vector<TimelineRow>* finished);
  void Finish(std::vector<TimelineRow>* finished);
  uint64_t RowEnd() const { return (first_ / kTimelineRowBins + 1) * kTimelineRowBins; }
  uint64_t bins() const { return written_ + run_; }

  uint32_t cpu_;
  unsigned level_;
  uint64_t first_;              // bin of the row
  uint64_t written_ = 0;        // bins in bytes_
  std::vector<uint8_t> bytes_;  // of the runs before the last
  int32_t last_pid_ = 0;        // what the next pid in bytes_ is relative to
  TimelineBin last_;            // of the last run
  uint64_t run_ = 0;            // its bins; 0: the row is empty
};

// A row's bins, run by run.
class TimelineRowReader {
 public:
  // `row`'s name and size are checked. Errors: kCorrupt, kTooLarge, kUnsupported (a newer version).
  static Result<TimelineRowReader> Open(const TimelineRow& row);

  struct Run {
    uint64_t first_bin = 0;
    uint64_t bins = 0;
    TimelineBin bin;
  };
  // The next run; false at the end. Errors: kCorrupt.
  Result<bool> Next(Run* run);

 private:
  TimelineRowReader(const TimelineRow& row, ByteCursor cursor);

  ByteCursor cursor_;
  uint64_t bin_ns_;
  uint64_t next_, end_;  // bins
  int32_t last_pid_ = 0;
  bool ended_early_ = false;
};

}  // namespace wakewatch
