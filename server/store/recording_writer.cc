#include "server/store/recording_writer.h"

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/store/schema.h"

namespace wakewatch {
namespace {

constexpr uint32_t kCpuMax = UINT16_MAX;  // Event::cpu is 16 bits wide

// 8 KiB pages: a live chunk fits one or two, and an empty recording with its thirty tables stays small.
constexpr const char* kFileSettings =
    "PRAGMA page_size = 8192; PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL";
constexpr const char* kRunSettings = "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 2048";

std::optional<uint64_t> Known(uint64_t value, uint64_t unknown) {
  return value == unknown ? std::nullopt : std::optional<uint64_t>(value);
}
std::optional<int32_t> KnownId(int32_t value) { return value < 0 ? std::nullopt : std::optional<int32_t>(value); }

class SqliteRecordingWriter : public RecordingWriter {
 public:
  explicit SqliteRecordingWriter(Database db) : db_(std::move(db)) {}

  Status Prepare();
  Status Append(const Batch& batch) override;
  Status StoreReport(const Report& report) override;
  Status Close() override;

 private:
  // What a batch changes besides the file; taken over when its transaction has been committed.
  struct Position {
    int64_t session_id = 0;               // 0: none yet
    std::map<uint32_t, uint64_t> events;  // by CPU: stored so far
  };

  Status CheckBatch(const Batch& batch) const;
  Status Store(const Batch& batch, Position* next, bool* duplicate);
  Status StoreSession(const Batch& batch, Position* next);
  Status StoreFormats(const FormatsDelta& formats);
  Status StoreChunks(const Batch& batch, Position* next);
  Status StoreGap(const GapRecord& gap, const Position& next);
  Status StoreTasks(const Batch& batch);
  Status StoreClocksAndCpus(const Batch& batch);
  Result<uint64_t> EventNumberAfter(const GapRecord& gap);
  bool open() const { return db_.get() != nullptr; }

  Database db_;
  Position position_;
  Statement insert_batch_, insert_chunk_, update_gap_, insert_gap_, events_before_gap_;
};

Status SqliteRecordingWriter::Prepare() {
  const std::pair<Statement*, const char*> statements[] = {
      {&insert_batch_, "INSERT OR IGNORE INTO batch(session_id, sequence) VALUES(?1, ?2)"},
      {&insert_chunk_,
       "INSERT INTO chunk(session_id, sequence, cpu, first_ns, last_ns, events, first_event_no, formats_hash, bytes) "
       "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"},
      // A gap is announced with an open end when nothing came after it yet, and again when something did.
      {&update_gap_,
       "UPDATE gap SET end_ns = ?3, lost = ?4, cause = ?5 WHERE cpu = ?1 AND start_ns = ?2 AND end_ns IS NULL"},
      {&insert_gap_,
       "INSERT INTO gap(session_id, cpu, start_ns, end_ns, lost, cause, event_no) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)"},
      {&events_before_gap_,
       "SELECT first_event_no + events FROM chunk WHERE cpu = ?1 AND first_ns <= ?2 AND last_ns <= ?2 "
       "ORDER BY first_ns DESC, first_event_no DESC LIMIT 1"},
  };
  for (const auto& [statement, sql] : statements) {
    auto prepared = db_.Prepare(sql);
    if (!prepared) return tl::unexpected<Error>(std::move(prepared.error()));
    *statement = std::move(*prepared);
  }
  return {};
}

Status SqliteRecordingWriter::CheckBatch(const Batch& batch) const {
  if (!open()) return Fail(ErrorCode::kInvalidArgument, "the recording is closed");
  const auto refuse = [](std::string cause) -> Status { return Fail(ErrorCode::kInvalidArgument, std::move(cause)); };
  for (const Chunk& chunk : batch.chunks) {
    const std::string name =
        "batch " + std::to_string(batch.sequence) + ": a chunk of CPU " + std::to_string(chunk.cpu);
    if (chunk.cpu > kCpuMax) return refuse(name + ": no such CPU");
    if (chunk.events == 0 || chunk.bytes.empty()) return refuse(name + " has no events");
    if (chunk.last_ns < chunk.first_ns) return refuse(name + " ends before it begins");
    if (chunk.last_ns > static_cast<uint64_t>(INT64_MAX)) return refuse(name + " has a time past 2^63 ns");
  }
  for (const GapRecord& gap : batch.gaps) {
    if (gap.cpu > kCpuMax || gap.start_ns > static_cast<uint64_t>(INT64_MAX)) {
      return refuse("batch " + std::to_string(batch.sequence) + ": a gap with no possible CPU or time");
    }
  }
  return {};
}

Status SqliteRecordingWriter::Append(const Batch& batch) {
  STORE_TRY(CheckBatch(batch));
  const auto named = [&](Error error) {
    error.cause = "storing batch " + std::to_string(batch.sequence) + ": " + error.cause;
    return Fail(std::move(error));
  };
  auto transaction = Transaction::Begin(db_);
  if (!transaction) return named(std::move(transaction.error()));
  Position next = position_;
  bool duplicate = false;
  if (auto status = Store(batch, &next, &duplicate); !status) return named(std::move(status.error()));
  if (auto status = transaction->Commit(); !status) return named(std::move(status.error()));
  position_ = std::move(next);
  return {};
}

Status SqliteRecordingWriter::Store(const Batch& batch, Position* next, bool* duplicate) {
  STORE_TRY(StoreSession(batch, next));
  STORE_TRY(insert_batch_.Run(next->session_id, batch.sequence));
  *duplicate = sqlite3_changes(db_.get()) == 0;
  if (*duplicate) return {};
  if (batch.formats) STORE_TRY(StoreFormats(*batch.formats));
  STORE_TRY(StoreChunks(batch, next));
  for (const GapRecord& gap : batch.gaps) STORE_TRY(StoreGap(gap, *next));
  STORE_TRY(StoreTasks(batch));
  return StoreClocksAndCpus(batch);
}

Status SqliteRecordingWriter::StoreSession(const Batch& batch, Position* next) {
  if (!batch.session && next->session_id != 0) return {};
  const SessionInfo session = batch.session.value_or(SessionInfo{});
  auto insert = db_.Prepare(
      "INSERT INTO session(host, boot_id, session, kernel, clock, collector_version, cpus) "
      "VALUES(?1,?2,?3,?4,?5,?6,?7) "
      "ON CONFLICT(host, boot_id, session) DO UPDATE SET kernel = excluded.kernel, clock = excluded.clock, "
      "collector_version = excluded.collector_version, cpus = excluded.cpus RETURNING id");
  if (!insert) return tl::unexpected<Error>(std::move(insert.error()));
  insert->Bind(session.host, session.boot_id, session.session, session.kernel, session.clock, session.collector_version,
               session.cpus);
  const auto row = insert->Step();
  if (!row) return tl::unexpected<Error>(row.error());
  next->session_id = insert->Integer(0);
  return {};
}

Status SqliteRecordingWriter::StoreFormats(const FormatsDelta& formats) {
  auto table = db_.Prepare(
      "INSERT OR IGNORE INTO formats(hash, long_size, big_endian, page_size, header_page) VALUES(?1, ?2, ?3, ?4, ?5)");
  auto event = db_.Prepare("INSERT INTO format(hash, position, system, text) VALUES(?1, ?2, ?3, ?4)");
  if (!table || !event) return tl::unexpected<Error>(std::move(!table ? table.error() : event.error()));
  STORE_TRY(table->Run(formats.hash, formats.long_size, formats.big_endian, formats.page_size, formats.header_page));
  if (sqlite3_changes(db_.get()) == 0) return {};  // known already: one hash has one set of formats
  int64_t position = 0;
  for (const FormatDelta& format : formats.events) {
    STORE_TRY(event->Run(formats.hash, position++, format.system, format.text));
  }
  return {};
}

Status SqliteRecordingWriter::StoreChunks(const Batch& batch, Position* next) {
  for (const Chunk& chunk : batch.chunks) {
    uint64_t& stored = next->events[chunk.cpu];
    STORE_TRY(insert_chunk_.Run(next->session_id, batch.sequence, chunk.cpu, chunk.first_ns, chunk.last_ns,
                                chunk.events, stored, chunk.formats_hash, Bytes(chunk.bytes)));
    stored += chunk.events;
  }
  return {};
}

Status SqliteRecordingWriter::StoreGap(const GapRecord& gap, const Position& next) {
  const auto end_ns = Known(gap.end_ns, UINT64_MAX);
  const auto lost = Known(gap.lost, kLostUnknown);
  const std::string_view cause = Name(gap.cause);
  STORE_TRY(update_gap_.Run(gap.cpu, gap.start_ns, end_ns, lost, cause));
  if (sqlite3_changes(db_.get()) > 0) return {};
  const auto event_no = EventNumberAfter(gap);
  if (!event_no) return tl::unexpected<Error>(event_no.error());
  return insert_gap_.Run(next.session_id, gap.cpu, gap.start_ns, end_ns, lost, cause, *event_no);
}

// A chunk never spans a gap, so a gap's place is between two chunks: behind the last that ends by its start.
Result<uint64_t> SqliteRecordingWriter::EventNumberAfter(const GapRecord& gap) {
  events_before_gap_.Reset();
  events_before_gap_.Bind(gap.cpu, gap.start_ns);
  const auto row = events_before_gap_.Step();
  if (!row) return tl::unexpected<Error>(row.error());
  const uint64_t event_no = *row ? events_before_gap_.Unsigned(0) : 0;
  events_before_gap_.Reset();
  return event_no;
}

Status SqliteRecordingWriter::StoreTasks(const Batch& batch) {
  auto symbol = db_.Prepare("INSERT OR REPLACE INTO symbol(address, name) VALUES(?1, ?2)");
  auto thread = db_.Prepare(
      "INSERT OR REPLACE INTO thread(pid, start_ticks, first_seen_ns, comm, flags, parent_pid, affinity, policy, "
      "rt_priority, from_inventory) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");
  if (!symbol || !thread) return tl::unexpected<Error>(std::move(!symbol ? symbol.error() : thread.error()));
  for (const Symbol& entry : batch.symbols) STORE_TRY(symbol->Run(entry.address, entry.name));
  for (const ThreadInfo& info : batch.threads) {
    const auto affinity = info.affinity.empty() ? std::nullopt : std::optional<std::string>(info.affinity);
    STORE_TRY(thread->Run(info.pid, info.start_ticks, info.first_seen_ns, info.comm, info.flags,
                          KnownId(info.parent_pid), affinity, KnownId(info.policy), info.rt_priority,
                          info.from_inventory));
  }
  return {};
}

Status SqliteRecordingWriter::StoreClocksAndCpus(const Batch& batch) {
  const auto run_all = [&](const char* sql, const auto& values, const auto& run) -> Status {
    if (values.empty()) return {};
    auto statement = db_.Prepare(sql);
    if (!statement) return tl::unexpected<Error>(std::move(statement.error()));
    for (const auto& value : values) STORE_TRY(run(*statement, value));
    return {};
  };
  STORE_TRY(run_all("INSERT OR REPLACE INTO clock_pair(trace_ns, real_ns) VALUES(?1, ?2)", batch.clock_pairs,
                    [](Statement& s, const ClockPair& pair) { return s.Run(pair.trace_ns, pair.real_ns); }));
  STORE_TRY(run_all(
      "INSERT OR REPLACE INTO cpu(cpu, since_ns, online, package, core, node) VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
      batch.cpus, [](Statement& s, const CpuInfo& cpu) {
        return s.Run(cpu.cpu, cpu.since_ns, cpu.online, KnownId(cpu.package), KnownId(cpu.core), KnownId(cpu.node));
      }));
  STORE_TRY(
      run_all("INSERT OR REPLACE INTO cpu_stats(cpu, entries, overrun, commit_overrun, dropped, read) "
              "VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
              batch.stats, [](Statement& s, const CpuStats& stats) {
                return s.Run(stats.cpu, stats.entries, stats.overrun, stats.commit_overrun, stats.dropped, stats.read);
              }));
  STORE_TRY(run_all(
      "INSERT INTO frontier(cpu, ts_ns) VALUES(?1, ?2) "
      "ON CONFLICT(cpu) DO UPDATE SET ts_ns = max(ts_ns, excluded.ts_ns)",
      batch.frontiers, [](Statement& s, const Frontier& frontier) { return s.Run(frontier.cpu, frontier.ts_ns); }));
  return run_all("INSERT INTO profile_change(ts_ns, profile, events, reason) VALUES(?1, ?2, ?3, ?4)", batch.profiles,
                 [](Statement& s, const ProfileChange& change) {
                   std::string events;
                   for (const std::string& event : change.events) events += (events.empty() ? "" : " ") + event;
                   return s.Run(change.ts_ns, change.profile, events, change.reason);
                 });
}

Status SqliteRecordingWriter::StoreReport(const Report& report) {
  if (!open()) return Fail(ErrorCode::kInvalidArgument, "the recording is closed");
  const auto named = [](Error error) {
    error.cause = "storing the report: " + error.cause;
    return Fail(std::move(error));
  };
  auto transaction = Transaction::Begin(db_);
  if (!transaction) return named(std::move(transaction.error()));
  if (auto status = WriteReport(db_, report); !status) return named(std::move(status.error()));
  if (auto status = transaction->Commit(); !status) return named(std::move(status.error()));
  return {};
}

Status SqliteRecordingWriter::Close() {
  if (!open()) return {};
  for (Statement* statement : {&insert_batch_, &insert_chunk_, &update_gap_, &insert_gap_, &events_before_gap_}) {
    *statement = Statement();
  }
  Database closing = std::exchange(db_, Database());
  auto busy = closing.Integer("PRAGMA wal_checkpoint(TRUNCATE)");
  auto status = busy ? closing.Exec("PRAGMA journal_mode = DELETE") : Status(tl::unexpected<Error>(busy.error()));
  if (busy && *busy != 0) status = Fail(ErrorCode::kIo, "another program reads the recording");
  if (!status) {
    status.error().cause = "closing the recording: " + status.error().cause;
    status.error().file = closing.path();
    status.error().remedy = "nothing is lost, but keep the -wal file beside it until it has been opened again";
  }
  return status;
}

// Only a regular file is ever replaced, together with the journal files that belong to it.
Status MakeRoom(const std::string& path, bool replace) {
  struct stat about {};
  const bool exists = lstat(path.c_str(), &about) == 0;
  if (exists && (!replace || !S_ISREG(about.st_mode))) {
    return Fail(Error{ErrorCode::kInvalidArgument,
                      "the file exists already",
                      path,
                      {},
                      replace ? "choose the name of a regular file" : "choose another name, or remove it"});
  }
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
    if (unlink((path + suffix).c_str()) != 0 && errno != ENOENT) return Fail(ErrnoError(errno, "replacing", path));
  }
  // Created here and not by SQLite, so that a failure is named, and so that of two who create it one loses.
  const int file = open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
  if (file < 0) return Fail(ErrnoError(errno, "creating", path));
  close(file);
  return {};
}

}  // namespace

Result<Transaction> Transaction::Begin(Database& db) {
  if (auto status = db.Exec("BEGIN IMMEDIATE"); !status) return tl::unexpected<Error>(std::move(status.error()));
  return Transaction(db);
}

Transaction::~Transaction() {
  // SQLite undoes some failed transactions by itself; a second ROLLBACK would only be noise.
  if (db_ != nullptr && sqlite3_get_autocommit(db_->get()) == 0) (void)db_->Exec("ROLLBACK");
}

Status Transaction::Commit() {
  auto status = db_->Exec("COMMIT");
  if (status) db_ = nullptr;
  return status;
}

Result<std::unique_ptr<RecordingWriter>> CreateRecording(const std::string& path, bool replace, int64_t pages_max) {
  const auto failed = [](Status& status) { return tl::unexpected<Error>(std::move(status.error())); };
  if (auto status = MakeRoom(path, replace); !status) return failed(status);
  auto db = Database::Open(path, Database::Mode::kWrite);
  if (!db) return tl::unexpected<Error>(std::move(db.error()));
  // The schema goes in before the log is turned on, so that the file alone says what it is from then on.
  if (auto status = db->Exec(kFileSettings); !status) return failed(status);
  if (auto status = Migrate(*db, Migrations()); !status) return failed(status);
  if (auto status = db->Exec(kRunSettings); !status) return failed(status);
  if (pages_max > 0) {
    const std::string limit = "PRAGMA max_page_count = " + std::to_string(pages_max);
    if (auto status = db->Exec(limit.c_str()); !status) return failed(status);
  }
  auto writer = std::make_unique<SqliteRecordingWriter>(std::move(*db));
  if (auto status = writer->Prepare(); !status) return failed(status);
  return writer;
}

Result<std::unique_ptr<RecordingWriter>> RecordingWriter::Create(const std::string& path, bool replace) {
  return CreateRecording(path, replace, 0);
}

}  // namespace wakewatch
