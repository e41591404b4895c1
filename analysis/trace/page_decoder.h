// Why: the kernel hands out a CPU's events in pages (sub-buffers), and everything that is measured later rests on the
// times and gaps read here. One PageDecoder walks one CPU's pages in their order. Pages come over a network or from a
// disk, so every length is checked before it is followed; what cannot be read becomes a gap, never an error.
// Source: Linux kernel/trace/ring_buffer.c.
#pragma once

#include <cstddef>
#include <cstdint>

#include "analysis/base/anomaly.h"
#include "analysis/base/bytes.h"
#include "analysis/trace/reader.h"
#include "analysis/trace/record_decoder.h"

namespace wakewatch {

class PageDecoder {
 public:
  // `decoder` must outlive this; its formats say how a page is laid out. `cpu` is what the events carry, at most 65535.
  PageDecoder(const RecordDecoder& decoder, uint32_t cpu);

  // Appends the events of `page`, one whole sub-buffer (or one that was cut behind its data). Records are not copied:
  // they point into `page`. Times are those of the trace clock and never decrease, neither within nor across pages.
  //
  // A kGap event stands where events are missing: in front when the page says so (kOverrun), and where bytes could not
  // be decoded (kCorrupt). It begins at this CPU's last event before it (0: there was none) and ends at the first event
  // after it. When the page holds none, the gap is the last of the appended events and open (end_ns is UINT64_MAX): its
  // end is the CPU's next event, which only the caller will see. Two gaps never stand side by side in one page.
  //
  // Counts kPageCommitPastEnd, kPageBadRecord, kPageTimeBackwards, and what RecordDecoder counts. Records of unknown
  // formats are no gap: the trace chose not to carry them.
  void Decode(Bytes page, EventBlock* block, AnomalyCounts* anomalies);

 private:
  struct Walk;  // where the decoder stands in one page

  void WalkRecords(Walk* walk);
  bool WalkSpecial(Walk* walk, const uint8_t* body, size_t left, uint32_t type_len, uint64_t delta);
  void Advance(Walk* walk, uint64_t to);
  void AddRecord(Walk* walk, const uint8_t* record, size_t size);
  void OpenGap(Walk* walk, uint64_t lost, GapCause cause);
  void Spoil(Walk* walk, Anomaly why);
  void CountBackwards(Walk* walk);
  uint64_t LostBehind(Bytes data, uint64_t commit) const;

  const RecordDecoder& decoder_;
  const PageLayout layout_;
  const std::endian order_;
  const size_t long_size_;    // bytes of the commit word, and of a count of lost events
  const size_t header_size_;  // bytes of what is read in front of the data
  const uint16_t cpu_;
  uint64_t last_ns_ = 0;  // time of the last event that was handed out
};

}  // namespace wakewatch
