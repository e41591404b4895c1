// Why: what all event tables of one SQL connection share: the recording's format sets, the list of its chunks, the
// chunks that are open at the moment, symbol names, and the deadline of the statement that runs. It reads the file
// through a connection of its own, so that the limits set for a stranger's SQL do not apply to chunks.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/trace/reader.h"
#include "analysis/trace/symbols.h"
#include "server/store/chunk_loader.h"
#include "server/store/sqlite.h"
#include "server/store/stored_formats.h"

namespace wakewatch {

// The chunks of one CPU by time.
struct CpuChunks {
  uint32_t cpu = 0;
  std::vector<ChunkRow> chunks;
};

struct OpenChunk : LoadedChunk {
  // Positions in the chunk of the events of one format, in order; nullptr when the column cannot be read.
  Result<const uint32_t*> Positions(uint16_t format_index);
  // Every event with its record, for text that only its format can write. Empty when not all could be decoded.
  Result<const std::vector<Event>*> Events();

  unsigned pins = 0;
  uint64_t last_use = 0;
  std::map<uint16_t, std::vector<uint32_t>> positions;
  EventBlock decoded;
};

class EventStore {
 public:
  static Result<std::unique_ptr<EventStore>> Open(const std::string& path);

  const Database& db() const { return db_; }
  const ChunkFormatsList& formats() const { return formats_; }
  // The chunk list as of the last Begin.
  const std::vector<CpuChunks>& cpus() const { return cpus_; }
  uint64_t events() const { return events_; }
  // Each CPU's chunks follow one another without overlap, so merging them gives time order.
  bool in_order() const { return in_order_; }

  // A scan begins or ends. Chunks that were committed since are seen by the next scan that begins alone, so that the
  // scans of one statement see one state.
  Status Begin();
  void End() { --scans_; }

  // Opens a chunk and keeps it until Release. nullptr: it did not validate, which has been counted.
  Result<OpenChunk*> Acquire(const ChunkRow& row);
  void Release(OpenChunk* chunk);

  // Name of the function at `address`, or the address in hex. Valid until the next call.
  Result<std::string_view> SymbolName(uint64_t address);

  // Scans end with an Error (kInterrupted) once this moment has passed.
  void set_deadline(std::optional<std::chrono::steady_clock::time_point> deadline) { deadline_ = deadline; }
  bool Expired() const { return deadline_ && std::chrono::steady_clock::now() >= *deadline_; }

  // Distinct chunks that did not validate since the store was opened, those of waits included, and the words for the
  // first of them.
  size_t unreadable_chunks() const { return unreadable_.size() + unreadable_waits_.size(); }
  const std::string& first_unreadable() const { return first_unreadable_; }
  void NoteUnreadableWaits(int64_t first_wait, const Error& error);

 private:
  explicit EventStore(Database db) : db_(std::move(db)) {}
  Status Load();
  Status LoadChunkList();
  OpenChunk* Slot();

  Database db_;
  ChunkFormatsList formats_;
  std::vector<CpuChunks> cpus_;
  uint64_t events_ = 0;
  bool in_order_ = true;
  Statement data_version_;
  std::optional<int64_t> loaded_version_;
  unsigned scans_ = 0;
  std::optional<ChunkLoader> loader_;
  std::vector<std::unique_ptr<OpenChunk>> open_;
  uint64_t uses_ = 0;
  std::optional<SymbolTable> symbols_;
  std::unordered_map<uint64_t, std::string> symbol_names_;
  std::optional<std::chrono::steady_clock::time_point> deadline_;
  std::set<int64_t> unreadable_;        // chunk ids
  std::set<int64_t> unreadable_waits_;  // names of chunks of waits
  std::string first_unreadable_;
};

}  // namespace wakewatch
