// Why: the way from a row of the chunk table to a validated ChunkView, shared by the event reader and the SQL tables.
// What the row says about its chunk is held against what the chunk says itself before either is believed.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/chunk/chunk.h"
#include "server/store/sqlite.h"
#include "server/store/stored_formats.h"

namespace wakewatch {

inline constexpr unsigned kEventIdCpuShift = 48;  // event id = cpu << 48 | number of the event on its CPU

// A row of table `chunk` without its bytes.
struct ChunkRow {
  int64_t id = 0;
  uint32_t cpu = 0, events = 0;
  uint64_t first_ns = 0, last_ns = 0;
  uint64_t first_event_no = 0;
};

struct LoadedChunk {
  ChunkRow row;
  const ChunkFormats* formats = nullptr;
  std::vector<uint8_t> bytes;
  std::optional<ChunkView> view;  // of `bytes`; empty until loaded
};

// Columns of the statements below, in this order. All of them are in the index chunk_by_time.
inline constexpr const char* kChunkRowColumns = "id, cpu, first_ns, last_ns, events, first_event_no";
ChunkRow ReadChunkRow(const Statement& statement);

class ChunkLoader {
 public:
  // `formats` must outlive the loader and what it loads.
  static Result<ChunkLoader> Create(const Database& db, const ChunkFormatsList* formats);

  // Fills *chunk, reusing its memory. Errors: see ChunkView::Open, and kCorrupt when row and chunk disagree.
  Status Load(const ChunkRow& row, LoadedChunk* chunk);

  // True for errors that are about one chunk, so that the others can still be read.
  static bool ConcernsOneChunk(const Error& error);

 private:
  ChunkLoader(Statement fetch, const ChunkFormatsList* formats) : fetch_(std::move(fetch)), formats_(formats) {}
  Status Validate(LoadedChunk* chunk) const;

  Statement fetch_;
  const ChunkFormatsList* formats_;
};

}  // namespace wakewatch
