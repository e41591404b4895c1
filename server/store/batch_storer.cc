#include "server/store/batch_storer.h"

#include <algorithm>
#include <optional>
#include <string>

namespace wakewatch {
namespace {

constexpr uint32_t kCpuMax = UINT16_MAX;  // Event::cpu is 16 bits wide

// An info that says the same as the one before it, of the same task, says nothing.
constexpr const char* kPutThread =
    "INSERT OR REPLACE INTO thread(pid, start_ticks, first_seen_ns, comm, flags, parent_pid, affinity, policy, "
    "rt_priority, from_inventory) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10 WHERE NOT EXISTS(SELECT 1 FROM "
    "(SELECT * FROM thread WHERE pid = ?1 AND start_ticks = ?2 AND first_seen_ns <= ?3 ORDER BY first_seen_ns DESC "
    "LIMIT 1) WHERE comm IS ?4 AND flags IS ?5 AND parent_pid IS ?6 AND affinity IS ?7 AND policy IS ?8 AND "
    "rt_priority IS ?9 AND from_inventory IS ?10)";

std::optional<uint64_t> Known(uint64_t value, uint64_t unknown) {
  return value == unknown ? std::nullopt : std::optional<uint64_t>(value);
}
std::optional<int32_t> KnownId(int32_t value) { return value < 0 ? std::nullopt : std::optional<int32_t>(value); }

auto Find(auto& numbers, uint32_t cpu) {
  return std::lower_bound(numbers.begin(), numbers.end(), cpu,
                          [](const auto& number, uint32_t wanted) { return number.first < wanted; });
}

}  // namespace

uint64_t& CpuNumbers::operator[](uint32_t cpu) {
  const auto at = Find(numbers_, cpu);
  if (at != numbers_.end() && at->first == cpu) return at->second;
  return numbers_.insert(at, {cpu, 0})->second;
}

uint64_t CpuNumbers::Get(uint32_t cpu) const {
  const auto at = Find(numbers_, cpu);
  return at != numbers_.end() && at->first == cpu ? at->second : 0;
}

const char* BatchStorer::TextOf(Sql sql) {
  switch (sql) {
    case kInsertBatch: return "INSERT OR IGNORE INTO batch(session_id, sequence) VALUES(?1, ?2)";
    case kInsertChunk:
      return "INSERT INTO chunk(session_id, sequence, cpu, first_ns, last_ns, events, first_event_no, formats_hash, "
             "bytes) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    // A gap is announced with an open end when nothing came after it yet, and again when something did.
    case kUpdateGap:
      return "UPDATE gap SET end_ns = ?3, lost = ?4, cause = ?5 WHERE cpu = ?1 AND start_ns = ?2 AND end_ns IS NULL";
    case kInsertGap:
      return "INSERT INTO gap(session_id, cpu, start_ns, end_ns, lost, cause, event_no) "
             "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    case kEventsBeforeGap:
      return "SELECT first_event_no + events FROM chunk WHERE cpu = ?1 AND first_ns <= ?2 AND last_ns <= ?2 "
             "ORDER BY first_ns DESC, first_event_no DESC LIMIT 1";
    case kPutFrontier:
      return "INSERT INTO frontier(cpu, ts_ns) VALUES(?1, ?2) "
             "ON CONFLICT(cpu) DO UPDATE SET ts_ns = max(ts_ns, excluded.ts_ns)";
    case kPutClockPair: return "INSERT OR REPLACE INTO clock_pair(trace_ns, real_ns) VALUES(?1, ?2)";
    case kPutStats:
      return "INSERT OR REPLACE INTO cpu_stats(cpu, entries, overrun, commit_overrun, dropped, read) "
             "VALUES(?1, ?2, ?3, ?4, ?5, ?6)";
    case kSqlCount: break;
  }
  return "";
}

Result<Statement*> BatchStorer::Prepared(Sql sql) {
  Statement& statement = statements_[sql];
  if (statement.get() != nullptr) return &statement;
  auto prepared = db_->Prepare(TextOf(sql));
  if (!prepared) return tl::unexpected<Error>(std::move(prepared.error()));
  statement = std::move(*prepared);
  return &statement;
}

template <typename... Values>
Status BatchStorer::Run(Sql sql, const Values&... values) {
  auto statement = Prepared(sql);
  if (!statement) return tl::unexpected<Error>(std::move(statement.error()));
  return (*statement)->Run(values...);
}

Status BatchStorer::Check(const Batch& batch) {
  const auto refuse = [](std::string cause) -> Status { return Fail(ErrorCode::kInvalidArgument, std::move(cause)); };
  for (const Chunk& chunk : batch.chunks) {
    const auto name = [&] {
      return "batch " + std::to_string(batch.sequence) + ": a chunk of CPU " + std::to_string(chunk.cpu);
    };
    if (chunk.cpu > kCpuMax) return refuse(name() + ": no such CPU");
    if (chunk.events == 0 || chunk.bytes.empty()) return refuse(name() + " has no events");
    if (chunk.last_ns < chunk.first_ns) return refuse(name() + " ends before it begins");
    if (chunk.last_ns > static_cast<uint64_t>(INT64_MAX)) return refuse(name() + " has a time past 2^63 ns");
  }
  for (const GapRecord& gap : batch.gaps) {
    if (gap.cpu > kCpuMax || gap.start_ns > static_cast<uint64_t>(INT64_MAX)) {
      return refuse("batch " + std::to_string(batch.sequence) + ": a gap with no possible CPU or time");
    }
  }
  return {};
}

Result<bool> BatchStorer::Store(const Batch& batch) {
  if (batch.session || position_.session_id == 0) STORE_TRY(StoreSession(batch.session.value_or(SessionInfo{})));
  STORE_TRY(Run(kInsertBatch, position_.session_id, batch.sequence));
  if (sqlite3_changes(db_->get()) == 0) return false;
  if (batch.formats) STORE_TRY(StoreFormats(*batch.formats));
  STORE_TRY(StoreChunks(batch));
  for (const GapRecord& gap : batch.gaps) STORE_TRY(StoreGap(gap));
  STORE_TRY(StoreTasks(batch));
  STORE_TRY(StoreClocksAndCpus(batch));
  return true;
}

Status BatchStorer::StoreSession(const SessionInfo& session) {
  auto insert = db_->Prepare(
      "INSERT INTO session(host, boot_id, session, kernel, clock, collector_version, cpus, loss_marked) "
      "VALUES(?1,?2,?3,?4,?5,?6,?7,?8) "
      "ON CONFLICT(host, boot_id, session) DO UPDATE SET kernel = excluded.kernel, clock = excluded.clock, "
      "collector_version = excluded.collector_version, cpus = excluded.cpus, loss_marked = excluded.loss_marked "
      "RETURNING id");
  if (!insert) return tl::unexpected<Error>(std::move(insert.error()));
  insert->Bind(session.host, session.boot_id, session.session, session.kernel, session.clock, session.collector_version,
               session.cpus, session.loss_marked);
  const auto row = insert->Step();
  if (!row) return tl::unexpected<Error>(row.error());
  position_.session_id = insert->Integer(0);
  return {};
}

Status BatchStorer::StoreFormats(const FormatsDelta& formats) {
  auto table = db_->Prepare(
      "INSERT OR IGNORE INTO formats(hash, long_size, big_endian, page_size, header_page) VALUES(?1, ?2, ?3, ?4, ?5)");
  auto event = db_->Prepare("INSERT INTO format(hash, position, system, text) VALUES(?1, ?2, ?3, ?4)");
  if (!table || !event) return tl::unexpected<Error>(std::move(!table ? table.error() : event.error()));
  STORE_TRY(table->Run(formats.hash, formats.long_size, formats.big_endian, formats.page_size, formats.header_page));
  if (sqlite3_changes(db_->get()) == 0) return {};  // known already: one hash has one set of formats
  int64_t position = 0;
  for (const FormatDelta& format : formats.events) {
    STORE_TRY(event->Run(formats.hash, position++, format.system, format.text));
  }
  return {};
}

Status BatchStorer::StoreChunks(const Batch& batch) {
  for (const Chunk& chunk : batch.chunks) {
    uint64_t& stored = position_.events[chunk.cpu];
    STORE_TRY(Run(kInsertChunk, position_.session_id, batch.sequence, chunk.cpu, chunk.first_ns, chunk.last_ns,
                  chunk.events, stored, chunk.formats_hash, Bytes(chunk.bytes)));
    stored += chunk.events;
  }
  return {};
}

Status BatchStorer::StoreGap(const GapRecord& gap) {
  const auto end_ns = Known(gap.end_ns, UINT64_MAX);
  const auto lost = Known(gap.lost, kLostUnknown);
  const std::string_view cause = Name(gap.cause);
  STORE_TRY(Run(kUpdateGap, gap.cpu, gap.start_ns, end_ns, lost, cause));
  if (sqlite3_changes(db_->get()) > 0) return {};
  const auto event_no = EventNumberAfter(gap);
  if (!event_no) return tl::unexpected<Error>(event_no.error());
  ++position_.gaps;
  return Run(kInsertGap, position_.session_id, gap.cpu, gap.start_ns, end_ns, lost, cause, *event_no);
}

// A chunk never spans a gap, so a gap's place is between two chunks: behind the last that ends by its start.
Result<uint64_t> BatchStorer::EventNumberAfter(const GapRecord& gap) {
  auto statement = Prepared(kEventsBeforeGap);
  if (!statement) return tl::unexpected<Error>(std::move(statement.error()));
  (*statement)->Reset();
  (*statement)->Bind(gap.cpu, gap.start_ns);
  const auto row = (*statement)->Step();
  if (!row) return tl::unexpected<Error>(row.error());
  const uint64_t event_no = *row ? (*statement)->Unsigned(0) : earlier_.Get(gap.cpu);
  (*statement)->Reset();
  return event_no;
}

Status BatchStorer::StoreTasks(const Batch& batch) {
  if (!batch.symbols.empty()) {
    auto symbol = db_->Prepare("INSERT OR REPLACE INTO symbol(address, name) VALUES(?1, ?2)");
    if (!symbol) return tl::unexpected<Error>(std::move(symbol.error()));
    for (const Symbol& entry : batch.symbols) STORE_TRY(symbol->Run(entry.address, entry.name));
  }
  if (batch.threads.empty()) return {};
  auto thread = db_->Prepare(kPutThread);
  if (!thread) return tl::unexpected<Error>(std::move(thread.error()));
  for (const ThreadInfo& info : batch.threads) {
    const auto affinity = info.affinity.empty() ? std::nullopt : std::optional<std::string>(info.affinity);
    STORE_TRY(thread->Run(info.pid, info.start_ticks, info.first_seen_ns, info.comm, info.flags,
                          KnownId(info.parent_pid), affinity, KnownId(info.policy), info.rt_priority,
                          info.from_inventory));
  }
  return {};
}

Status BatchStorer::StoreClocksAndCpus(const Batch& batch) {
  for (const Frontier& frontier : batch.frontiers) STORE_TRY(Run(kPutFrontier, frontier.cpu, frontier.ts_ns));
  for (const ClockPair& pair : batch.clock_pairs) STORE_TRY(Run(kPutClockPair, pair.trace_ns, pair.real_ns));
  for (const CpuStats& stats : batch.stats) {
    STORE_TRY(Run(kPutStats, stats.cpu, stats.entries, stats.overrun, stats.commit_overrun, stats.dropped, stats.read));
  }
  if (!batch.cpus.empty()) {
    auto put = db_->Prepare(
        "INSERT OR REPLACE INTO cpu(cpu, since_ns, online, package, core, node) VALUES(?1, ?2, ?3, ?4, ?5, ?6)");
    if (!put) return tl::unexpected<Error>(std::move(put.error()));
    for (const CpuInfo& cpu : batch.cpus) {
      STORE_TRY(
          put->Run(cpu.cpu, cpu.since_ns, cpu.online, KnownId(cpu.package), KnownId(cpu.core), KnownId(cpu.node)));
    }
  }
  if (batch.profiles.empty()) return {};
  auto put = db_->Prepare("INSERT INTO profile_change(ts_ns, profile, events, reason) VALUES(?1, ?2, ?3, ?4)");
  if (!put) return tl::unexpected<Error>(std::move(put.error()));
  for (const ProfileChange& change : batch.profiles) {
    std::string events;
    for (const std::string& event : change.events) events += (events.empty() ? "" : " ") + event;
    STORE_TRY(put->Run(change.ts_ns, change.profile, events, change.reason));
  }
  return {};
}

}  // namespace wakewatch
