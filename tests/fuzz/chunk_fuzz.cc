// Any bytes as a chunk. The checksum and the formats' hash are made right first, or nothing behind them would ever be
// reached. What is read lies inside its limits, in order, and says the same column by column as event by event.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "analysis/chunk/chunk_bytes.h"
#include "tests/fuzz/fuzz_input.h"

namespace {

using namespace wakewatch;

void CheckError(const Error& error) {
  if (error.cause.empty()) std::abort();
}

void CheckColumns(const ChunkView& view, const FormatTable& formats) {
  for (uint16_t index = 0; index < formats.events().size(); ++index) {
    const uint32_t count = view.Count(index);
    if (count > view.header().events) std::abort();
    for (size_t field = 0; count > 0 && field < formats.events()[index].fields.size(); ++field) {
      if (chunk::KindOf(formats.events()[index].fields[field]) == chunk::ColumnKind::kInteger) {
        const auto integers = view.Integers(index, field);
        if (!integers) CheckError(integers.error());
        if (integers && integers->size() != count) std::abort();
        continue;
      }
      const auto texts = view.Texts(index, field);
      if (!texts) CheckError(texts.error());
      if (!texts) continue;
      for (const uint32_t code : (*texts)->codes) {
        if (code >= (*texts)->dictionary.size()) std::abort();
      }
    }
  }
}

void CheckEvents(const ChunkView& view, const RecordDecoder& decoder) {
  EventBlock block;
  AnomalyCounts anomalies;
  if (const auto decoded = view.Decode(decoder, &block, &anomalies); !decoded) return CheckError(decoded.error());
  if (block.events.size() > view.header().events) std::abort();
  uint64_t last_ns = view.header().first_ns;
  for (const Event& event : block.events) {
    const uint8_t* const end = block.storage.data() + block.storage.size();
    if (event.ts_ns < last_ns || event.record < block.storage.data() || event.record + event.record_size > end)
      std::abort();
    last_ns = event.ts_ns;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const TraceInput& sample = *fuzz::OpenSample().release();  // lives as long as the process
  static const auto* const decoder = new RecordDecoder(sample.formats());
  if (size < chunk::kHeaderBytes) {
    if (ChunkView::Open(Bytes(data, size), sample.formats())) std::abort();
    return 0;
  }
  std::vector<uint8_t> bytes(data, data + size);
  const uint64_t hash = sample.formats().Hash();
  std::memcpy(bytes.data() + chunk::kFormatsHashOffset, &hash, sizeof hash);
  const uint64_t checksum = chunk::ChecksumOf(bytes);
  std::memcpy(bytes.data() + chunk::kChecksumOffset, &checksum, sizeof checksum);
  const auto view = ChunkView::Open(bytes, sample.formats());
  if (!view) {
    CheckError(view.error());
    return 0;
  }
  if (view->header().events > kChunkEventsMax) std::abort();
  CheckColumns(*view, sample.formats());
  CheckEvents(*view, *decoder);
  return 0;
}
