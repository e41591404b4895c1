#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "server/store/chunk_loader.h"
#include "server/store/recording.h"
#include "server/store/recording_reader.h"
#include "server/store/schema.h"
#include "server/store/sqlite.h"
#include "server/store/stored_formats.h"

namespace wakewatch {
namespace {

class RecordingInput : public TraceInput {
 public:
  explicit RecordingInput(Database db) : db_(std::move(db)) {}

  Status Load();
  Result<std::vector<std::unique_ptr<CpuReader>>> OpenCpus() const override;

 private:
  Status LoadFormatSets();
  Status LoadSession();
  Status LoadTasks();
  Status LoadClocksAndStats();
  Result<std::vector<uint32_t>> Cpus() const;

  Database db_;
  ChunkFormatsList chunk_formats_;
};

// Calls visit(statement) for every row of `sql`.
template <typename Visit>
Status ForEachRow(const Database& db, const char* sql, const Visit& visit) {
  auto statement = db.Prepare(sql);
  if (!statement) return tl::unexpected<Error>(std::move(statement.error()));
  while (true) {
    const auto row = statement->Step();
    if (!row) return tl::unexpected<Error>(row.error());
    if (!*row) return {};
    visit(*statement);
  }
}

Status RecordingInput::Load() {
  metadata_.path = db_.path();
  metadata_.input_kind = "recording";
  metadata_.buffers = {""};
  STORE_TRY(LoadFormatSets());
  STORE_TRY(LoadSession());
  STORE_TRY(LoadTasks());
  return LoadClocksAndStats();
}

Status RecordingInput::LoadFormatSets() {
  const auto sets = LoadFormats(db_);
  if (!sets) return tl::unexpected<Error>(sets.error());
  if (sets->empty()) return {};  // nothing was recorded
  std::vector<ChunkFormats> chunk_formats;
  std::vector<const FormatTable*> tables;
  for (const FormatsDelta& set : *sets) {
    auto table = BuildFormats(set, db_.path());
    if (!table) return tl::unexpected<Error>(std::move(table.error()));
    ChunkFormats& formats = chunk_formats.emplace_back();
    formats.hash = set.hash;
    formats.owned = std::make_unique<FormatTable>(std::move(*table));
    formats.table = formats.owned.get();
    tables.push_back(formats.table);
  }
  if (tables.size() == 1) {
    formats_ = std::move(*chunk_formats.front().owned);
    chunk_formats.front().owned.reset();
    chunk_formats.front().table = &formats_;
  } else {
    auto merged = MergeFormats(tables, db_.path());
    if (!merged) return tl::unexpected<Error>(std::move(merged.error()));
    formats_ = std::move(*merged);
  }
  for (ChunkFormats& formats : chunk_formats) {
    formats.decoder = std::make_unique<RecordDecoder>(*formats.table);
    if (formats.table != &formats_) {
      for (const EventFormat& event : formats.table->events()) {
        formats.to_merged.push_back(static_cast<uint16_t>(formats_.IndexById(event.id)));
      }
    }
    chunk_formats_.Add(std::move(formats));
  }
  metadata_.anomalies.Merge(formats_.anomalies());
  return {};
}

Status RecordingInput::LoadSession() {
  STORE_TRY(
      ForEachRow(db_, "SELECT host, kernel, clock, cpus FROM main.session ORDER BY id", [&](const Statement& row) {
        metadata_.hostname = row.Text(0);
        metadata_.kernel = row.Text(1);
        metadata_.clock = row.Text(2);
        metadata_.cpus = static_cast<uint32_t>(std::clamp<int64_t>(row.Integer(3), 0, UINT16_MAX + 1));
      }));
  const auto cpus = Cpus();
  if (!cpus) return tl::unexpected<Error>(cpus.error());
  if (metadata_.cpus == 0) metadata_.cpus = static_cast<uint32_t>(cpus->size());
  return {};
}

Status RecordingInput::LoadTasks() {
  // Of two that hold from the same moment, what /proc said wins over a mere name: it comes last.
  STORE_TRY(ForEachRow(
      db_,
      "SELECT pid, start_ticks, first_seen_ns, comm, flags, parent_pid, affinity, policy, rt_priority, from_inventory "
      "FROM main.thread ORDER BY first_seen_ns, from_inventory, start_ticks",
      [&](const Statement& row) {
        ThreadInfo info;
        info.pid = static_cast<int32_t>(row.Integer(0));
        info.start_ticks = row.Unsigned(1);
        info.first_seen_ns = row.Unsigned(2);
        info.comm = row.Text(3);
        info.flags = static_cast<uint32_t>(row.Integer(4));
        info.parent_pid = row.IsNull(5) ? -1 : static_cast<int32_t>(row.Integer(5));
        info.affinity = row.Text(6);
        info.policy = row.IsNull(7) ? -1 : static_cast<int32_t>(row.Integer(7));
        info.rt_priority = static_cast<int32_t>(row.Integer(8));
        info.from_inventory = row.Integer(9) != 0;
        metadata_.threads.Add(std::move(info));
      }));
  return ForEachRow(db_, "SELECT address, name FROM main.symbol",
                    [&](const Statement& row) { symbols_.Add(row.Unsigned(0), row.Text(1)); });
}

Status RecordingInput::LoadClocksAndStats() {
  STORE_TRY(
      ForEachRow(db_, "SELECT trace_ns, real_ns FROM main.clock_pair ORDER BY trace_ns", [&](const Statement& row) {
        metadata_.clock_pairs.push_back({row.Unsigned(0), row.Unsigned(1)});
      }));
  return ForEachRow(db_, "SELECT cpu, entries, overrun, commit_overrun, dropped, read FROM main.cpu_stats ORDER BY cpu",
                    [&](const Statement& row) {
                      metadata_.stats.push_back({static_cast<uint32_t>(row.Integer(0)), row.Unsigned(1),
                                                 row.Unsigned(2), row.Unsigned(3), row.Unsigned(4), row.Unsigned(5)});
                    });
}

Result<std::vector<uint32_t>> RecordingInput::Cpus() const {
  std::vector<uint32_t> cpus;
  STORE_TRY(ForEachRow(db_,
                       "SELECT cpu FROM main.chunk WHERE cpu BETWEEN 0 AND 65535 UNION "
                       "SELECT cpu FROM main.gap WHERE cpu BETWEEN 0 AND 65535 ORDER BY 1",
                       [&](const Statement& row) { cpus.push_back(static_cast<uint32_t>(row.Integer(0))); }));
  return cpus;
}

Result<std::vector<std::unique_ptr<CpuReader>>> RecordingInput::OpenCpus() const {
  const auto cpus = Cpus();
  if (!cpus) return tl::unexpected<Error>(cpus.error());
  std::vector<std::unique_ptr<CpuReader>> readers;
  for (const uint32_t cpu : *cpus) {
    auto reader = RecordingReader::Open(db_, &chunk_formats_, cpu);
    if (!reader) return tl::unexpected<Error>(std::move(reader.error()));
    readers.push_back(std::move(*reader));
  }
  return readers;
}

}  // namespace

bool IsRecording(const std::string& path) { return HasSqliteHeader(path, true); }

Result<std::unique_ptr<TraceInput>> OpenRecording(const std::string& path) {
  auto db = OpenRecordingFile(path, Database::Threads::kSerialised);
  if (!db) return tl::unexpected<Error>(std::move(db.error()));
  auto input = std::make_unique<RecordingInput>(std::move(*db));
  STORE_TRY(input->Load());
  return input;
}

Result<std::unique_ptr<TraceInput>> OpenTraceOrRecording(const std::string& path, const OpenOptions& options) {
  // Any SQLite file is taken here: no trace format begins like one, and OpenRecording says best what is wrong with it.
  if (!HasSqliteHeader(path, false)) return OpenTrace(path, options);
  if (options.buffer && !options.buffer->empty()) {
    return Fail(Error{ErrorCode::kInvalidArgument,
                      "a recording has no buffer named " + *options.buffer,
                      path,
                      {},
                      "leave the buffer out"});
  }
  return OpenRecording(path);
}

}  // namespace wakewatch
