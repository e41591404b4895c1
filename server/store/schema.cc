#include "server/store/schema.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>

#include "analysis/base/bytes.h"
#include "server/store/recording.h"

namespace wakewatch {
namespace {

// Times are nanoseconds of the trace clock. NULL stands for "not known", so that no sum takes it for a number.
constexpr const char* kVersion1 = R"sql(
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE session(
  id INTEGER PRIMARY KEY, host TEXT NOT NULL, boot_id TEXT NOT NULL, session TEXT NOT NULL, kernel TEXT NOT NULL,
  clock TEXT NOT NULL, collector_version TEXT NOT NULL, cpus INTEGER NOT NULL,
  UNIQUE(host, boot_id, session));
CREATE TABLE batch(
  session_id INTEGER NOT NULL, sequence INTEGER NOT NULL, PRIMARY KEY(session_id, sequence)) WITHOUT ROWID;

CREATE TABLE formats(
  hash INTEGER PRIMARY KEY, long_size INTEGER NOT NULL, big_endian INTEGER NOT NULL, page_size INTEGER NOT NULL,
  header_page TEXT NOT NULL);
CREATE TABLE format(
  hash INTEGER NOT NULL, position INTEGER NOT NULL, system TEXT NOT NULL, text TEXT NOT NULL,
  PRIMARY KEY(hash, position)) WITHOUT ROWID;

CREATE TABLE chunk(
  id INTEGER PRIMARY KEY, session_id INTEGER NOT NULL, sequence INTEGER NOT NULL, cpu INTEGER NOT NULL,
  first_ns INTEGER NOT NULL, last_ns INTEGER NOT NULL, events INTEGER NOT NULL,
  first_event_no INTEGER NOT NULL,  -- of its CPU, from 0; event id = cpu << 48 | number
  formats_hash INTEGER NOT NULL, bytes BLOB NOT NULL);
CREATE INDEX chunk_by_time ON chunk(cpu, first_ns, first_event_no, last_ns, events);
CREATE TABLE gap(
  id INTEGER PRIMARY KEY, session_id INTEGER NOT NULL, cpu INTEGER NOT NULL,
  start_ns INTEGER NOT NULL,        -- of the last event before; 0: none was seen
  end_ns INTEGER,                   -- of the first event after; NULL: none yet
  lost INTEGER,                     -- events; NULL: the kernel did not count
  cause TEXT NOT NULL,
  event_no INTEGER NOT NULL);       -- number of the first event after
CREATE INDEX gap_by_time ON gap(cpu, start_ns);

CREATE TABLE symbol(address INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE cpu(
  cpu INTEGER NOT NULL, since_ns INTEGER NOT NULL, online INTEGER NOT NULL, package INTEGER, core INTEGER, node INTEGER,
  PRIMARY KEY(cpu, since_ns)) WITHOUT ROWID;
CREATE TABLE thread(
  pid INTEGER NOT NULL, start_ticks INTEGER NOT NULL, first_seen_ns INTEGER NOT NULL, comm TEXT NOT NULL,
  flags INTEGER NOT NULL, parent_pid INTEGER, affinity TEXT, policy INTEGER, rt_priority INTEGER NOT NULL,
  from_inventory INTEGER NOT NULL,
  PRIMARY KEY(pid, start_ticks)) WITHOUT ROWID;
CREATE TABLE clock_pair(trace_ns INTEGER PRIMARY KEY, real_ns INTEGER NOT NULL);
CREATE TABLE cpu_stats(
  cpu INTEGER PRIMARY KEY, entries INTEGER NOT NULL, overrun INTEGER NOT NULL, commit_overrun INTEGER NOT NULL,
  dropped INTEGER NOT NULL, read INTEGER NOT NULL);
CREATE TABLE profile_change(
  id INTEGER PRIMARY KEY, ts_ns INTEGER NOT NULL, profile TEXT NOT NULL, events TEXT NOT NULL, reason TEXT NOT NULL);
CREATE TABLE frontier(cpu INTEGER PRIMARY KEY, ts_ns INTEGER NOT NULL);
)sql"
                                  R"sql(
CREATE TABLE report_info(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE event_count(type TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE thread_summary(
  pid INTEGER NOT NULL, first_seen_ns INTEGER NOT NULL, comm TEXT NOT NULL, kind TEXT NOT NULL,
  kind_source TEXT NOT NULL, kernel_thread INTEGER NOT NULL, wakeups INTEGER NOT NULL,
  wakeup_latency_n INTEGER, wakeup_latency_p50_ns INTEGER, wakeup_latency_p90_ns INTEGER, wakeup_latency_p99_ns INTEGER,
  wakeup_latency_max_ns INTEGER,
  delivery_n INTEGER, delivery_p50_ns INTEGER, delivery_p90_ns INTEGER, delivery_p99_ns INTEGER,
  delivery_max_ns INTEGER,
  runqueue_n INTEGER, runqueue_p50_ns INTEGER, runqueue_p90_ns INTEGER, runqueue_p99_ns INTEGER,
  runqueue_max_ns INTEGER,
  preempted_n INTEGER, preempted_p50_ns INTEGER, preempted_p90_ns INTEGER, preempted_p99_ns INTEGER,
  preempted_max_ns INTEGER,
  on_cpu_ns INTEGER NOT NULL, censored INTEGER NOT NULL, voided INTEGER NOT NULL);
CREATE INDEX thread_summary_by_pid ON thread_summary(pid);
CREATE TABLE work_summary(
  function TEXT NOT NULL,
  queue_to_start_n INTEGER, queue_to_start_p50_ns INTEGER, queue_to_start_p90_ns INTEGER,
  queue_to_start_p99_ns INTEGER, queue_to_start_max_ns INTEGER,
  run_n INTEGER, run_p50_ns INTEGER, run_p90_ns INTEGER, run_p99_ns INTEGER, run_max_ns INTEGER,
  censored INTEGER NOT NULL, voided INTEGER NOT NULL, unmatched INTEGER NOT NULL);
CREATE TABLE softirq_summary(
  vector TEXT NOT NULL,
  raise_to_entry_n INTEGER, raise_to_entry_p50_ns INTEGER, raise_to_entry_p90_ns INTEGER,
  raise_to_entry_p99_ns INTEGER, raise_to_entry_max_ns INTEGER,
  entries INTEGER NOT NULL, in_ksoftirqd INTEGER NOT NULL, censored INTEGER NOT NULL, voided INTEGER NOT NULL);
CREATE TABLE tasklet_summary(
  function TEXT NOT NULL,
  raise_to_entry_n INTEGER, raise_to_entry_p50_ns INTEGER, raise_to_entry_p90_ns INTEGER,
  raise_to_entry_p99_ns INTEGER, raise_to_entry_max_ns INTEGER,
  run_n INTEGER, run_p50_ns INTEGER, run_p90_ns INTEGER, run_p99_ns INTEGER, run_max_ns INTEGER);
CREATE TABLE cpu_summary(
  cpu INTEGER PRIMARY KEY, first_ns INTEGER NOT NULL, last_ns INTEGER NOT NULL, events INTEGER NOT NULL,
  gaps INTEGER NOT NULL, lost INTEGER NOT NULL, lost_unknown INTEGER NOT NULL,
  kernel_overrun INTEGER, kernel_dropped INTEGER);
CREATE TABLE undecidable(class TEXT PRIMARY KEY, sleeps INTEGER NOT NULL, needs TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE finding(
  id TEXT NOT NULL, group_id TEXT NOT NULL, check_name TEXT NOT NULL, class TEXT NOT NULL, confidence TEXT NOT NULL,
  pid INTEGER NOT NULL, comm TEXT NOT NULL, cpu INTEGER, start_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL,
  waited_ns INTEGER NOT NULL, waker_pid INTEGER, waker_comm TEXT, explanation TEXT NOT NULL);
CREATE INDEX finding_by_start ON finding(start_ns);
CREATE INDEX finding_by_id ON finding(id);
CREATE TABLE finding_evidence(
  finding_id TEXT NOT NULL, position INTEGER NOT NULL, cpu INTEGER NOT NULL, ts_ns INTEGER NOT NULL,
  event TEXT NOT NULL);
CREATE INDEX finding_evidence_by_finding ON finding_evidence(finding_id, position);
CREATE TABLE anomaly(name TEXT PRIMARY KEY, severity TEXT NOT NULL, n INTEGER NOT NULL, sentence TEXT NOT NULL)
  WITHOUT ROWID;
)sql";

// What a live server adds: several infos of one task over time, findings that are told once, parts of a longer session.
constexpr const char* kVersion2 = R"sql(
CREATE TABLE thread_2(
  pid INTEGER NOT NULL, start_ticks INTEGER NOT NULL,
  first_seen_ns INTEGER NOT NULL,   -- since when this holds
  comm TEXT NOT NULL, flags INTEGER NOT NULL, parent_pid INTEGER, affinity TEXT, policy INTEGER,
  rt_priority INTEGER NOT NULL, from_inventory INTEGER NOT NULL,
  PRIMARY KEY(pid, start_ticks, first_seen_ns)) WITHOUT ROWID;
INSERT INTO thread_2 SELECT pid, start_ticks, first_seen_ns, comm, flags, parent_pid, affinity, policy, rt_priority,
  from_inventory FROM thread;
DROP TABLE thread;
ALTER TABLE thread_2 RENAME TO thread;

ALTER TABLE session ADD COLUMN loss_marked INTEGER NOT NULL DEFAULT 0;  -- every loss of events is a gap

DELETE FROM finding WHERE rowid NOT IN (SELECT min(rowid) FROM finding GROUP BY id);
DELETE FROM finding_evidence WHERE rowid NOT IN
  (SELECT min(rowid) FROM finding_evidence GROUP BY finding_id, position);
ALTER TABLE finding ADD COLUMN kind TEXT NOT NULL DEFAULT '';  -- of the thread that suffered
DROP INDEX finding_by_id;
CREATE UNIQUE INDEX finding_by_id ON finding(id);

CREATE TABLE part_start(
  cpu INTEGER PRIMARY KEY,
  events INTEGER NOT NULL,          -- of this CPU in earlier parts: the number of its first event here
  last_ns INTEGER NOT NULL);        -- of the last of them
CREATE TABLE checkpoint(
  id INTEGER PRIMARY KEY CHECK(id = 1), sequence INTEGER NOT NULL, watermark_ns INTEGER NOT NULL,
  merged TEXT NOT NULL,             -- events analysed by CPU, "0=1200 1=800"
  state BLOB NOT NULL, extra BLOB NOT NULL);
CREATE TABLE timeline(
  cpu INTEGER NOT NULL, level INTEGER NOT NULL, first_bin INTEGER NOT NULL, bins INTEGER NOT NULL, bytes BLOB NOT NULL,
  PRIMARY KEY(cpu, level, first_bin)) WITHOUT ROWID;
)sql";

// Every measured wait of kernel threads, and what they deserved; the rules of the scheduler model. Columns that an
// older report did not fill are NULL.
constexpr const char* kVersion3 = R"sql(
CREATE TABLE wait_chunk(
  first_wait INTEGER PRIMARY KEY,   -- number of its first wait, from 0 at the session's begin
  first_ns INTEGER NOT NULL,        -- the earliest begin of its waits
  last_ns INTEGER NOT NULL,         -- the latest end
  n INTEGER NOT NULL,               -- waits
  assumed INTEGER NOT NULL,         -- of these, where the task may run was not known
  sum_latency_ns INTEGER NOT NULL, sum_excess_ns INTEGER NOT NULL,
  sum_delivery_ns INTEGER NOT NULL, sum_idle_exit_ns INTEGER NOT NULL, sum_hardirq_ns INTEGER NOT NULL,
  sum_softirq_ns INTEGER NOT NULL, sum_higher_ns INTEGER NOT NULL, sum_equal_ns INTEGER NOT NULL,
  sum_lower_ns INTEGER NOT NULL, sum_migration_ns INTEGER NOT NULL, sum_off_ns INTEGER NOT NULL,
  sum_unexplained_ns INTEGER NOT NULL,
  bytes BLOB NOT NULL);
CREATE INDEX wait_chunk_by_time ON wait_chunk(first_ns, last_ns, n);
CREATE TABLE model_rule(
  name TEXT PRIMARY KEY, version INTEGER NOT NULL, title TEXT NOT NULL,
  checked INTEGER NOT NULL,         -- how often it could have been broken
  violations INTEGER NOT NULL, missing INTEGER NOT NULL, artefacts INTEGER NOT NULL, voided INTEGER NOT NULL)
  WITHOUT ROWID;

ALTER TABLE thread_summary ADD COLUMN excess_latency_n INTEGER;
ALTER TABLE thread_summary ADD COLUMN excess_latency_p50_ns INTEGER;
ALTER TABLE thread_summary ADD COLUMN excess_latency_p90_ns INTEGER;
ALTER TABLE thread_summary ADD COLUMN excess_latency_p99_ns INTEGER;
ALTER TABLE thread_summary ADD COLUMN excess_latency_max_ns INTEGER;
ALTER TABLE thread_summary ADD COLUMN assumed_affinity INTEGER;
-- What the wakeup latencies and the preempted waits were spent on.
ALTER TABLE thread_summary ADD COLUMN sum_delivery_ns INTEGER;
ALTER TABLE thread_summary ADD COLUMN sum_idle_exit_ns INTEGER;
ALTER TABLE thread_summary ADD COLUMN sum_hardirq_ns INTEGER;
ALTER TABLE thread_summary ADD COLUMN sum_softirq_ns INTEGER;
ALTER TABLE thread_summary ADD COLUMN sum_higher_ns INTEGER;
ALTER TABLE thread_summary ADD COLUMN sum_equal_ns INTEGER;
ALTER TABLE thread_summary ADD COLUMN sum_lower_ns INTEGER;
ALTER TABLE thread_summary ADD COLUMN sum_migration_ns INTEGER;
ALTER TABLE thread_summary ADD COLUMN sum_off_ns INTEGER;
ALTER TABLE thread_summary ADD COLUMN sum_unexplained_ns INTEGER;
ALTER TABLE thread_summary ADD COLUMN preempted_sum_delivery_ns INTEGER;
ALTER TABLE thread_summary ADD COLUMN preempted_sum_idle_exit_ns INTEGER;
ALTER TABLE thread_summary ADD COLUMN preempted_sum_hardirq_ns INTEGER;
ALTER TABLE thread_summary ADD COLUMN preempted_sum_softirq_ns INTEGER;
ALTER TABLE thread_summary ADD COLUMN preempted_sum_higher_ns INTEGER;
ALTER TABLE thread_summary ADD COLUMN preempted_sum_equal_ns INTEGER;
ALTER TABLE thread_summary ADD COLUMN preempted_sum_lower_ns INTEGER;
ALTER TABLE thread_summary ADD COLUMN preempted_sum_migration_ns INTEGER;
ALTER TABLE thread_summary ADD COLUMN preempted_sum_off_ns INTEGER;
ALTER TABLE thread_summary ADD COLUMN preempted_sum_unexplained_ns INTEGER;
)sql";

// What a finding that is no measured delay rests on, findings that have not ended yet, what /proc said of their tasks,
// and how obligations ended.
constexpr const char* kVersion4 = R"sql(
ALTER TABLE finding ADD COLUMN rule TEXT NOT NULL DEFAULT '';
ALTER TABLE finding ADD COLUMN assumption TEXT NOT NULL DEFAULT '';
ALTER TABLE finding ADD COLUMN would_raise TEXT NOT NULL DEFAULT '';
ALTER TABLE finding ADD COLUMN open INTEGER NOT NULL DEFAULT 0;  -- it had not ended by end_ns
CREATE INDEX finding_open ON finding(id) WHERE open;
CREATE INDEX finding_by_group ON finding(group_id, start_ns);
CREATE TABLE finding_snapshot(
  finding_id TEXT NOT NULL,
  role TEXT NOT NULL,               -- of the task in the finding: 'suspect', 'waker'
  pid INTEGER NOT NULL, ts_ns INTEGER NOT NULL, stack TEXT NOT NULL, wchan TEXT NOT NULL, status TEXT NOT NULL,
  error TEXT NOT NULL);             -- why there is none of them
CREATE UNIQUE INDEX finding_snapshot_by_finding ON finding_snapshot(finding_id, role);
CREATE TABLE obligation(
  class TEXT PRIMARY KEY,
  opened INTEGER NOT NULL,          -- the sum of the others
  discharged INTEGER NOT NULL, late INTEGER NOT NULL, expired INTEGER NOT NULL, censored INTEGER NOT NULL,
  voided INTEGER NOT NULL, unlearned INTEGER NOT NULL, open INTEGER NOT NULL) WITHOUT ROWID;
)sql";

// What the protocol checker says of the protocols it ships with; empty in recordings that were made without it.
constexpr const char* kVersion5 = R"sql(
CREATE TABLE protocol_verdict(
  name TEXT NOT NULL, memory TEXT NOT NULL, verdict TEXT NOT NULL,
  property TEXT NOT NULL,           -- that is broken; '' where none is
  expected TEXT NOT NULL,           -- what the protocol's own text says
  states INTEGER NOT NULL, depth INTEGER NOT NULL,
  steps INTEGER NOT NULL,           -- of the shortest counterexample
  checker_version INTEGER NOT NULL, text_hash TEXT NOT NULL,
  PRIMARY KEY(name, memory)) WITHOUT ROWID;
)sql";

constexpr std::array kMigrations = {MigrationStep{1, kVersion1}, MigrationStep{2, kVersion2},
                                    MigrationStep{3, kVersion3}, MigrationStep{4, kVersion4},
                                    MigrationStep{5, kVersion5}};
static_assert(kMigrations.back().version == kRecordingSchemaVersion);

constexpr size_t kHeaderBytes = 100;  // Source: https://www.sqlite.org/fileformat2.html#the_database_header
constexpr std::string_view kMagic{"SQLite format 3\0", 16};
constexpr size_t kApplicationIdOffset = 68;

constexpr auto kTables = std::to_array<const char*>({"anomaly",
                                                     "batch",
                                                     "checkpoint",
                                                     "chunk",
                                                     "clock_pair",
                                                     "cpu",
                                                     "cpu_stats",
                                                     "cpu_summary",
                                                     "event_count",
                                                     "finding",
                                                     "finding_evidence",
                                                     "finding_snapshot",
                                                     "format",
                                                     "formats",
                                                     "frontier",
                                                     "gap",
                                                     "meta",
                                                     "model_rule",
                                                     "obligation",
                                                     "part_start",
                                                     "profile_change",
                                                     "protocol_verdict",
                                                     "report_info",
                                                     "session",
                                                     "softirq_summary",
                                                     "symbol",
                                                     "tasklet_summary",
                                                     "thread",
                                                     "thread_summary",
                                                     "timeline",
                                                     "undecidable",
                                                     "wait_chunk",
                                                     "work_summary"});

// A made-up file could put a view or a virtual table where a table belongs.
Status CheckTables(const Database& db) {
  auto statement =
      db.Prepare("SELECT count(*) FROM main.sqlite_schema WHERE name = ?1 AND type = 'table' AND rootpage > 0");
  if (!statement) return tl::unexpected<Error>(std::move(statement.error()));
  for (const char* table : kTables) {
    statement->Reset();
    statement->Bind(table);
    const auto row = statement->Step();
    if (!row) return tl::unexpected<Error>(row.error());
    if (statement->Integer(0) != 1) {
      return Fail(Error{ErrorCode::kCorrupt, std::string("the recording has no table ") + table, db.path()});
    }
  }
  return {};
}

}  // namespace

std::span<const MigrationStep> Migrations() { return kMigrations; }

std::span<const char* const> RecordingTables() { return kTables; }

Status Migrate(Database& db, std::span<const MigrationStep> steps) {
  auto version = db.Integer("PRAGMA user_version");
  if (!version) return tl::unexpected<Error>(std::move(version.error()));
  for (const MigrationStep& step : steps) {
    if (step.version <= *version) continue;
    const std::string sql = "BEGIN IMMEDIATE;" + std::string(step.sql) +
                            "; PRAGMA application_id = " + std::to_string(kRecordingApplicationId) +
                            "; PRAGMA user_version = " + std::to_string(step.version) + "; COMMIT;";
    if (auto status = db.Exec(sql.c_str()); !status) {
      Error error = std::move(status.error());
      // The transaction may already be gone; then there is nothing to undo.
      if (sqlite3_get_autocommit(db.get()) == 0) (void)db.Exec("ROLLBACK");
      error.cause = "bringing the schema to version " + std::to_string(step.version) + ": " + error.cause;
      return Fail(std::move(error));
    }
  }
  return {};
}

bool HasSqliteHeader(const std::string& path, bool only_recordings) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), &std::fclose);
  uint8_t header[kHeaderBytes];
  if (file == nullptr || std::fread(header, 1, sizeof header, file.get()) != sizeof header) return false;
  if (std::string_view(reinterpret_cast<const char*>(header), kMagic.size()) != kMagic) return false;
  return !only_recordings || Load<uint32_t>(header + kApplicationIdOffset, std::endian::big) == kRecordingApplicationId;
}

Result<int> CheckSchema(const Database& db, int newest) {
  const auto application = db.Integer("PRAGMA application_id");
  if (!application) return tl::unexpected<Error>(application.error());
  if (static_cast<uint32_t>(*application) != kRecordingApplicationId) {
    return Fail(Error{ErrorCode::kUnsupported, "an SQLite file, but not a Wakewatch recording", db.path()});
  }
  const auto version = db.Integer("PRAGMA user_version");
  if (!version) return tl::unexpected<Error>(version.error());
  if (*version > newest) {
    return Fail(Error{ErrorCode::kUnsupported,
                      "written by a newer Wakewatch (schema " + std::to_string(*version) + ", this one reads up to " +
                          std::to_string(newest) + ")",
                      db.path(),
                      {},
                      "upgrade wakewatch"});
  }
  if (*version < 1) {
    return Fail(Error{ErrorCode::kCorrupt, "a recording with schema version " + std::to_string(*version), db.path()});
  }
  return static_cast<int>(*version);
}

Result<Database> OpenRecordingFile(const std::string& path, Database::Threads threads,
                                   std::span<const MigrationStep> steps) {
  auto db = Database::Open(path, Database::Mode::kRead, threads);
  if (!db) return db;
  const int newest = steps.back().version;
  const auto version = CheckSchema(*db, newest);
  if (!version) return tl::unexpected<Error>(version.error());
  if (*version < newest) {
    auto writable = Database::Open(path, Database::Mode::kWrite);
    auto migrated = writable ? Migrate(*writable, steps) : Status(tl::unexpected<Error>(writable.error()));
    if (!migrated) {
      migrated.error().remedy = "an older recording is migrated when it is first read: make it writable, or copy it";
      return tl::unexpected<Error>(std::move(migrated.error()));
    }
    writable = Fail(ErrorCode::kInternal, "closed");
    db = Database::Open(path, Database::Mode::kRead, threads);
    if (!db) return db;
  }
  if (auto status = CheckTables(*db); !status) return tl::unexpected<Error>(std::move(status.error()));
  return db;
}

}  // namespace wakewatch
