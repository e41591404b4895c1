#include "server/store/new_part.h"

#include <filesystem>
#include <utility>

#include <unistd.h>

#include "server/store/part_files.h"
#include "server/store/schema.h"

namespace wakewatch {
namespace {

// What holds at the seam. Of things that change, the newest row of each: the parts before have the others, and a part
// must not grow with the age of its session.
constexpr const char* kCarryOver = R"sql(
INSERT INTO session SELECT * FROM old.session;
INSERT INTO formats SELECT * FROM old.formats;
INSERT INTO format SELECT * FROM old.format;
INSERT INTO symbol SELECT * FROM old.symbol;
INSERT INTO cpu SELECT * FROM old.cpu AS c WHERE since_ns = (SELECT max(since_ns) FROM old.cpu WHERE cpu = c.cpu);
INSERT INTO thread SELECT * FROM old.thread AS t WHERE NOT EXISTS(
  SELECT 1 FROM old.thread AS n WHERE n.pid = t.pid AND n.from_inventory = t.from_inventory
    AND (n.first_seen_ns, n.start_ticks) > (t.first_seen_ns, t.start_ticks));
INSERT INTO clock_pair SELECT * FROM old.clock_pair ORDER BY trace_ns DESC LIMIT 2;
INSERT INTO cpu_stats SELECT * FROM old.cpu_stats;
INSERT INTO frontier SELECT * FROM old.frontier;
INSERT INTO profile_change SELECT * FROM old.profile_change ORDER BY id DESC LIMIT 1;
INSERT INTO checkpoint SELECT * FROM old.checkpoint;
INSERT INTO meta SELECT * FROM old.meta WHERE key = 'keeps_waits';
INSERT INTO finding SELECT * FROM old.finding WHERE open;
INSERT INTO finding_evidence SELECT * FROM old.finding_evidence WHERE finding_id IN (SELECT id FROM main.finding);
INSERT INTO finding_snapshot SELECT * FROM old.finding_snapshot WHERE finding_id IN (SELECT id FROM main.finding);
)sql";

constexpr const char* kPutPartStart =
    "INSERT INTO part_start(cpu, events, last_ns) VALUES(?1, ?2, coalesce("
    "(SELECT last_ns FROM old.chunk WHERE cpu = ?1 ORDER BY first_ns DESC, first_event_no DESC LIMIT 1), "
    "(SELECT last_ns FROM old.part_start WHERE cpu = ?1), 0))";

// A gap after which nothing came goes on.
constexpr const char* kCarryGaps =
    "INSERT INTO gap(session_id, cpu, start_ns, end_ns, lost, cause, event_no) "
    "SELECT session_id, cpu, start_ns, end_ns, lost, cause, event_no FROM old.gap AS g WHERE end_ns IS NULL AND "
    "event_no >= coalesce((SELECT events FROM part_start WHERE cpu = g.cpu), 0)";

Status CarryOver(Database& db, const NewPart& part) {
  STORE_TRY(db.Exec(kCarryOver));
  auto start = db.Prepare(kPutPartStart);
  if (!start) return tl::unexpected<Error>(std::move(start.error()));
  for (const auto& [cpu, events] : part.events.all()) STORE_TRY(start->Run(cpu, events));
  STORE_TRY(db.Exec(kCarryGaps));
  return PutMeta(db, "previous", std::filesystem::path(part.previous).filename().string());
}

Status Fill(Database& db, const NewPart& part) {
  if (!part.previous.empty()) STORE_TRY(db.Attach(part.previous, "old"));
  STORE_TRY(db.Exec("BEGIN"));
  STORE_TRY(part.previous.empty() ? BatchStorer(db, {}, {}).StoreSession(part.session) : CarryOver(db, part));
  STORE_TRY(PutMeta(db, "host", part.session.host));
  STORE_TRY(PutMeta(db, "session", part.session.session));
  STORE_TRY(PutMeta(db, "part", std::to_string(part.number)));
  STORE_TRY(PutMeta(db, "sequence_before", std::to_string(part.sequence)));
  if (part.ended) STORE_TRY(PutMeta(db, "ended", "1"));
  return db.Exec("COMMIT");
}

}  // namespace

Status PutMeta(Database& db, const std::string& key, const std::string& value) {
  auto put = db.Prepare("INSERT OR REPLACE INTO meta(key, value) VALUES(?1, ?2)");
  if (!put) return tl::unexpected<Error>(std::move(put.error()));
  return put->Run(key, value);
}

Result<std::string> GetMeta(const Database& db, const std::string& key) {
  auto get = db.Prepare("SELECT value FROM main.meta WHERE key = ?1");
  if (!get) return tl::unexpected<Error>(std::move(get.error()));
  get->Bind(key);
  const auto row = get->Step();
  if (!row) return tl::unexpected<Error>(row.error());
  return *row ? get->Text(0) : std::string();
}

Status NoteSpan(Database& db) {
  return db.Exec(
      "INSERT OR REPLACE INTO meta(key, value) SELECT 'first_ns', first FROM (SELECT min(first_ns) AS first FROM chunk)"
      " WHERE first IS NOT NULL;"
      "INSERT OR REPLACE INTO meta(key, value) SELECT 'last_ns', last FROM (SELECT max(last_ns) AS last FROM chunk)"
      " WHERE last IS NOT NULL");
}

Result<Database> CreateUnfinished(const std::string& path) {
  DiscardUnfinished(path);
  auto db = Database::Open(path, Database::Mode::kCreate);
  if (!db) return db;
  // Small pages: a commit writes each page that it touched, most of them for a few bytes. Nobody sees the file until it
  // is whole, and PutInPlace makes it durable.
  STORE_TRY(db->Exec("PRAGMA page_size = 4096; PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF"));
  STORE_TRY(Migrate(*db, Migrations()));
  return db;
}

void DiscardUnfinished(const std::string& path) {
  unlink(path.c_str());
  unlink((path + "-journal").c_str());
}

Status MakePart(const std::string& folder, const NewPart& part) {
  const std::string path = PartPath(folder, part.number);
  const std::string unfinished = path + std::string(kUnfinishedSuffix);
  const auto make = [&]() -> Status {
    auto db = CreateUnfinished(unfinished);
    if (!db) return tl::unexpected<Error>(std::move(db.error()));
    return Fill(*db, part);
  };
  auto status = make();  // which has closed the file
  if (status) status = PutInPlace(unfinished, path);
  if (status) return {};
  DiscardUnfinished(unfinished);
  status.error().cause = "beginning a new part: " + status.error().cause;
  return status;
}

}  // namespace wakewatch
