// Why: one CPU's events out of a recording, chunk by chunk, with the gaps where they were. Memory holds one decoded
// chunk.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "analysis/trace/reader.h"
#include "server/store/chunk_loader.h"
#include "server/store/sqlite.h"

namespace wakewatch {

// A row of table `gap`.
struct GapRow {
  uint64_t start_ns = 0, end_ns = 0, lost = 0, event_no = 0;
  GapCause cause = GapCause::kUnknown;
};
inline constexpr const char* kGapRowColumns = "start_ns, end_ns, lost, cause, event_no";
inline constexpr const char* kGapRowOrder = "ORDER BY start_ns, event_no, id";
GapRow ReadGapRow(const Statement& statement);

// Whether a gap is read before a chunk of its CPU.
bool GapComesFirst(const GapRow& gap, const ChunkRow& chunk);

// Where in a CPU's events a reader begins, and what it need not say.
struct ReadRange {
  uint64_t first_event_no = 0;         // of the first event to hand out
  uint64_t last_ns = 0;                // of what was handed out before: time does not go back behind it
  std::vector<uint64_t> gaps_ignored;  // starts of gaps with an open end that are told elsewhere
};

class RecordingReader : public CpuReader {
 public:
  // `db` (opened kSerialised: the readers of several CPUs share it) and `formats` must outlive the reader.
  static Result<std::unique_ptr<RecordingReader>> Open(const Database& db, const ChunkFormatsList* formats,
                                                       uint32_t cpu, ReadRange range = {});

  Result<bool> Fill(EventBlock* block, size_t target) override;
  uint32_t cpu() const override { return cpu_; }
  const AnomalyCounts& anomalies() const override { return anomalies_; }

 private:
  RecordingReader(uint32_t cpu, ReadRange range, Statement chunks, Statement gaps, ChunkLoader loader);
  Status Start(const Database& db);
  Status StepChunk();
  Status StepGap();
  // Decodes the next good chunk into decoded_ and queues the gaps in front of it in gaps_; at the end only gaps.
  Status LoadNext();
  Status DecodeChunk(const ChunkRow& row);
  void QueueGap(uint64_t ts_ns, uint64_t end_ns, uint64_t lost, GapCause cause);
  void QueueBadChunk(const ChunkRow& row);
  void KeepOrder();
  void TakeSlice(EventBlock* block, size_t size);

  uint32_t cpu_;
  ReadRange range_;
  Statement chunk_rows_, gap_rows_;
  ChunkLoader loader_;
  LoadedChunk chunk_;
  bool have_chunk_ = false, have_gap_ = false;
  ChunkRow chunk_row_;
  GapRow gap_row_;
  std::vector<Event> gaps_;       // to hand out before decoded_
  bool after_bad_chunk_ = false;  // gaps_.back() stands for chunks that could not be read, its end is open
  EventBlock decoded_;
  size_t next_ = 0;   // in decoded_.events
  uint64_t last_ns_;  // time of the last event or gap so far
  AnomalyCounts anomalies_;
};

}  // namespace wakewatch
