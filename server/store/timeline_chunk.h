// Why: a view of a short span needs, of all that a chunk holds, only who was switched to and when interrupts came and
// went. Reading just these columns takes a fraction of the time and memory of decoding the events.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/trace/event.h"
#include "server/store/chunk_loader.h"

namespace wakewatch {

// An event that changes who is on the CPU, or in which context.
struct TimelineChange {
  uint64_t ts_ns = 0;
  EventType type = EventType::kGeneric;
  // Of a sched_switch:
  int16_t next_prio = 0;
  int32_t prev_pid = -1, next_pid = -1;
  uint32_t prev_state = 0;                // bits, as this kernel has them
  uint32_t prev_comm = 0, next_comm = 0;  // see TimelineChunk::Comm
};

class TimelineChunk {
 public:
  // Errors: those of the columns.
  static Result<TimelineChunk> Read(const LoadedChunk& loaded);

  const ChunkRow& row() const { return row_; }
  int32_t first_pid() const { return first_pid_; }  // the task that was there at its first event
  std::span<const TimelineChange> changes() const { return changes_; }
  // The name behind TimelineChange::prev_comm and next_comm; empty: this kernel's event has none.
  const std::string& Comm(uint32_t code) const { return comms_[code]; }
  std::string PrevState(const TimelineChange& change) const;  // "S", "R+"

 private:
  struct Columns;
  Status ReadChanges(const ChunkView& view, const std::vector<EventFormat>& formats);
  Result<Columns> ReadColumns(const ChunkView& view, const EventFormat& format, uint16_t index);

  ChunkRow row_;
  const PrevStates* states_ = nullptr;
  int32_t first_pid_ = 0;
  std::vector<TimelineChange> changes_;
  std::vector<std::string> comms_;
};

}  // namespace wakewatch
