#include "server/store/event_store.h"

#include <algorithm>
#include <utility>

#include "server/store/schema.h"

namespace wakewatch {
namespace {

constexpr size_t kOpenChunksMin = 8;          // kept open when no scan holds them
constexpr size_t kSymbolNamesMax = 1u << 20;  // remembered names, before all are forgotten

}  // namespace

Result<const uint32_t*> OpenChunk::Positions(uint16_t format_index) {
  const auto [entry, fresh] = positions.try_emplace(format_index);
  std::vector<uint32_t>& list = entry->second;
  if (!fresh) return list.data();
  const auto indexes = view->FormatIndexes();
  if (!indexes) {
    positions.erase(entry);
    return tl::unexpected<Error>(indexes.error());
  }
  list.reserve(view->Count(format_index));
  for (size_t i = 0; i < indexes->size(); ++i) {
    if ((*indexes)[i] == format_index) list.push_back(static_cast<uint32_t>(i));
  }
  if (list.size() != view->Count(format_index)) {
    positions.erase(entry);
    return Fail(ErrorCode::kCorrupt, "its events and their counts differ");
  }
  return list.data();
}

Result<const std::vector<Event>*> OpenChunk::Events() {
  if (decoded.events.empty()) {
    AnomalyCounts anomalies;
    if (auto status = view->Decode(*formats->decoder, &decoded, &anomalies); !status) {
      decoded.Clear();
      return tl::unexpected<Error>(std::move(status.error()));
    }
    if (decoded.events.size() != view->header().events) decoded.Clear();
  }
  return &decoded.events;
}

Result<std::unique_ptr<EventStore>> EventStore::Open(const std::string& path) {
  auto db = OpenRecordingFile(path);
  if (!db) return tl::unexpected<Error>(std::move(db.error()));
  std::unique_ptr<EventStore> store(new EventStore(std::move(*db)));
  STORE_TRY(store->Load());
  return store;
}

Status EventStore::Load() {
  const auto sets = LoadFormats(db_);
  if (!sets) return tl::unexpected<Error>(sets.error());
  for (const FormatsDelta& set : *sets) {
    auto table = BuildFormats(set, db_.path());
    if (!table) return tl::unexpected<Error>(std::move(table.error()));
    ChunkFormats formats;
    formats.hash = set.hash;
    formats.owned = std::make_unique<FormatTable>(std::move(*table));
    formats.table = formats.owned.get();
    formats.decoder = std::make_unique<RecordDecoder>(*formats.table);
    formats_.Add(std::move(formats));
  }
  auto loader = ChunkLoader::Create(db_, &formats_);
  if (!loader) return tl::unexpected<Error>(std::move(loader.error()));
  loader_.emplace(std::move(*loader));
  auto version = db_.Prepare("PRAGMA data_version");
  if (!version) return tl::unexpected<Error>(std::move(version.error()));
  data_version_ = std::move(*version);
  STORE_TRY(Begin());
  End();
  return {};
}

Status EventStore::Begin() {
  if (scans_ == 0) {
    data_version_.Reset();
    const auto row = data_version_.Step();
    if (!row) return tl::unexpected<Error>(row.error());
    const int64_t version = data_version_.Integer(0);
    data_version_.Reset();
    if (loaded_version_ != version) {
      open_.clear();  // chunk ids may mean other chunks now
      STORE_TRY(LoadChunkList());
      loaded_version_ = version;
    }
  }
  ++scans_;
  return {};
}

Status EventStore::LoadChunkList() {
  auto rows = db_.Prepare(std::string("SELECT ") + kChunkRowColumns +
                          " FROM main.chunk INDEXED BY chunk_by_time WHERE cpu BETWEEN 0 AND 65535 "
                          "ORDER BY cpu, first_ns, first_event_no");
  if (!rows) return tl::unexpected<Error>(std::move(rows.error()));
  cpus_.clear();
  events_ = 0;
  in_order_ = true;
  while (true) {
    const auto row = rows->Step();
    if (!row) return tl::unexpected<Error>(row.error());
    if (!*row) return {};
    const ChunkRow chunk = ReadChunkRow(*rows);
    if (cpus_.empty() || cpus_.back().cpu != chunk.cpu) cpus_.push_back({chunk.cpu, {}});
    std::vector<ChunkRow>& chunks = cpus_.back().chunks;
    if (!chunks.empty() && chunks.back().last_ns > chunk.first_ns) in_order_ = false;
    events_ += std::min(chunk.events, kChunkEventsMax);
    chunks.push_back(chunk);
  }
}

// An empty slot: a new one while there are few, else the one that was not used for longest.
OpenChunk* EventStore::Slot() {
  OpenChunk* oldest = nullptr;
  for (const auto& chunk : open_) {
    if (chunk->pins == 0 && (oldest == nullptr || chunk->last_use < oldest->last_use)) oldest = chunk.get();
  }
  if (oldest == nullptr || open_.size() < std::max(kOpenChunksMin, cpus_.size())) {
    return open_.emplace_back(std::make_unique<OpenChunk>()).get();
  }
  return oldest;
}

Result<OpenChunk*> EventStore::Acquire(const ChunkRow& row) {
  if (Expired()) return Fail(ErrorCode::kInterrupted, "the deadline has passed");
  if (unreadable_.contains(row.id)) return nullptr;
  for (const auto& chunk : open_) {
    if (chunk->view && chunk->row.id == row.id) {
      ++chunk->pins;
      chunk->last_use = ++uses_;
      return chunk.get();
    }
  }
  OpenChunk* slot = Slot();
  slot->positions.clear();
  slot->decoded.Clear();
  if (auto status = loader_->Load(row, slot); !status) {
    slot->view.reset();
    if (!ChunkLoader::ConcernsOneChunk(status.error())) return tl::unexpected<Error>(std::move(status.error()));
    if (unreadable_chunks() == 0) first_unreadable_ = status.error().cause;
    unreadable_.insert(row.id);
    return nullptr;
  }
  slot->pins = 1;
  slot->last_use = ++uses_;
  return slot;
}

void EventStore::NoteUnreadableWaits(int64_t first_wait, const Error& error) {
  if (unreadable_chunks() == 0) first_unreadable_ = error.cause;
  unreadable_waits_.insert(first_wait);
}

void EventStore::Release(OpenChunk* chunk) {
  if (--chunk->pins > 0) return;
  chunk->decoded = {};  // by far the largest part, and seldom wanted again
}

Result<std::string_view> EventStore::SymbolName(uint64_t address) {
  if (const auto known = symbol_names_.find(address); known != symbol_names_.end()) {
    return std::string_view(known->second);
  }
  if (!symbols_) {
    SymbolTable symbols;
    auto rows = db_.Prepare("SELECT address, name FROM main.symbol");
    if (!rows) return tl::unexpected<Error>(std::move(rows.error()));
    for (auto row = rows->Step();; row = rows->Step()) {
      if (!row) return tl::unexpected<Error>(std::move(row.error()));
      if (!*row) break;
      symbols.Add(rows->Unsigned(0), rows->Text(1));
    }
    symbols_.emplace(std::move(symbols));
  }
  if (symbol_names_.size() >= kSymbolNamesMax) symbol_names_.clear();
  return std::string_view(symbol_names_.emplace(address, symbols_->Name(address)).first->second);
}

}  // namespace wakewatch
