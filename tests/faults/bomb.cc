#include "tests/faults/bomb.h"

#include <cstdint>
#include <utility>
#include <vector>

#include <zstd.h>

#include "analysis/chunk/chunk_bytes.h"
#include "analysis/chunk/column_encoder.h"

namespace wakewatch::faults {

Result<Chunk> BombOf(const Chunk& chunk, const FormatTable& formats, size_t bytes) {
  const auto directory = chunk::ParseDirectory(chunk.bytes, formats);
  if (!directory) return Fail(directory.error());
  const std::vector<uint8_t> zeros(bytes);
  std::vector<uint8_t> packed(ZSTD_compressBound(bytes));
  packed.resize(ZSTD_compress(packed.data(), packed.size(), zeros.data(), zeros.size(), 1));

  std::vector<uint8_t> bomb(chunk.bytes.begin(), chunk.bytes.begin() + chunk::kHeaderBytes);
  chunk::PutVarint(&bomb, directory->formats.size());
  for (const chunk::StoredFormat& format : directory->formats) {
    const EventFormat& about = formats.events()[format.index];
    chunk::PutVarint(&bomb, about.id);
    chunk::PutVarint(&bomb, format.events);
    chunk::PutVarint(&bomb, about.fields.size());
    bomb.push_back(format.has_tail ? 1 : 0);
  }
  std::vector<uint8_t> columns;
  for (size_t i = 0; i < directory->columns.size(); ++i) {
    const chunk::StoredColumn& column = directory->columns[i];
    const Bytes stored = i == chunk::kTimes ? Bytes(packed) : column.stored;
    bomb.push_back(static_cast<uint8_t>(column.codec));
    chunk::PutVarint(&bomb, column.ref);
    chunk::PutVarint(&bomb, i == chunk::kTimes ? bytes : column.raw_bytes);
    chunk::PutVarint(&bomb, stored.size());
    columns.insert(columns.end(), stored.begin(), stored.end());
  }
  const auto directory_bytes = static_cast<uint32_t>(bomb.size() - chunk::kHeaderBytes);
  bomb.insert(bomb.end(), columns.begin(), columns.end());
  chunk::PutHeader(chunk, directory_bytes, static_cast<uint32_t>(directory->columns.size()), bomb);
  Chunk made = chunk;
  made.bytes = std::move(bomb);
  return made;
}

}  // namespace wakewatch::faults
