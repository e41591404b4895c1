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

class RecordingReader : public CpuReader {
 public:
  // `db` (opened kSerialised: the readers of several CPUs share it) and `formats` must outlive the reader.
  static Result<std::unique_ptr<RecordingReader>> Open(const Database& db, const ChunkFormatsList* formats,
                                                       uint32_t cpu);

  Result<bool> Fill(EventBlock* block, size_t target) override;
  uint32_t cpu() const override { return cpu_; }
  const AnomalyCounts& anomalies() const override { return anomalies_; }

 private:
  // A row of table `gap`.
  struct GapRow {
    uint64_t start_ns = 0, end_ns = 0, lost = 0, event_no = 0;
    GapCause cause = GapCause::kUnknown;
  };

  RecordingReader(uint32_t cpu, Statement chunks, Statement gaps, ChunkLoader loader);
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
  Statement chunk_rows_, gap_rows_;
  ChunkLoader loader_;
  LoadedChunk chunk_;
  bool started_ = false, have_chunk_ = false, have_gap_ = false;
  ChunkRow chunk_row_;
  GapRow gap_row_;
  std::vector<Event> gaps_;       // to hand out before decoded_
  bool after_bad_chunk_ = false;  // gaps_.back() stands for chunks that could not be read, its end is open
  EventBlock decoded_;
  size_t next_ = 0;       // in decoded_.events
  uint64_t last_ns_ = 0;  // time of the last event or gap so far
  AnomalyCounts anomalies_;
};

}  // namespace wakewatch
