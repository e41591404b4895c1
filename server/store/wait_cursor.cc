#include "server/store/wait_cursor.h"

#include <algorithm>
#include <utility>

namespace wakewatch {
namespace {

Result<std::vector<int64_t>> ChunksIn(const Database& db, const ScanRange& range) {
  // SQL's integers end where no time of a trace is.
  const auto signed_of = [](uint64_t ns) { return std::min<uint64_t>(ns, INT64_MAX); };
  std::vector<int64_t> chunks;
  auto rows = db.Prepare(
      "SELECT first_wait FROM main.wait_chunk INDEXED BY wait_chunk_by_time WHERE first_ns <= ?2 AND last_ns >= ?1");
  if (!rows) return tl::unexpected<Error>(std::move(rows.error()));
  rows->Bind(signed_of(range.low_ns), signed_of(range.high_ns));
  for (auto row = rows->Step();; row = rows->Step()) {
    if (!row) return tl::unexpected<Error>(row.error());
    if (!*row) break;
    chunks.push_back(rows->Integer(0));
  }
  std::sort(chunks.begin(), chunks.end());
  return chunks;
}

}  // namespace

Status WaitCursor::Start(const ScanRange& range) {
  range_ = range;
  chunks_.clear();
  next_ = 0;
  view_.reset();
  if (range.empty) return {};
  auto chunks = ChunksIn(store_->db(), range);
  if (!chunks) return tl::unexpected<Error>(std::move(chunks.error()));
  chunks_ = std::move(*chunks);
  if (load_.get() == nullptr) {
    auto load = store_->db().Prepare("SELECT bytes FROM main.wait_chunk WHERE first_wait = ?1");
    if (!load) return tl::unexpected<Error>(std::move(load.error()));
    load_ = std::move(*load);
  }
  return OpenNext();
}

Status WaitCursor::Advance() { return ++at_ < rows_.size() ? Status() : OpenNext(); }

Status WaitCursor::OpenNext() {
  view_.reset();
  while (next_ < chunks_.size()) {
    if (store_->Expired()) return Fail(ErrorCode::kInterrupted, "the deadline has passed");
    first_wait_ = chunks_[next_++];
    load_.Reset();
    load_.Bind(first_wait_);
    const auto found = load_.Step();
    if (!found) return tl::unexpected<Error>(found.error());
    if (!*found) continue;  // it was removed since it was listed
    const Bytes bytes = load_.Blob(0);
    bytes_.assign(bytes.begin(), bytes.end());
    load_.Reset();
    auto view = WaitView::Open(bytes_);
    if (!view) {
      store_->NoteUnreadableWaits(first_wait_, view.error());
      continue;
    }
    view_.emplace(std::move(*view));
    if (auto status = Select(range_); !status) {
      store_->NoteUnreadableWaits(first_wait_, status.error());
    } else if (!rows_.empty()) {
      at_ = 0;
      return {};
    }
    view_.reset();
  }
  return {};
}

Status WaitCursor::Select(const ScanRange& range) {
  rows_.clear();
  std::span<const uint64_t> pids, starts;
  if (range.pid) {
    const auto column = view_->Numbers(WaitColumn::kPid);
    if (!column) return tl::unexpected<Error>(column.error());
    pids = *column;
  }
  if (range.low_ns > view_->first_ns() || range.high_ns < view_->last_ns()) {
    const auto column = view_->Numbers(WaitColumn::kStart);
    if (!column) return tl::unexpected<Error>(column.error());
    starts = *column;
  }
  for (uint32_t row = 0; row < view_->waits(); ++row) {
    if (!pids.empty() && static_cast<int32_t>(pids[row]) != *range.pid) continue;
    if (!starts.empty() && (starts[row] < range.low_ns || starts[row] > range.high_ns)) continue;
    rows_.push_back(row);
  }
  return {};
}

Result<uint64_t> WaitCursor::Number(WaitColumn column) {
  const auto numbers = view_->Numbers(column);
  if (!numbers) return tl::unexpected<Error>(numbers.error());
  return (*numbers)[rows_[at_]];
}

Result<std::string_view> WaitCursor::Text(WaitText text) {
  const auto texts = view_->Text(text);
  if (!texts) return tl::unexpected<Error>(texts.error());
  return (*texts)->At(rows_[at_]);
}

}  // namespace wakewatch
