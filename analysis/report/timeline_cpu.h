// Why: one CPU's part of the TimelineBuilder: its context now, the bin that is open at each level, and the row that is
// open at each level.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "analysis/report/timeline.h"
#include "analysis/report/timeline_pids.h"
#include "analysis/report/timeline_row.h"
#include "analysis/report/timeline_track.h"

namespace wakewatch {

struct TimelineBuilder::Cpu {
  // Its time begins at `ts_ns`: bins are unknown up to there.
  Cpu(uint32_t cpu, uint64_t ts_ns);

  // Its time goes on in the context that it is in.
  void Advance(uint64_t ts_ns, std::vector<TimelineRow>* finished) {
    if (ts_ns < bin_end_ns) [[likely]] {
      if (ts_ns > since_ns) Spend(ts_ns - since_ns);
    } else {
      AdvanceFar(ts_ns, finished);
    }
    since_ns = std::max(since_ns, ts_ns);
  }
  // Another task comes, or nobody knows who.
  void LeaveTask() {
    open[0].pids.Add(track.pid(), task_ns);
    task_ns = 0;
  }
  // The unfinished row of a level, up to the last Advance.
  TimelineRow Current(unsigned level) const;

  void Save(std::vector<uint8_t>* to) const;
  // False, or a bad cursor: it was not made by Save.
  bool Restore(ByteCursor* from);

  struct Open {
    TimelineBin bin;  // without the busiest task
    PidTimes pids;
  };

  CpuTrack track;
  uint64_t since_ns;                       // all before is in a bin
  uint64_t bin_end_ns;                     // of the open bin of level 0
  uint64_t task_ns = 0;                    // of the task that is on the CPU, in that bin, not yet in its pids
  std::array<Open, kTimelineLevels> open;  // a level's holds what is finished on the level below, and not yet in a bin
  std::array<TimelineRowWriter, kTimelineLevels> rows;

 private:
  void Spend(uint64_t ns) {
    open[0].bin.Of(track.use()) += ns;
    task_ns += InTask() ? ns : 0;
  }
  bool InTask() const { return track.use() == TimelineUse::kFair || track.use() == TimelineUse::kRealTime; }
  void AdvanceFar(uint64_t ts_ns, std::vector<TimelineRow>* finished);
  void FinishOpen(unsigned level, std::vector<TimelineRow>* finished);
  // `count` whole bins in the present context.
  void Append(unsigned level, uint64_t count, std::vector<TimelineRow>* finished);
};

}  // namespace wakewatch
