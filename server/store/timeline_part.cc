#include "server/store/timeline_part.h"

#include <algorithm>
#include <utility>

#include "server/store/schema.h"

namespace wakewatch {
namespace {

constexpr size_t kChangesKept = 2u << 20;  // of the chunks that are kept; 32 bytes each
constexpr int64_t kChunkEventsMin = 512;   // a chunk takes as long as that many events, if it has less
constexpr int64_t kCpuMax = UINT16_MAX;

template <typename T>
tl::unexpected<Error> Pass(Result<T>& failed) {
  return tl::unexpected<Error>(std::move(failed.error()));
}

}  // namespace

Result<std::unique_ptr<TimelineFile>> TimelineFile::Open(const std::string& path) {
  auto db = OpenRecordingFile(path);
  if (!db) return Pass(db);
  std::unique_ptr<TimelineFile> file(new TimelineFile(std::move(*db)));
  STORE_TRY(file->Prepare());
  return file;
}

Status TimelineFile::Prepare() {
  const auto tables = db_.Integer(
      "SELECT count(*) FROM main.sqlite_schema WHERE name = 'timeline' AND type = 'table' AND rootpage > 0");
  if (!tables) return tl::unexpected<Error>(tables.error());
  has_table_ = *tables == 1;
  const std::string chunk_columns =
      std::string("SELECT ") + kChunkRowColumns + " FROM main.chunk INDEXED BY chunk_by_time ";
  const std::string gap_columns = "SELECT start_ns, end_ns, event_no FROM main.gap INDEXED BY gap_by_time ";
  const std::pair<Statement*, std::string> statements[] = {
      {&first_chunk_,
       "SELECT first_ns FROM main.chunk INDEXED BY chunk_by_time WHERE cpu = ?1 AND first_ns >= 0 ORDER BY first_ns "
       "LIMIT 1"},
      {&chunks_before_,
       chunk_columns + "WHERE cpu = ?1 AND first_ns <= ?2 ORDER BY first_ns DESC, first_event_no DESC LIMIT ?3"},
      {&chunks_between_,
       chunk_columns + "WHERE cpu = ?1 AND first_ns > ?2 AND first_ns < ?3 ORDER BY first_ns, first_event_no"},
      {&gaps_between_,
       gap_columns + "WHERE cpu = ?1 AND start_ns >= ?2 AND start_ns < ?3 ORDER BY start_ns, event_no, id"},
      {&gap_before_, gap_columns + "WHERE cpu = ?1 AND start_ns < ?2 ORDER BY start_ns DESC LIMIT 1"},
      {&gap_from_, gap_columns + "WHERE cpu = ?1 AND start_ns >= ?2 ORDER BY start_ns LIMIT 1"},
      {&comm_, "SELECT comm FROM main.thread WHERE pid = ?1 ORDER BY first_seen_ns DESC LIMIT 1"},
      {&symbol_, "SELECT name FROM main.symbol WHERE address = ?1"},
      {&frontier_, "SELECT ts_ns FROM main.frontier WHERE cpu = ?1"},
  };
  for (const auto& [statement, sql] : statements) {
    auto prepared = db_.Prepare(sql);
    if (!prepared) return Pass(prepared);
    *statement = std::move(*prepared);
  }
  if (!has_table_) return {};
  auto rows = db_.Prepare(
      "SELECT first_bin, bins, bytes FROM main.timeline WHERE cpu = ?1 AND level = ?2 AND first_bin <= ?4 AND "
      "first_bin >= coalesce((SELECT first_bin FROM main.timeline WHERE cpu = ?1 AND level = ?2 AND first_bin <= ?3 "
      "ORDER BY first_bin DESC LIMIT 1), ?3) ORDER BY first_bin");
  if (!rows) return Pass(rows);
  rows_ = std::move(*rows);
  return {};
}

Result<bool> TimelineFile::HasRows() {
  if (!has_table_) return false;
  const auto any = db_.Integer("SELECT EXISTS(SELECT 1 FROM main.timeline)");
  if (!any) return tl::unexpected<Error>(any.error());
  return *any != 0;
}

// SQLite would read a whole index to tell its distinct CPUs; from one to the next is a step down the tree.
Status TimelineFile::AddCpus(std::set<uint32_t>* cpus) {
  for (const char* table : {"chunk", "gap", "cpu", "timeline"}) {
    if (table == std::string_view("timeline") && !has_table_) continue;
    auto next = db_.Prepare(std::string("SELECT min(cpu) FROM main.") + table + " WHERE cpu > ?1");
    if (!next) return Pass(next);
    for (int64_t cpu = -1; cpu < kCpuMax;) {
      next->Reset();
      next->Bind(cpu);
      const auto row = next->Step();
      if (!row) return tl::unexpected<Error>(row.error());
      if (!*row || next->IsNull(0) || next->Integer(0) > kCpuMax || next->Integer(0) <= cpu) break;
      cpu = next->Integer(0);
      cpus->insert(static_cast<uint32_t>(cpu));
    }
  }
  return {};
}

Status TimelineFile::AddFirst(uint32_t cpu, uint64_t* first_ns) {
  first_chunk_.Reset();
  first_chunk_.Bind(cpu);
  const auto row = first_chunk_.Step();
  if (!row) return tl::unexpected<Error>(row.error());
  if (*row) *first_ns = std::min(*first_ns, first_chunk_.Unsigned(0));
  first_chunk_.Reset();
  return {};
}

Status TimelineFile::AddLast(uint32_t cpu, uint64_t* last_ns) {
  const auto latest = ChunksBefore(cpu, kTimelineEndNs, 1);
  if (!latest) return tl::unexpected<Error>(latest.error());
  if (!latest->empty()) *last_ns = std::max(*last_ns, std::min(latest->front().last_ns, kTimelineEndNs));
  return {};
}

Result<uint64_t> TimelineFile::Frontier(uint32_t cpu) {
  frontier_.Reset();
  frontier_.Bind(cpu);
  const auto row = frontier_.Step();
  if (!row) return tl::unexpected<Error>(row.error());
  const uint64_t ts_ns = *row ? std::min(frontier_.Unsigned(0), kTimelineEndNs) : 0;
  frontier_.Reset();
  return ts_ns;
}

Status TimelineFile::AddRows(uint32_t cpu, unsigned level, uint64_t first_bin, uint64_t last_bin,
                             std::vector<TimelineRow>* rows) {
  if (!has_table_) return {};
  rows_.Reset();
  rows_.Bind(cpu, level, first_bin, last_bin);
  while (true) {
    const auto row = rows_.Step();
    if (!row) return tl::unexpected<Error>(row.error());
    if (!*row) break;
    const uint64_t bins = rows_.Unsigned(1);
    const Bytes bytes = rows_.Blob(2);
    // What is too large for its type is made what no reader takes.
    rows->push_back({cpu, level, rows_.Unsigned(0), bins > UINT32_MAX ? 0 : static_cast<uint32_t>(bins),
                     std::vector<uint8_t>(bytes.begin(), bytes.end())});
  }
  rows_.Reset();
  return {};
}

Result<std::vector<ChunkRow>> TimelineFile::ChunksBefore(uint32_t cpu, uint64_t ns, size_t count) {
  std::vector<ChunkRow> chunks;
  chunks_before_.Reset();
  chunks_before_.Bind(cpu, ns, count);
  while (true) {
    const auto row = chunks_before_.Step();
    if (!row) return tl::unexpected<Error>(row.error());
    if (!*row) break;
    chunks.push_back(ReadChunkRow(chunks_before_));
  }
  chunks_before_.Reset();
  return chunks;
}

Result<std::vector<ChunkRow>> TimelineFile::ChunksBetween(uint32_t cpu, uint64_t after_ns, uint64_t before_ns,
                                                          int64_t* events_left) {
  std::vector<ChunkRow> chunks;
  chunks_between_.Reset();
  chunks_between_.Bind(cpu, after_ns, before_ns);
  while (*events_left >= 0) {
    const auto row = chunks_between_.Step();
    if (!row) return tl::unexpected<Error>(row.error());
    if (!*row) break;
    *events_left -= Cost(chunks.emplace_back(ReadChunkRow(chunks_between_)));
  }
  chunks_between_.Reset();
  return chunks;
}

TimelineGap TimelineFile::ReadGap(const Statement& statement) {
  return {statement.Unsigned(0), statement.IsNull(1) ? UINT64_MAX : statement.Unsigned(1), statement.Unsigned(2)};
}

Result<std::vector<TimelineGap>> TimelineFile::GapsBetween(uint32_t cpu, uint64_t from_ns, uint64_t before_ns,
                                                           int64_t* events_left) {
  std::vector<TimelineGap> gaps;
  gaps_between_.Reset();
  gaps_between_.Bind(cpu, from_ns, before_ns);
  while (*events_left >= 0) {
    const auto row = gaps_between_.Step();
    if (!row) return tl::unexpected<Error>(row.error());
    if (!*row) break;
    gaps.push_back(ReadGap(gaps_between_));
    *events_left -= kChunkEventsMin;
  }
  gaps_between_.Reset();
  return gaps;
}

Result<std::optional<TimelineGap>> TimelineFile::FirstGap(Statement* statement) {
  const auto row = statement->Step();
  if (!row) return tl::unexpected<Error>(row.error());
  std::optional<TimelineGap> gap;
  if (*row) gap = ReadGap(*statement);
  statement->Reset();
  return gap;
}

Result<std::optional<TimelineGap>> TimelineFile::GapBefore(uint32_t cpu, uint64_t ns) {
  gap_before_.Reset();
  gap_before_.Bind(cpu, ns);
  return FirstGap(&gap_before_);
}

Result<std::optional<TimelineGap>> TimelineFile::GapFrom(uint32_t cpu, uint64_t ns) {
  gap_from_.Reset();
  gap_from_.Bind(cpu, ns);
  return FirstGap(&gap_from_);
}

int64_t TimelineFile::Cost(const ChunkRow& row) { return std::max(kChunkEventsMin, int64_t{row.events}); }

Result<std::string> TimelineFile::CommOf(int32_t pid) {
  comm_.Reset();
  comm_.Bind(pid);
  const auto row = comm_.Step();
  if (!row) return tl::unexpected<Error>(row.error());
  std::string comm = *row ? comm_.Text(0) : std::string();
  comm_.Reset();
  return comm;
}

Result<std::string> TimelineFile::SymbolOf(uint64_t address) {
  symbol_.Reset();
  symbol_.Bind(address);
  const auto row = symbol_.Step();
  if (!row) return tl::unexpected<Error>(row.error());
  std::string name = *row ? symbol_.Text(0) : std::string();
  symbol_.Reset();
  return name;
}

Status TimelineFile::LoadChunkFormats() {
  const auto sets = LoadFormats(db_);
  if (!sets) return tl::unexpected<Error>(sets.error());
  ChunkFormatsList list;
  for (const FormatsDelta& set : *sets) {
    auto table = BuildFormats(set, db_.path());
    if (!table) return Pass(table);
    ChunkFormats formats;
    formats.hash = set.hash;
    formats.owned = std::make_unique<FormatTable>(std::move(*table));
    formats.table = formats.owned.get();
    list.Add(std::move(formats));
  }
  chunks_.clear();  // they refer to the formats of before
  changes_kept_ = 0;
  loader_.reset();
  formats_.emplace(std::move(list));
  auto loader = ChunkLoader::Create(db_, &*formats_);
  if (!loader) return Pass(loader);
  loader_.emplace(std::move(*loader));
  return {};
}

Result<const TimelineChunk*> TimelineFile::Chunk(const ChunkRow& row) {
  for (auto kept = chunks_.begin(); kept != chunks_.end(); ++kept) {
    const ChunkRow& own = kept->row();
    if (own.id != row.id || own.first_ns != row.first_ns || own.last_ns != row.last_ns || own.events != row.events) {
      continue;
    }
    chunks_.splice(chunks_.begin(), chunks_, kept);
    return &chunks_.front();
  }
  if (!loader_) STORE_TRY(LoadChunkFormats());
  Status status = Read(row);
  if (!status && status.error().code == ErrorCode::kUnsupported) {
    // While a recording grows, formats may join those that were there when they were read.
    STORE_TRY(UpdateFormats());
    status = Read(row);
  }
  if (status) return &chunks_.front();
  if (ChunkLoader::ConcernsOneChunk(status.error())) return nullptr;
  return tl::unexpected<Error>(std::move(status.error()));
}

Status TimelineFile::UpdateFormats() {
  if (!loader_) return LoadChunkFormats();
  const auto sets = db_.Integer("SELECT count(*) FROM main.formats");
  if (!sets) return tl::unexpected<Error>(sets.error());
  return static_cast<uint64_t>(*sets) == formats_->all().size() ? Status() : LoadChunkFormats();
}

Result<bool> TimelineFile::Load(const ChunkRow& row, LoadedChunk* chunk) {
  Status status = loader_->Load(row, chunk);
  if (status) return true;
  if (ChunkLoader::ConcernsOneChunk(status.error())) return false;
  return tl::unexpected<Error>(std::move(status.error()));
}

Status TimelineFile::Read(const ChunkRow& row) {
  LoadedChunk loaded;
  STORE_TRY(loader_->Load(row, &loaded));
  auto chunk = TimelineChunk::Read(loaded);
  if (!chunk) return Pass(chunk);
  changes_kept_ += chunk->changes().size();
  chunks_.push_front(std::move(*chunk));
  while (changes_kept_ > kChangesKept && chunks_.size() > 1) {
    changes_kept_ -= chunks_.back().changes().size();
    chunks_.pop_back();
  }
  return {};
}

}  // namespace wakewatch
