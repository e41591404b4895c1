// Why: header and directory of a chunk, written by the encoder and read back with every number checked. After
// ParseDirectory each column is a span inside the chunk and no size in it can lead outside or beyond the limits.
#pragma once

#include <cstdint>
#include <vector>

#include "analysis/base/bytes.h"
#include "analysis/base/result.h"
#include "analysis/chunk/chunk.h"
#include "analysis/chunk/layout.h"

namespace wakewatch::chunk {

// Fills the first kHeaderBytes of `bytes`, which holds everything else already.
void PutHeader(const Chunk& chunk, uint32_t directory_bytes, uint32_t columns, std::vector<uint8_t>& bytes);

struct StoredColumn {
  Codec codec = Codec::kConstant;
  uint32_t ref = kRefNone;
  uint32_t raw_bytes = 0;
  uint64_t at = 0;  // bytes from the chunk's start; where errors point to
  Bytes stored;
};

struct StoredFormat {
  uint16_t index = 0;  // into FormatTable::events()
  uint32_t events = 0;
  size_t first_column = 0;  // of its fields, then of its tail
  bool has_tail = false;
};

struct Directory {
  ChunkHeader header;
  std::vector<StoredFormat> formats;
  std::vector<StoredColumn> columns;
};

// The checksum that `bytes` should carry. At least kHeaderBytes long.
uint64_t ChecksumOf(Bytes bytes);
Result<ChunkHeader> ParseHeader(Bytes bytes);
Result<Directory> ParseDirectory(Bytes bytes, const FormatTable& formats, uint32_t bytes_max = kChunkBytesMax);

// kCorrupt at `offset` of the chunk.
tl::unexpected<Error> BadChunk(uint64_t offset, std::string cause);

}  // namespace wakewatch::chunk
