#include "server/store/recording_input.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "server/store/part_files.h"
#include "server/store/recording.h"
#include "server/store/schema.h"
#include "server/store/session_store.h"

namespace wakewatch {
namespace {

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

}  // namespace

Result<std::unique_ptr<RecordingInput>> RecordingInput::Open(const std::string& path, std::vector<std::string> parts) {
  std::unique_ptr<RecordingInput> input(new RecordingInput(std::move(parts)));
  STORE_TRY(input->Load(path));
  return input;
}

Status RecordingInput::Load(const std::string& path) {
  metadata_.path = path;
  metadata_.input_kind = "recording";
  metadata_.buffers = {""};
  std::shared_ptr<const Database> newest;
  std::optional<Error> error;
  for (size_t i = 0; i < parts_->size(); ++i) {
    auto db = parts_->Open(i);
    auto loaded = db ? LoadTasks(**db) : Status(Fail(db.error()));
    if (loaded) loaded = LoadClockPairs(**db);
    if (loaded) {
      newest = std::move(*db);
      continue;
    }
    if (!parts_->Damaged(i, loaded.error())) return loaded;
    metadata_.anomalies.Add(Anomaly::kBadChunk);
    error = std::move(loaded.error());
  }
  if (newest == nullptr) return Fail(std::move(*error));
  STORE_TRY(LoadFormatSets(*newest));
  STORE_TRY(LoadSession(*newest));
  STORE_TRY(LoadSymbols(*newest));
  return LoadStats(*newest);
}

Status RecordingInput::LoadFormatSets(const Database& db) {
  const auto sets = LoadFormats(db);
  if (!sets) return tl::unexpected<Error>(sets.error());
  if (sets->empty()) return {};  // nothing was recorded
  std::vector<ChunkFormats> chunk_formats;
  std::vector<const FormatTable*> tables;
  for (const FormatsDelta& set : *sets) {
    auto table = BuildFormats(set, db.path());
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
    auto merged = MergeFormats(tables, db.path());
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

Status RecordingInput::LoadSession(const Database& db) {
  STORE_TRY(ForEachRow(db, "SELECT host, kernel, clock, cpus, loss_marked FROM main.session ORDER BY id",
                       [&](const Statement& row) {
                         metadata_.hostname = row.Text(0);
                         metadata_.kernel = row.Text(1);
                         metadata_.clock = row.Text(2);
                         metadata_.cpus = static_cast<uint32_t>(std::clamp<int64_t>(row.Integer(3), 0, UINT16_MAX + 1));
                         metadata_.loss_marked = row.Integer(4) != 0;
                       }));
  const auto cpus = Cpus();
  if (!cpus) return tl::unexpected<Error>(cpus.error());
  if (metadata_.cpus == 0) metadata_.cpus = static_cast<uint32_t>(cpus->size());
  return {};
}

Status RecordingInput::LoadTasks(const Database& db) {
  // Of two that hold from the same moment, what /proc said wins over a mere name: it comes last.
  return ForEachRow(
      db,
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
      });
}

Status RecordingInput::LoadSymbols(const Database& db) {
  return ForEachRow(db, "SELECT address, name FROM main.symbol",
                    [&](const Statement& row) { symbols_.Add(row.Unsigned(0), row.Text(1)); });
}

Status RecordingInput::LoadClockPairs(const Database& db) {
  // The newest pair of a part is also the first of the next.
  const uint64_t known_ns = metadata_.clock_pairs.empty() ? 0 : metadata_.clock_pairs.back().trace_ns;
  return ForEachRow(db, "SELECT trace_ns, real_ns FROM main.clock_pair ORDER BY trace_ns", [&](const Statement& row) {
    if (row.Unsigned(0) > known_ns || known_ns == 0)
      metadata_.clock_pairs.push_back({row.Unsigned(0), row.Unsigned(1)});
  });
}

Status RecordingInput::LoadStats(const Database& db) {
  return ForEachRow(db, "SELECT cpu, entries, overrun, commit_overrun, dropped, read FROM main.cpu_stats ORDER BY cpu",
                    [&](const Statement& row) {
                      metadata_.stats.push_back({static_cast<uint32_t>(row.Integer(0)), row.Unsigned(1),
                                                 row.Unsigned(2), row.Unsigned(3), row.Unsigned(4), row.Unsigned(5)});
                    });
}

Result<std::vector<uint32_t>> RecordingInput::Cpus() const {
  std::set<uint32_t> cpus;
  for (size_t i = 0; i < parts_->size(); ++i) {
    // From one CPU to the next by the index: a recording has many more chunks than CPUs.
    const auto db = parts_->Open(i);
    const auto listed =
        !db ? Status(Fail(db.error()))
            : ForEachRow(**db,
                         "WITH RECURSIVE found(cpu) AS (SELECT min(cpu) FROM main.chunk UNION ALL SELECT "
                         "(SELECT min(cpu) FROM main.chunk WHERE cpu > found.cpu) FROM found WHERE cpu IS NOT NULL) "
                         "SELECT cpu FROM found WHERE cpu BETWEEN 0 AND 65535 UNION "
                         "SELECT cpu FROM main.gap WHERE cpu BETWEEN 0 AND 65535",
                         [&](const Statement& row) { cpus.insert(static_cast<uint32_t>(row.Integer(0))); });
    if (!listed && (parts_->size() == 1 || !parts_->Damaged(i, listed.error()))) return Fail(listed.error());
  }
  return std::vector<uint32_t>(cpus.begin(), cpus.end());
}

Result<std::vector<std::unique_ptr<CpuReader>>> RecordingInput::OpenCpusFrom(
    const std::map<uint32_t, uint64_t>& numbers) const {
  const auto cpus = Cpus();
  if (!cpus) return tl::unexpected<Error>(cpus.error());
  std::vector<std::unique_ptr<CpuReader>> readers;
  for (const uint32_t cpu : *cpus) {
    const auto number = numbers.find(cpu);
    auto reader =
        PartChainReader::Open(parts_.get(), &chunk_formats_, cpu, number == numbers.end() ? 0 : number->second);
    if (!reader) return tl::unexpected<Error>(std::move(reader.error()));
    readers.push_back(std::move(*reader));
  }
  return readers;
}

bool IsRecording(const std::string& path) { return HasSqliteHeader(path, true); }

Result<std::unique_ptr<TraceInput>> OpenRecording(const std::string& path) {
  auto parts = Parts(path);
  if (parts.empty()) parts.push_back(path);
  return RecordingInput::Open(path, std::move(parts));
}

Result<std::unique_ptr<TraceInput>> OpenTraceOrRecording(const std::string& path, const OpenOptions& options) {
  // Any SQLite file is taken here: no trace format begins like one, and OpenRecording says best what is wrong with it.
  if (!HasSqliteHeader(path, false) && Parts(path).empty()) return OpenTrace(path, options);
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
