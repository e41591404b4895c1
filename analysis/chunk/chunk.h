// Why: one encoding of events for the wire and the store. A chunk holds one CPU's records as columns (times, event ids,
// flags, pids, then every field of every event format in it), each compressed by itself, so that a reader can take one
// column alone. It is lossless for every field's value: decoding rebuilds each record byte for byte, up to what no
// field covers or no reader of a text sees. Padding and bytes behind a text's NUL become zero; variable-length parts
// are laid out anew, behind the fixed part and in the order of their fields, and one that pointed outside its record
// becomes empty. Nothing of a chunk is believed unchecked: sizes, counts and the checksum when it is opened, a
// column's codes, lengths and order when that column is read.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "analysis/base/bytes.h"
#include "analysis/base/result.h"
#include "analysis/chunk/batch.h"
#include "analysis/trace/event.h"
#include "analysis/trace/format.h"
#include "analysis/trace/reader.h"
#include "analysis/trace/record_decoder.h"

namespace wakewatch {

inline constexpr uint16_t kChunkVersion = 1;
inline constexpr uint32_t kChunkEventsMax = 1u << 17;      // a chunk that announces more is refused
inline constexpr uint32_t kChunkBytesMax = 64u << 20;      // decompressed, all columns together
inline constexpr uint32_t kChunkWireBytesMax = 24u << 20;  // the same, of a chunk from somebody else
inline constexpr uint32_t kChunkEventsTarget = 1u << 16;
inline constexpr uint32_t kChunkPendingBytesTarget = 16u << 20;

// Not thread-safe. Keeps its buffers from chunk to chunk: 9 to 12 MB at 64 k events.
class ChunkEncoder {
 public:
  // `formats` must outlive the encoder. `compression` is a zstd level.
  ChunkEncoder(const FormatTable& formats, uint32_t cpu, int compression = 1);
  ~ChunkEncoder();
  ChunkEncoder(ChunkEncoder&&) noexcept;
  ChunkEncoder& operator=(ChunkEncoder&&) noexcept;

  // Adds one event of this CPU; its record is copied out. Not for kGap events: a chunk ends there. ts_ns must not go
  // back (one that does is raised to the one before), and event.format must be an index into `formats`. Call Finish
  // once full(): what is added beyond kChunkEventsMax or kChunkBytesMax makes Finish fail.
  void Add(const Event& event);
  uint32_t events() const;
  // Bytes held before compression.
  size_t pending_bytes() const;
  // kChunkEventsTarget or kChunkPendingBytesTarget is reached.
  bool full() const;
  // Ends the chunk and starts an empty one. Errors: kInvalidArgument (no events), kTooLarge (events or bytes beyond the
  // limits were added; the chunk is dropped).
  Result<Chunk> Finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

struct ChunkHeader {
  uint16_t version = 0;
  uint32_t cpu = 0, events = 0;
  uint64_t first_ns = 0, last_ns = 0, formats_hash = 0;
};

// A validated chunk. Columns are decompressed when they are first asked for.
class ChunkView {
 public:
  // Validates header, directory and checksum; `bytes` and `formats` must outlive the view. Nothing is decompressed
  // where the columns announce more than `bytes_max`, and no records are built that take more. Errors: kCorrupt,
  // kTruncated, kTooLarge, kUnsupported (newer version, or a formats hash that is not `formats`').
  static Result<ChunkView> Open(Bytes bytes, const FormatTable& formats, uint32_t bytes_max = kChunkBytesMax);
  static Result<ChunkHeader> ReadHeader(Bytes bytes);
  ~ChunkView();
  ChunkView(ChunkView&&) noexcept;
  ChunkView& operator=(ChunkView&&) noexcept;

  const ChunkHeader& header() const;

  // Rebuilds every record and decodes it with `decoder` (of the same formats), appending to *block. The block's storage
  // is reserved by this call and must be empty before it.
  Status Decode(const RecordDecoder& decoder, EventBlock* block, AnomalyCounts* anomalies) const;

  // Columns over all events of the chunk, in order; sizes are header().events. Valid while the view lives.
  Result<std::span<const uint64_t>> Times() const;          // ns
  Result<std::span<const uint16_t>> FormatIndexes() const;  // into formats.events()
  Result<std::span<const uint8_t>> Flags() const;
  Result<std::span<const uint8_t>> PreemptCounts() const;
  Result<std::span<const int32_t>> Pids() const;

  // Columns over the events of one format only, in order.
  uint32_t Count(uint16_t format_index) const;
  // Integers, zero- or sign-extended as the field says.
  Result<std::span<const uint64_t>> Integers(uint16_t format_index, size_t field) const;
  // Text fields (kText, kLocText): dictionary and a code an event; view of bytes for kBytes, kLocBytes alike.
  struct TextColumn {
    std::vector<std::string_view> dictionary;
    std::span<const uint32_t> codes;
  };
  Result<const TextColumn*> Texts(uint16_t format_index, size_t field) const;

 private:
  struct Impl;
  explicit ChunkView(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace wakewatch
