#include "server/store/part_chain.h"

#include <algorithm>
#include <utility>

#include "server/store/part_files.h"
#include "server/store/schema.h"

namespace wakewatch {
namespace {

// The first column of the first row, or `none`.
Result<uint64_t> Number(const Database& db, const char* sql, uint32_t cpu, uint64_t none) {
  auto statement = db.Prepare(sql);
  if (!statement) return tl::unexpected<Error>(std::move(statement.error()));
  statement->Bind(cpu);
  const auto row = statement->Step();
  if (!row) return tl::unexpected<Error>(row.error());
  return *row ? statement->Unsigned(0) : none;
}

constexpr const char* kPartBegin = "SELECT events FROM main.part_start WHERE cpu = ?1";
// A trimmed part ends in a gap.
constexpr const char* kPartEnd =
    "SELECT max(coalesce((SELECT first_event_no + events FROM main.chunk INDEXED BY chunk_by_time WHERE cpu = ?1 "
    "ORDER BY first_ns DESC, first_event_no DESC LIMIT 1), 0), "
    "coalesce((SELECT max(event_no) FROM main.gap WHERE cpu = ?1), 0))";

}  // namespace

Result<std::shared_ptr<const Database>> PartSet::Open(size_t index) {
  const std::lock_guard lock(mutex_);
  if (auto db = open_[index].lock()) return db;
  auto opened = OpenRecordingFile(paths_[index], Database::Threads::kSerialised);
  if (!opened) return tl::unexpected<Error>(std::move(opened.error()));
  auto db = std::make_shared<const Database>(std::move(*opened));
  open_[index] = db;
  return db;
}

bool PartSet::Damaged(size_t index, const Error& error) const {
  switch (error.code) {
    case ErrorCode::kCorrupt:
    case ErrorCode::kTruncated:
    case ErrorCode::kNotFound: return true;
    // A recording of a newer version is whole, and must not look as if it had gaps.
    case ErrorCode::kUnsupported: return !HasSqliteHeader(paths_[index], true);
    default: return false;
  }
}

Result<std::unique_ptr<PartChainReader>> PartChainReader::Open(PartSet* parts, const ChunkFormatsList* formats,
                                                               uint32_t cpu, uint64_t first_event_no) {
  std::unique_ptr<PartChainReader> reader(new PartChainReader(parts, formats, cpu, first_event_no));
  if (first_event_no > 0) STORE_TRY(reader->FindStart());
  STORE_TRY(reader->OpenPart());
  return reader;
}

// The newest part that begins before the first event that is wanted; what stands between the two may be in there.
Status PartChainReader::FindStart() {
  next_event_ = first_event_no_;
  for (size_t i = parts_->size() - 1; i > 0; --i) {
    const auto db = parts_->Open(i);
    if (!db && parts_->Damaged(i, db.error())) continue;
    if (!db) return tl::unexpected<Error>(db.error());
    const auto begin = Number(**db, kPartBegin, cpu_, 0);
    if (!begin && !parts_->Damaged(i, begin.error())) return tl::unexpected<Error>(begin.error());
    if (begin && *begin < first_event_no_) {
      next_part_ = i;
      return {};
    }
  }
  return {};
}

// Opens the next part that can be read; reader_ stays empty when there is none.
Status PartChainReader::OpenPart() {
  while (next_part_ < parts_->size()) {
    const size_t index = next_part_++;
    const auto open = [&]() -> Status {
      auto db = parts_->Open(index);
      if (!db) return tl::unexpected<Error>(std::move(db.error()));
      const auto begin = Number(**db, kPartBegin, cpu_, 0);
      if (!begin) return tl::unexpected<Error>(begin.error());
      const auto end = Number(**db, kPartEnd, cpu_, 0);
      if (!end) return tl::unexpected<Error>(end.error());
      auto ignored = GapsToldLater(**db);
      if (!ignored) return tl::unexpected<Error>(std::move(ignored.error()));
      auto reader = RecordingReader::Open(**db, formats_, cpu_, {first_event_no_, last_ns_, std::move(*ignored)});
      if (!reader) return tl::unexpected<Error>(std::move(reader.error()));
      NoteSeam(*begin, PartNumber(parts_->path(index)).value_or(0));
      next_event_ = std::max({*begin, *end, next_event_.value_or(0)});
      reader_ = std::move(*reader);
      db_ = std::move(*db);
      return {};
    };
    const Status opened = open();
    if (opened) return {};
    if (parts_->size() == 1 || !parts_->Damaged(index, opened.error())) return opened;
    LeavePart(true);
  }
  if (std::exchange(part_damaged_, false)) AddGap(kLostUnknown);
  return {};
}

// A gap that is open where a part ends is carried into the next, which may know its end.
Result<std::vector<uint64_t>> PartChainReader::GapsToldLater(const Database& db) {
  std::vector<uint64_t> told;
  if (next_part_ == parts_->size()) return told;
  auto open = db.Prepare("SELECT start_ns FROM main.gap WHERE cpu = ?1 AND end_ns IS NULL");
  if (!open) return tl::unexpected<Error>(std::move(open.error()));
  open->Bind(cpu_);
  std::vector<uint64_t> starts;
  for (auto row = open->Step();; row = open->Step()) {
    if (!row) return tl::unexpected<Error>(row.error());
    if (!*row) break;
    starts.push_back(open->Unsigned(0));
  }
  if (starts.empty()) return told;
  const auto next = parts_->Open(next_part_);
  if (!next) return told;  // its turn to be looked at comes
  auto same = (*next)->Prepare("SELECT 1 FROM main.gap WHERE cpu = ?1 AND start_ns = ?2");
  if (!same) return told;
  for (const uint64_t start_ns : starts) {
    same->Reset();
    same->Bind(cpu_, start_ns);
    const auto row = same->Step();
    if (row && *row) told.push_back(start_ns);
  }
  return told;
}

// What lies between this part, which begins with event `begin`, and what was read before.
void PartChainReader::NoteSeam(uint64_t begin, uint32_t number) {
  const bool part_missing = number_ && number != *number_ + 1;
  const bool events_missing = next_event_ && begin > *next_event_;
  if (std::exchange(part_damaged_, false)) {
    AddGap(kLostUnknown);
  } else if (part_missing || events_missing) {
    AddGap(events_missing ? begin - *next_event_ : 0);
  }
  number_ = number;
}

void PartChainReader::AddGap(uint64_t lost) {
  Event gap{};
  gap.ts_ns = last_ns_;
  gap.cpu = static_cast<uint16_t>(cpu_);
  gap.type = EventType::kGap;
  gap.gap = {UINT64_MAX, lost, GapCause::kCollector};
  held_.push_back(gap);
  across_parts_ = true;
}

void PartChainReader::LeavePart(bool damaged) {
  if (reader_ != nullptr) anomalies_.Merge(reader_->anomalies());
  if (damaged) anomalies_.Add(Anomaly::kBadChunk);
  part_damaged_ |= damaged;
  across_parts_ |= !held_.empty();
  reader_.reset();
  db_.reset();
}

void PartChainReader::HoldOpenGaps(EventBlock* block) {
  const auto open = [](const Event& event) { return event.type == EventType::kGap && event.gap.end_ns == UINT64_MAX; };
  auto from = block->events.end();
  while (from != block->events.begin() && open(*std::prev(from))) --from;
  held_.insert(held_.end(), from, block->events.end());
  block->events.erase(from, block->events.end());
}

void PartChainReader::HandOutHeld(EventBlock* block) {
  if (across_parts_ && !block->events.empty()) {
    for (Event& gap : held_) gap.gap.end_ns = std::max(gap.ts_ns, block->events.front().ts_ns);
  }
  block->events.insert(block->events.begin(), held_.begin(), held_.end());
  held_.clear();
  across_parts_ = false;
}

Result<bool> PartChainReader::Fill(EventBlock* block, size_t target) {
  while (reader_ != nullptr) {
    const auto more = reader_->Fill(block, target);
    if (!more) {
      if (parts_->size() == 1 || !parts_->Damaged(next_part_ - 1, more.error())) return more;
      LeavePart(true);
      STORE_TRY(OpenPart());
      continue;
    }
    if (!*more) {
      LeavePart(false);
      STORE_TRY(OpenPart());
      continue;
    }
    last_ns_ = std::max(last_ns_, block->events.back().ts_ns);
    std::vector<Event> held = std::exchange(held_, {});
    HoldOpenGaps(block);
    held_.swap(held);  // those from before go in front of this block, the new ones wait
    if (block->events.empty()) {
      held_.insert(held_.end(), held.begin(), held.end());
      continue;
    }
    HandOutHeld(block);
    held_ = std::move(held);
    return true;
  }
  block->Clear();
  across_parts_ = false;
  HandOutHeld(block);
  return !block->events.empty();
}

}  // namespace wakewatch
