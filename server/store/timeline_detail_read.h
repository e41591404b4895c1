// Why: a timeline's details come from the events of a span, and from as many in front of it as tell what was going on
// when it begins. This chooses the chunks, and feeds what they hold to a TimelineDetailBuilder. What is read does not
// grow with the recording.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/report/timeline_detail.h"
#include "server/store/detail_chunk.h"
#include "server/store/timeline_part.h"
#include "server/store/timeline_walk.h"

namespace wakewatch {

// Files of a recording that are open, in the order of time.
struct DetailFiles {
  std::span<TimelineFile* const> files;
  bool from_first = false;  // none is in front of them
};

class TimelineDetailReader {
 public:
  // `cpus` and `walks`: of each CPU of the recording, over the span of `request`. All is borrowed; the files'
  // formats must be up to date.
  TimelineDetailReader(const TimelineDetailRequest& request, const DetailFiles& files, std::span<const uint32_t> cpus,
                       std::span<const TimelineWalk> walks, TimelineDeadline deadline);
  ~TimelineDetailReader();

  // Errors: kDeadline; of the database.
  Result<TimelineDetail> Run();

 private:
  class Stream;
  // One CPU's chunks in front of the span.
  struct Back {
    const TimelineWalk* walk = nullptr;
    size_t first = SIZE_MAX;    // the earliest item that is read; SIZE_MAX: none is in front of the span
    bool at_beginning = false;  // the CPU's events begin with it
    uint64_t Cover() const;     // all its events from there on are read
  };

  Status LookBack();
  Result<bool> Extend(Back* back);
  bool Resolved(size_t pid) const;
  void LimitByGaps();
  Result<const LoadedChunk*> Load(const TimelineWalk::Item& item);
  Status Feed(TimelineDetailBuilder* builder);
  Status Name(TimelineDetail* detail);

  const TimelineDetailRequest& request_;
  const DetailFiles files_;
  const std::span<const uint32_t> cpus_;
  const TimelineDeadline deadline_;
  std::vector<int32_t> pids_;  // sorted
  std::vector<Back> backs_;    // by CPU
  uint64_t from_ns_ = 0, whole_from_ns_ = 0;
  uint64_t gap_ns_ = 0;  // looking farther back than this tells nothing of a task that sleeps
  int64_t events_left_;
  std::vector<uint64_t> switch_ns_;  // by pid: its last switch in front of the span, as far as was read
  std::vector<bool> running_;        // by pid: it is on a CPU when the span begins
  bool has_waking_ = false, has_wakeup_ = false;
  std::map<const TimelineWalk::Item*, std::unique_ptr<LoadedChunk>> loaded_;  // in front of the span; null: unreadable
};

}  // namespace wakewatch
