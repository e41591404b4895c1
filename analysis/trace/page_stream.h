// Why: every input that holds one CPU's ring-buffer pages makes events of them in the same way, whether the pages lie
// in a trace.dat, in compressed chunks or in a file of their own: what was cut or cannot be read becomes a gap, and
// what was read is given back, so that memory stays flat.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "analysis/base/anomaly.h"
#include "analysis/base/bytes.h"
#include "analysis/base/result.h"
#include "analysis/trace/bytes_read.h"
#include "analysis/trace/file_view.h"
#include "analysis/trace/page_decoder.h"
#include "analysis/trace/reader.h"
#include "analysis/trace/record_decoder.h"

namespace wakewatch {

// ns = cycles * mult >> shift, for recordings made with the TSC as clock.
struct CycleScale {
  uint32_t mult = 0;   // 0: times are nanoseconds
  uint32_t shift = 0;  // at most 63
  // UINT64_MAX when the answer is larger than that.
  uint64_t ToNs(uint64_t cycles) const;
};

// Where one CPU's pages lie.
struct PageRun {
  uint32_t cpu = 0;
  uint64_t offset = 0, size = 0;  // bytes of the file; inside of it
  bool truncated = false;         // the file announced more, which is counted already
  uint32_t page_size = 4096;      // bytes of a sub-buffer
  CycleScale cycles;
};

class PageStreamReader : public CpuReader, public CountsBytes {
 public:
  // `view` and `decoder` must outlive the reader.
  PageStreamReader(const FileView& view, const RecordDecoder& decoder, const PageRun& run);

  Result<bool> Fill(EventBlock* block, size_t target) final;
  uint32_t cpu() const final { return run_.cpu; }
  uint64_t bytes_read() const final { return consumed_; }
  const AnomalyCounts& anomalies() const final { return anomalies_; }

 protected:
  // Appends events, about `target` of them; false when the stream is over. May append none.
  virtual bool FillSome(EventBlock* block, size_t target) = 0;

  // `pages`: whole pages, and perhaps a last one that was cut.
  void DecodePages(Bytes pages, EventBlock* block);
  // Something could not be read here.
  void Skip(Anomaly why);
  // Nobody needs the first `bytes` of data() any more. Called where records lie in a block's storage; where they lie in
  // data() itself, blocks that come back say it.
  void set_consumed(uint64_t bytes) { consumed_ = bytes; }

  Bytes data() const { return data_; }
  std::endian order() const { return order_; }
  uint32_t page_size() const { return run_.page_size; }
  bool truncated() const { return run_.truncated; }

 private:
  void DecodePage(Bytes page, EventBlock* block);
  void OpenGap(const Event::Gap& gap);
  void CloseGap(EventBlock* block, size_t first);
  Event GapUntil(uint64_t end_ns) const;
  void ToNs(EventBlock* block, size_t first) const;
  bool HoldsItsData(Bytes page) const;
  void TakeBack(const EventBlock& block);
  void Release();

  const FileView& view_;
  const PageRun run_;
  const Bytes data_;
  const PageLayout layout_;
  const std::endian order_;
  bool cut_;                              // the gap at the stream's end is still to be handed out
  std::optional<Event::Gap> open_gap_;    // behind last_ns_, until the next event
  uint64_t last_ns_ = 0;                  // of the last event
  uint64_t consumed_ = 0, released_ = 0;  // bytes of data_
  PageDecoder pages_;
  AnomalyCounts anomalies_;
};

// A reader of pages that lie one after the other; they are decoded where they are mapped. `view` and `decoder` must
// outlive it.
std::unique_ptr<CpuReader> OpenPlainPages(const FileView& view, const RecordDecoder& decoder, const PageRun& run);

}  // namespace wakewatch
