// Any bytes as a chunk. The checksum and the formats' hash are made right first, or nothing behind them would ever be
// reached. What is read lies inside its limits, in order, and says the same column by column as event by event.
// Most mutations are of one column's own bytes, with its sizes told right again: what stands in a column would else
// hide behind zstd and behind a directory that no longer fits.
#include <zstd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

#include "analysis/chunk/chunk_bytes.h"
#include "analysis/chunk/column_encoder.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t size_max);

namespace {

using namespace wakewatch;

const FormatTable& Formats() {
  static const TraceInput& sample = *fuzz::OpenSample().release();  // lives as long as the process
  return sample.formats();
}

void CheckError(const Error& error) {
  if (error.cause.empty()) std::abort();
}

// With the checksum and the hash that it should have. At least chunk::kHeaderBytes long.
std::vector<uint8_t> Signed(const uint8_t* data, size_t size) {
  static const uint64_t hash = Formats().Hash();
  std::vector<uint8_t> bytes(data, data + size);
  std::memcpy(bytes.data() + chunk::kFormatsHashOffset, &hash, sizeof hash);
  const uint64_t checksum = chunk::ChecksumOf(bytes);
  std::memcpy(bytes.data() + chunk::kChecksumOffset, &checksum, sizeof checksum);
  return bytes;
}

// Its raw bytes; empty where they cannot be had.
std::vector<uint8_t> Inflated(const chunk::StoredColumn& column) {
  constexpr uint32_t kRawMax = 64u << 10;
  if (column.stored.size() == column.raw_bytes) return {column.stored.begin(), column.stored.end()};
  if (column.raw_bytes > kRawMax) return {};
  std::vector<uint8_t> raw(column.raw_bytes);
  const size_t got = ZSTD_decompress(raw.data(), raw.size(), column.stored.data(), column.stored.size());
  return got == raw.size() ? raw : std::vector<uint8_t>();
}

// Half of the time by a step or two: a code, a length or a count that is too large by one is what a wrong bound lets
// in.
void Mutate(std::minstd_rand* random, std::vector<uint8_t>* raw) {
  constexpr size_t kGrowth = 16;
  const size_t size = raw->size();
  if (size == 0 || (*random)() % 2 == 0) {
    raw->resize(size + kGrowth);
    raw->resize(LLVMFuzzerMutate(raw->data(), size, raw->size()));
    return;
  }
  for (size_t steps = 1 + (*random)() % 2; steps > 0; --steps) {
    uint8_t& byte = (*raw)[(*random)() % size];
    byte = static_cast<uint8_t>((*random)() % 2 == 0 ? byte + 1 : byte - 1);
  }
}

// The chunk again, with `raw` as the bytes of column `changed`.
std::vector<uint8_t> Rewritten(const chunk::Directory& directory, size_t changed, const std::vector<uint8_t>& raw) {
  std::vector<uint8_t> list, blobs;
  chunk::PutVarint(&list, directory.formats.size());
  for (const chunk::StoredFormat& stored : directory.formats) {
    const EventFormat& format = Formats().events()[stored.index];
    for (const uint64_t number : {uint64_t{format.id}, uint64_t{stored.events}, uint64_t{format.fields.size()}}) {
      chunk::PutVarint(&list, number);
    }
    list.push_back(stored.has_tail ? 1 : 0);
  }
  for (size_t i = 0; i < directory.columns.size(); ++i) {
    const chunk::StoredColumn& column = directory.columns[i];
    const Bytes bytes = i == changed ? Bytes(raw) : column.stored;
    list.push_back(static_cast<uint8_t>(column.codec));
    chunk::PutVarint(&list, column.ref);
    chunk::PutVarint(&list, i == changed ? raw.size() : column.raw_bytes);
    chunk::PutVarint(&list, bytes.size());
    blobs.insert(blobs.end(), bytes.begin(), bytes.end());
  }
  const ChunkHeader& header = directory.header;
  std::vector<uint8_t> chunk(chunk::kHeaderBytes);
  chunk.insert(chunk.end(), list.begin(), list.end());
  chunk.insert(chunk.end(), blobs.begin(), blobs.end());
  chunk::PutHeader({header.cpu, header.first_ns, header.last_ns, header.events, header.formats_hash, {}},
                   static_cast<uint32_t>(list.size()), static_cast<uint32_t>(directory.columns.size()), chunk);
  return chunk;
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

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t size_max, unsigned int seed) {
  constexpr unsigned kWholeEvery = 4;
  std::minstd_rand random(seed);
  if (seed % kWholeEvery == 0 || size < chunk::kHeaderBytes) return LLVMFuzzerMutate(data, size, size_max);
  const std::vector<uint8_t> bytes = Signed(data, size);
  const auto directory = chunk::ParseDirectory(bytes, Formats());
  if (!directory) return LLVMFuzzerMutate(data, size, size_max);
  const size_t column = random() % directory->columns.size();
  std::vector<uint8_t> raw = Inflated(directory->columns[column]);
  Mutate(&random, &raw);
  const std::vector<uint8_t> chunk = Rewritten(*directory, column, raw);
  if (chunk.size() > size_max) return LLVMFuzzerMutate(data, size, size_max);
  std::copy(chunk.begin(), chunk.end(), data);
  return chunk.size();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto* const decoder = new RecordDecoder(Formats());
  if (size < chunk::kHeaderBytes) {
    if (ChunkView::Open(Bytes(data, size), Formats())) std::abort();
    return 0;
  }
  const std::vector<uint8_t> bytes = Signed(data, size);
  const auto view = ChunkView::Open(bytes, Formats());
  if (!view) {
    CheckError(view.error());
    return 0;
  }
  if (view->header().events > kChunkEventsMax) std::abort();
  CheckColumns(*view, Formats());
  CheckEvents(*view, *decoder);
  return 0;
}
