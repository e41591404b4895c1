#include "server/store/part_writer.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <set>
#include <string_view>
#include <utility>

#include "server/store/new_part.h"
#include "server/store/part_files.h"
#include "server/store/recording_writer.h"
#include "server/store/schema.h"
#include "server/store/wait_rows.h"

namespace wakewatch {
namespace {

// A log of 4 MiB: hundreds of sessions have one each, and copying it into the file costs syncs every some 80 commits.
constexpr const char* kSettings =
    "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 1024; PRAGMA cache_size = -";

// For somebody who reads a closed part, which cannot be made to be written meanwhile.
constexpr int kReadersPatienceMs = 100;

std::string MergedText(const std::map<uint32_t, uint64_t>& merged) {
  std::string text;
  for (const auto& [cpu, events] : merged) {
    text += (text.empty() ? "" : " ") + std::to_string(cpu) + "=" + std::to_string(events);
  }
  return text;
}

std::optional<std::map<uint32_t, uint64_t>> MergedFrom(std::string_view text) {
  std::map<uint32_t, uint64_t> merged;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    uint32_t cpu = 0;
    uint64_t events = 0;
    auto read = std::from_chars(at, end, cpu);
    if (read.ec != std::errc() || read.ptr == end || *read.ptr != '=') return std::nullopt;
    read = std::from_chars(read.ptr + 1, end, events);
    if (read.ec != std::errc() || (read.ptr != end && *read.ptr != ' ')) return std::nullopt;
    at = read.ptr == end ? end : read.ptr + 1;
    merged[cpu] = events;
  }
  return merged;
}

uint64_t NumberFrom(const std::string& text) {
  uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

Result<std::unique_ptr<PartWriter>> PartWriter::Open(const std::string& path, const SessionStoreOptions& options) {
  auto db = Database::Open(path, Database::Mode::kWrite);
  if (!db) return tl::unexpected<Error>(std::move(db.error()));
  const auto version = CheckSchema(*db, kRecordingSchemaVersion);
  if (!version) return tl::unexpected<Error>(version.error());
  STORE_TRY(Migrate(*db, Migrations()));
  std::unique_ptr<PartWriter> part(new PartWriter(std::move(*db)));
  STORE_TRY(part->Configure(options));
  STORE_TRY(part->LoadSession());
  STORE_TRY(part->LoadNumbers());
  STORE_TRY(part->LoadState());
  return part;
}

Status PartWriter::Configure(const SessionStoreOptions& options) {
  sqlite3_busy_timeout(db_.get(), kReadersPatienceMs);
  auto logged = db_.Exec("PRAGMA journal_mode = WAL");
  held_ = !logged && (sqlite3_extended_errcode(db_.get()) & 0xff) == SQLITE_BUSY;
  if (!logged && !held_) return logged;
  sqlite3_busy_timeout(db_.get(), Database::kBusyTimeoutMs);
  STORE_TRY(db_.Exec((kSettings + std::to_string(std::max(options.cache_kb, 16))).c_str()));
  if (options.pages_max > 0) {
    STORE_TRY(db_.Exec(("PRAGMA max_page_count = " + std::to_string(options.pages_max)).c_str()));
  }
  auto pages = db_.Prepare("PRAGMA page_count");
  if (!pages) return tl::unexpected<Error>(std::move(pages.error()));
  page_count_ = std::move(*pages);
  return {};
}

Status PartWriter::LoadSession() {
  auto row = db_.Prepare(
      "SELECT id, host, boot_id, session, kernel, clock, collector_version, cpus, loss_marked FROM session "
      "ORDER BY id LIMIT 1");
  if (!row) return tl::unexpected<Error>(std::move(row.error()));
  const auto found = row->Step();
  if (!found) return tl::unexpected<Error>(found.error());
  if (!*found) return Fail(Error{ErrorCode::kCorrupt, "a part of a recording that names no session", db_.path()});
  session_ = {row->Text(1),
              row->Text(2),
              row->Text(3),
              row->Text(4),
              row->Text(5),
              row->Text(6),
              static_cast<uint32_t>(row->Integer(7)),
              row->Integer(8) != 0};
  BatchStorer::Position position;
  position.session_id = row->Integer(0);
  storer_.set_position(std::move(position));
  return {};
}

// Numbers go on behind the chunks and gaps that are here, and behind earlier parts.
Status PartWriter::LoadNumbers() {
  BatchStorer::Position position = storer_.position();
  CpuNumbers earlier;
  auto rows = db_.Prepare(
      "SELECT cpu, events, last_ns, 1 FROM part_start UNION ALL "
      "SELECT cpu, max(first_event_no + events), 0, 0 FROM chunk GROUP BY cpu UNION ALL "
      "SELECT cpu, max(event_no), 0, 0 FROM gap GROUP BY cpu");
  if (!rows) return tl::unexpected<Error>(std::move(rows.error()));
  for (auto row = rows->Step();; row = rows->Step()) {
    if (!row) return tl::unexpected<Error>(row.error());
    if (!*row) break;
    const auto cpu = static_cast<uint32_t>(rows->Integer(0));
    uint64_t& events = position.events[cpu];
    events = std::max(events, rows->Unsigned(1));
    if (rows->Integer(3) != 0) {
      earlier[cpu] = rows->Unsigned(1);
      previous_end_ns_ = std::max(previous_end_ns_, rows->Unsigned(2));
    }
  }
  const auto gaps = db_.Integer("SELECT count(*) FROM gap");
  if (!gaps) return tl::unexpected<Error>(gaps.error());
  position.gaps = static_cast<uint64_t>(*gaps);
  storer_ = BatchStorer(db_, std::move(earlier), std::move(position));
  return {};
}

Status PartWriter::LoadState() {
  const auto summary = SummarisePart(db_);
  if (!summary) return tl::unexpected<Error>(summary.error());
  trimmed_ = summary->trimmed;
  state_.events = summary->events;
  state_.findings = summary->findings;
  state_.start_ns = summary->start_ns;
  state_.end_ns = summary->end_ns;
  state_.ended = summary->ended;
  auto batches = db_.Prepare("SELECT count(*), max(sequence) FROM batch WHERE session_id = ?1");
  if (!batches) return tl::unexpected<Error>(std::move(batches.error()));
  batches->Bind(storer_.position().session_id);
  const auto row = batches->Step();
  if (!row) return tl::unexpected<Error>(row.error());
  state_.batches = batches->Unsigned(0);
  const auto before = GetMeta(db_, "sequence_before"), sealed = GetMeta(db_, "sealed"),
             previous = GetMeta(db_, "previous");
  if (!before || !sealed || !previous) {
    return Fail(!before ? before.error() : !sealed ? sealed.error() : previous.error());
  }
  state_.sequence = std::max(NumberFrom(*before), batches->Unsigned(1));
  state_.sealed = !sealed->empty();
  if (PartNumber(*previous)) {
    previous_ = (std::filesystem::path(db_.path()).parent_path() / *previous).string();
  }
  const auto pages = db_.Integer("PRAGMA page_count"), page_bytes = db_.Integer("PRAGMA page_size");
  if (!pages || !page_bytes) return tl::unexpected<Error>(!pages ? pages.error() : page_bytes.error());
  page_bytes_ = static_cast<uint64_t>(*page_bytes);
  state_.bytes = static_cast<uint64_t>(*pages) * page_bytes_;
  return {};
}

Status PartWriter::Commit(const std::vector<const Batch*>& batches, const AnalysisRows& rows) {
  const BatchStorer::Position position = storer_.position();
  const State state = state_;
  const auto store = [&]() -> Status {
    auto transaction = Transaction::Begin(db_);
    if (!transaction) return tl::unexpected<Error>(std::move(transaction.error()));
    STORE_TRY(Store(batches, rows));
    return transaction->Commit();
  };
  auto status = store();
  if (!status) {
    storer_.set_position(position);
    state_ = state;
    return status;
  }
  for (const Batch* batch : batches) {
    if (batch->session) session_ = *batch->session;
  }
  return status;
}

Status PartWriter::Store(const std::vector<const Batch*>& batches, const AnalysisRows& rows) {
  for (const Batch* batch : batches) {
    const auto stored = storer_.Store(*batch);
    if (!stored) return tl::unexpected<Error>(stored.error());
    state_.sequence = batch->sequence;
    ++state_.batches;
    for (const Chunk& chunk : batch->chunks) {
      state_.events += chunk.events;
      state_.start_ns = std::min(state_.start_ns, chunk.first_ns);
      state_.end_ns = std::max(state_.end_ns, chunk.last_ns);
    }
  }
  for (const GapRecord& gap : rows.gaps) STORE_TRY(storer_.StoreGap(gap));
  STORE_TRY(StoreFlags(batches));
  STORE_TRY(StoreFindings(rows.findings));
  STORE_TRY(AddSnapshots(db_, rows.snapshots));
  STORE_TRY(StoreTimeline(rows.timeline));
  if (rows.waits_from) STORE_TRY(RemoveWaitsFrom(db_, *rows.waits_from));
  if (!rows.waits.empty() || rows.checkpoint) STORE_TRY(WriteWaits(db_, rows.waits));
  if (rows.summaries != nullptr) STORE_TRY(WriteSummaries(db_, *rows.summaries));
  if (!rows.verdicts.empty()) STORE_TRY(WriteVerdicts(db_, rows.verdicts));
  if (rows.checkpoint) STORE_TRY(StoreCheckpoint(*rows.checkpoint));
  page_count_.Reset();
  const auto pages = page_count_.Step();
  if (!pages) return tl::unexpected<Error>(pages.error());
  state_.bytes = page_count_.Unsigned(0) * page_bytes_;
  page_count_.Reset();
  return {};
}

Status PartWriter::StoreFlags(const std::vector<const Batch*>& batches) {
  const bool ends = std::any_of(batches.begin(), batches.end(), [](const Batch* batch) { return batch->last; });
  if (ends && !state_.ended) {
    STORE_TRY(PutMeta(db_, "ended", "1"));
    state_.ended = true;
  }
  if (state_.sealed && !batches.empty()) {
    STORE_TRY(db_.Exec("DELETE FROM meta WHERE key = 'sealed'"));
    state_.sealed = false;
  }
  return {};
}

Status PartWriter::StoreFindings(std::span<const Finding> findings) {
  if (findings.empty()) return {};
  const auto fresh = NotInPreviousPart(findings);
  if (!fresh) return tl::unexpected<Error>(fresh.error());
  const auto added = AddFindings(db_, *fresh);
  if (!added) return tl::unexpected<Error>(added.error());
  state_.findings += *added;
  return {};
}

// Analysis that goes on at a checkpoint finds again what it had found behind it, maybe when the part before was
// written. What had not ended there was carried over.
Result<std::vector<Finding>> PartWriter::NotInPreviousPart(std::span<const Finding> findings) const {
  std::vector<Finding> fresh(findings.begin(), findings.end());
  const auto old = [&](const Finding& finding) { return finding.end_ns <= previous_end_ns_; };
  if (previous_.empty() || std::none_of(fresh.begin(), fresh.end(), old)) return fresh;
  auto db = OpenRecordingFile(previous_);
  auto known = db ? db->Prepare("SELECT 1 FROM main.finding WHERE id = ?1 AND NOT open") : Result<Statement>(Fail(db.error()));
  if (!known) return fresh;  // that part is gone or cannot be read, and its findings with it
  std::set<std::string> ids;
  for (const Finding& finding : fresh) {
    known->Reset();
    known->Bind(finding.id);
    const auto row = known->Step();
    if (row && *row) ids.insert(finding.id);
  }
  std::erase_if(fresh, [&](const Finding& finding) { return ids.contains(finding.id); });
  return fresh;
}

Status PartWriter::StoreTimeline(std::span<const TimelineRow> rows) {
  if (rows.empty()) return {};
  if (put_timeline_.get() == nullptr) {
    auto put =
        db_.Prepare("INSERT OR REPLACE INTO timeline(cpu, level, first_bin, bins, bytes) VALUES(?1, ?2, ?3, ?4, ?5)");
    if (!put) return tl::unexpected<Error>(std::move(put.error()));
    put_timeline_ = std::move(*put);
  }
  for (const TimelineRow& row : rows) {
    STORE_TRY(put_timeline_.Run(row.cpu, row.level, row.first_bin, row.bins, Bytes(row.bytes)));
  }
  return {};
}

Status PartWriter::StoreCheckpoint(const Checkpoint& checkpoint) {
  if (put_checkpoint_.get() == nullptr) {
    auto put = db_.Prepare(
        "INSERT OR REPLACE INTO checkpoint(id, sequence, watermark_ns, merged, state, extra) "
        "VALUES(1, ?1, ?2, ?3, ?4, ?5)");
    if (!put) return tl::unexpected<Error>(std::move(put.error()));
    put_checkpoint_ = std::move(*put);
  }
  return put_checkpoint_.Run(checkpoint.sequence, checkpoint.watermark_ns, MergedText(checkpoint.merged),
                             Bytes(checkpoint.state), Bytes(checkpoint.extra));
}

Result<std::optional<Checkpoint>> PartWriter::LoadCheckpoint() const {
  auto row = db_.Prepare("SELECT sequence, watermark_ns, merged, state, extra FROM checkpoint");
  if (!row) return tl::unexpected<Error>(std::move(row.error()));
  const auto found = row->Step();
  if (!found) return tl::unexpected<Error>(found.error());
  if (!*found) return std::nullopt;
  auto merged = MergedFrom(row->Text(2));
  if (!merged) {
    return Fail(Error{ErrorCode::kCorrupt,
                      "the checkpoint of the analysis cannot be read",
                      db_.path(),
                      {},
                      "the analysis can begin again from the recording's first event"});
  }
  Checkpoint checkpoint{row->Unsigned(0), row->Unsigned(1), std::move(*merged), {}, {}};
  const Bytes state = row->Blob(3);
  checkpoint.state.assign(state.begin(), state.end());
  const Bytes extra = row->Blob(4);
  checkpoint.extra.assign(extra.begin(), extra.end());
  return checkpoint;
}

Result<PartSummary> PartWriter::Summary() const {
  PartSummary part;
  part.host = session_.host;
  part.boot_id = session_.boot_id;
  part.kernel = session_.kernel;
  part.start_ns = state_.start_ns;
  part.end_ns = state_.end_ns;
  part.findings = state_.findings;
  part.gaps = storer_.position().gaps;
  part.events = state_.events;
  part.ended = state_.ended;
  part.trimmed = trimmed_;
  part.bytes = BytesOf(db_.path());
  if (part.start_ns == UINT64_MAX) return part;
  const auto start = RealTime(db_, part.start_ns), end = RealTime(db_, part.end_ns);
  if (!start || !end) return tl::unexpected<Error>(!start ? start.error() : end.error());
  part.start_real_ns = *start;
  part.end_real_ns = *end;
  return part;
}

Status PartWriter::Close() {
  storer_ = BatchStorer(db_, {}, {});  // statements keep the file open
  for (Statement* statement : {&page_count_, &put_timeline_, &put_checkpoint_}) *statement = Statement();
  Database closing = std::exchange(db_, Database());
  if (held_) return {};
  STORE_TRY(NoteSpan(closing));
  return Settle(closing, {});
}

}  // namespace wakewatch
