#include "server/store/wait_rows.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "analysis/report/wait_chunk.h"
#include "analysis/trace/clock_pairs.h"
#include "server/store/new_part.h"
#include "server/store/schema.h"

namespace wakewatch {
namespace {

// Everything up to here was analysed when the part was last written to.
Result<uint64_t> AnalysedUntil(const Database& db) {
  auto state = db.Prepare(
      "SELECT (SELECT max(coalesce((SELECT max(last_ns) FROM main.chunk), 0),"
      "                   coalesce((SELECT max(last_ns) FROM main.part_start), 0))),"
      "  (SELECT watermark_ns FROM main.checkpoint),"
      "  (SELECT count(*) FROM main.meta WHERE key = 'ended') > 0 AND (SELECT sequence FROM main.checkpoint) >="
      "    coalesce((SELECT max(sequence) FROM main.batch), 0)");
  if (!state) return tl::unexpected<Error>(std::move(state.error()));
  const auto row = state->Step();
  if (!row) return tl::unexpected<Error>(row.error());
  const bool whole = state->IsNull(1) || (!state->IsNull(2) && state->Integer(2) != 0);
  return state->Unsigned(whole ? 0 : 1);
}

}  // namespace

Status WriteWaits(Database& db, std::span<const WaitChunk> waits) {
  STORE_TRY(PutMeta(db, kKeepsWaits, "1"));
  if (waits.empty()) return {};
  static_assert(kBucketCount == 10);
  auto insert = db.Prepare(
      "INSERT OR REPLACE INTO wait_chunk VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, "
      "?17, ?18)");
  if (!insert) return tl::unexpected<Error>(std::move(insert.error()));
  for (const WaitChunk& chunk : waits) {
    const WaitSummary& sum = chunk.summary;
    const auto run = [&](const auto&... spent) {
      return insert->Run(chunk.first_wait, sum.first_ns, sum.last_ns, sum.n, sum.assumed, sum.latency_ns, sum.excess_ns,
                         spent..., Bytes(chunk.bytes));
    };
    STORE_TRY(std::apply(run, sum.buckets.ns));
  }
  return {};
}

Status RemoveWaitsFrom(Database& db, uint64_t first_wait) {
  auto remove = db.Prepare("DELETE FROM wait_chunk WHERE first_wait >= ?1");
  if (!remove) return tl::unexpected<Error>(std::move(remove.error()));
  return remove->Run(first_wait);
}

Result<StoredWaits> StoredWaits::Open(const std::vector<std::string>& parts) {
  StoredWaits waits;
  for (const std::string& path : parts) {
    auto db = OpenRecordingFile(path);
    if (!db) return tl::unexpected<Error>(std::move(db.error()));
    waits.parts_.push_back(std::move(*db));
  }
  if (waits.parts_.empty()) return waits;
  const auto kept = GetMeta(waits.parts_.back(), kKeepsWaits);
  if (!kept) return tl::unexpected<Error>(kept.error());
  waits.kept_ = !kept->empty();
  const auto until_ns = AnalysedUntil(waits.parts_.back());
  if (!until_ns) return tl::unexpected<Error>(until_ns.error());
  waits.until_ns_ = *until_ns;
  return waits;
}

Result<uint64_t> StoredWaits::TraceTime(uint64_t real_ns) const {
  std::vector<ClockPair> pairs;
  for (const Database& db : parts_) {
    auto rows = db.Prepare("SELECT trace_ns, real_ns FROM main.clock_pair");
    if (!rows) return tl::unexpected<Error>(std::move(rows.error()));
    for (auto row = rows->Step();; row = rows->Step()) {
      if (!row) return tl::unexpected<Error>(row.error());
      if (!*row) break;
      pairs.push_back({rows->Unsigned(0), rows->Unsigned(1)});
    }
  }
  return TraceTimeOf(real_ns, pairs);
}

Status StoredWaits::Read(std::span<const WaitChunk> tail, const WaitSpan& span, const std::function<bool()>& stop,
                         const std::function<void(const MeasuredWait&)>& visit) {
  // By part: the lowest number that a later one has.
  std::vector<uint64_t> before(parts_.size());
  uint64_t lowest = INT64_MAX;
  for (const WaitChunk& chunk : tail) lowest = std::min(lowest, chunk.first_wait);
  for (size_t part = parts_.size(); part-- > 0;) {
    before[part] = lowest;
    const auto first = parts_[part].Integer("SELECT coalesce(min(first_wait), -1) FROM main.wait_chunk");
    if (!first) return tl::unexpected<Error>(first.error());
    if (*first >= 0) lowest = std::min(lowest, static_cast<uint64_t>(*first));
  }
  for (size_t part = 0; part < parts_.size(); ++part)
    STORE_TRY(ReadPart(parts_[part], before[part], span, stop, visit));
  for (const WaitChunk& chunk : tail) ReadChunk(chunk.first_wait, chunk.bytes, UINT64_MAX, span, visit);
  return {};
}

Status StoredWaits::ReadPart(const Database& db, uint64_t before_wait, const WaitSpan& span,
                             const std::function<bool()>& stop, const std::function<void(const MeasuredWait&)>& visit) {
  auto rows = db.Prepare(
      "SELECT first_wait, bytes FROM main.wait_chunk WHERE first_wait IN (SELECT first_wait FROM main.wait_chunk "
      "INDEXED BY wait_chunk_by_time WHERE first_ns <= ?3 AND last_ns >= ?2) AND first_wait < ?1 ORDER BY first_wait");
  if (!rows) return tl::unexpected<Error>(std::move(rows.error()));
  // SQL's integers end where no time of a trace is.
  const auto signed_of = [](uint64_t ns) { return std::min<uint64_t>(ns, INT64_MAX); };
  rows->Bind(before_wait, signed_of(span.since_ns), signed_of(span.until_ns));
  for (auto row = rows->Step();; row = rows->Step()) {
    if (!row) return tl::unexpected<Error>(row.error());
    if (!*row) return {};
    if (stop && stop()) {
      return Fail(Error{.code = ErrorCode::kDeadline,
                        .cause = "reading the stored waits took too long",
                        .remedy = "ask for a shorter span"});
    }
    ReadChunk(rows->Unsigned(0), rows->Blob(1), before_wait, span, visit);
  }
}

void StoredWaits::ReadChunk(uint64_t first_wait, Bytes bytes, uint64_t before_wait, const WaitSpan& span,
                            const std::function<void(const MeasuredWait&)>& visit) {
  auto view = WaitView::Open(bytes);
  if (!view || !view->ReadAll()) {
    ++unreadable_;
    return;
  }
  const uint64_t count = std::min<uint64_t>(view->waits(), before_wait - first_wait);
  for (size_t i = 0; i < count; ++i) {
    const MeasuredWait wait = view->WaitAt(i);
    if (span.Holds(wait)) visit(wait);
  }
}

}  // namespace wakewatch
