// Why: a view of a short span needs, of all that a chunk holds, only who was switched to and when interrupts came and
// went. Reading just these columns takes a fraction of the time of decoding the events.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/trace/event.h"
#include "server/store/chunk_loader.h"

namespace wakewatch {

// An event that changes who is on the CPU, or in which context.
struct TimelineChange {
  uint64_t ts_ns = 0;
  int32_t next_pid = -1, next_prio = 0;  // of a sched_switch
  uint32_t row = 0;                      // among the events of its format
  uint16_t format = 0;
  EventType type = EventType::kGeneric;
};

class TimelineChunk {
 public:
  // Takes the columns out of a loaded chunk, which lives on in this object. Errors: those of the columns.
  static Result<TimelineChunk> Read(LoadedChunk loaded);

  const ChunkRow& row() const { return loaded_.row; }
  std::span<const TimelineChange> changes() const { return changes_; }
  // Of its first event.
  uint64_t first_ns() const { return loaded_.row.first_ns; }
  Result<int32_t> FirstPid() const;

  // Of a change that is a sched_switch.
  Result<std::string_view> NextComm(const TimelineChange& change) const { return Text(change, "next_comm"); }
  Result<std::string_view> PrevComm(const TimelineChange& change) const { return Text(change, "prev_comm"); }
  Result<int32_t> PrevPid(const TimelineChange& change) const;
  Result<std::string> PrevState(const TimelineChange& change) const;  // "S", "R+"

 private:
  explicit TimelineChunk(LoadedChunk loaded) : loaded_(std::move(loaded)) {}
  Status ReadChanges();
  Result<std::string_view> Text(const TimelineChange& change, std::string_view field) const;

  LoadedChunk loaded_;
  std::vector<TimelineChange> changes_;
};

}  // namespace wakewatch
