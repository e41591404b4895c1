// Why: pages in, the event part of a batch out: chunks cut at gaps and at their target size, gap records, symbols that
// occur. What is lost on the way becomes a gap record.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "analysis/base/anomaly.h"
#include "analysis/chunk/batch.h"
#include "analysis/chunk/chunk.h"
#include "analysis/trace/page_decoder.h"
#include "analysis/trace/record_decoder.h"
#include "collector/symbol_collector.h"

namespace wakewatch {

class BatchBuilder {
 public:
  // `formats` must outlive the builder. `compression` is a zstd level. Chunks are cut at `chunk_events_max` events.
  BatchBuilder(const FormatTable& formats, const std::vector<uint32_t>& cpus, int compression,
               uint32_t chunk_events_max = kChunkEventsTarget);

  // Decodes one page of `cpu`, one of those given above, and encodes its events.
  void AddPage(uint32_t cpu, Bytes page);
  // The recording of `cpu` begins at `from_ns`, and a gap with it: what an earlier one left unread, which is none of
  // what the kernel loses of this one.
  void BeginWithGap(uint32_t cpu, uint64_t lost, uint64_t from_ns);
  // A gap behind all that is known of `cpu`. It ends at the CPU's next event, or where a frontier says that none came.
  void AddGap(uint32_t cpu, uint64_t lost, GapCause cause);
  // Nothing more will be read of `cpu`: a gap from here to the end.
  void EndCpu(uint32_t cpu);
  // Between these times (trace clock) events of the formats in `left_out` (by index into FormatTable::events()) began
  // or ceased to be recorded. Each CPU gets a gap at either time, so that nothing is concluded across; those events are
  // left out between the two, so that nothing is concluded from them there, and count as lost in the second. All others
  // are kept. No event of that time was added yet, and no frontier behind `from_ns` was handed out.
  void SetAside(uint64_t from_ns, uint64_t until_ns, const std::vector<bool>& left_out);

  struct Slice {
    uint64_t now_ns = 0;       // trace clock; no loss that was reported so far lies behind it
    uint64_t frontier_ns = 0;  // all written up to here was added, or reported as lost; 0: not known yet
    bool last = false;
  };
  // Cuts all open chunks and moves what is ready into *batch. A gap that waits for an event is announced with an open
  // end. It is handed out again when the event has come, or with the frontier as its end when that has passed it: who
  // merges CPUs cannot go on until then. In the last slice it stays open.
  void TakeInto(const Slice& slice, Batch* batch);

  // Bytes of the chunks that wait for TakeInto.
  size_t finished_bytes() const { return finished_bytes_; }

  // Totals since the start.
  uint64_t events() const { return events_; }
  uint64_t gaps() const { return gaps_; }
  // Events of one CPU that gaps account for; `unknown` when the kernel marked an overrun without a count.
  struct Marked {
    uint64_t lost = 0;
    bool unknown = false;
  };
  Marked marked(uint32_t cpu) const;
  uint64_t set_aside() const { return set_aside_; }  // events that SetAside left out
  // Events of each format, those that were set aside too; by index into FormatTable::events().
  const std::vector<uint64_t>& events_by_format() const { return by_format_; }
  const AnomalyCounts& anomalies() const { return anomalies_; }
  const std::vector<std::string>& failures() const { return failures_; }  // chunks that could not be encoded
  SymbolCollector& symbols() { return symbols_; }

 private:
  struct Change {
    uint64_t from_ns = 0, until_ns = 0;
    bool begun = false;  // its first gap was opened
    uint64_t lost = 0;   // events left out
  };
  struct Stream {
    Stream(const RecordDecoder& decoder, const FormatTable& formats, uint32_t cpu_number, int compression)
        : cpu(cpu_number), pages(decoder, cpu_number), encoder(formats, cpu_number, compression) {}
    uint32_t cpu;
    PageDecoder pages;
    ChunkEncoder encoder;
    uint32_t open_events = 0;  // in the encoder
    uint64_t last_ns = 0;      // of the last event; 0: none yet
    Marked marked;
    bool ended = false;
    std::vector<Change> changes;        // that its events have not reached, the earliest in front
    std::optional<GapRecord> open_gap;  // waits for the next event
    bool announced = false;             // it was handed out with an open end
    uint64_t lost_by_ns = 0;            // then: its loss does not lie behind this
  };

  Stream* Of(uint32_t cpu) { return cpu < streams_.size() ? streams_[cpu].get() : nullptr; }
  void Cut(Stream* stream);
  void OpenGap(Stream* stream, GapRecord gap);
  void CloseGap(Stream* stream, uint64_t end_ns);
  void HandOutGap(Stream* stream, const Slice& slice);
  void AddEvent(Stream* stream, const Event& event);
  // Opens the gaps of the changes that begin or end by `now_ns`.
  void PassChanges(Stream* stream, uint64_t now_ns);
  void OpenChange(Stream* stream, uint64_t lost);

  const RecordDecoder decoder_;
  const uint32_t chunk_events_max_;
  std::vector<std::unique_ptr<Stream>> streams_;  // by CPU number; null for CPUs without a buffer
  EventBlock block_;
  AnomalyCounts anomalies_;
  SymbolCollector symbols_;
  std::vector<Chunk> chunks_;
  std::vector<GapRecord> ready_gaps_;
  std::vector<std::string> failures_;
  size_t finished_bytes_ = 0;
  uint64_t frontier_ns_ = 0;  // of the last slice
  uint64_t events_ = 0, gaps_ = 0, set_aside_ = 0;
  std::vector<uint64_t> by_format_;
  std::vector<bool> left_out_;  // formats, while a change goes on
};

}  // namespace wakewatch
