#include "server/store/recording_reader.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

namespace wakewatch {
namespace {

GapCause CauseOf(std::string_view name) {
  for (const GapCause cause : {GapCause::kOverrun, GapCause::kCorrupt, GapCause::kCollector}) {
    if (name == Name(cause)) return cause;
  }
  return GapCause::kUnknown;
}

}  // namespace

// A chunk never spans a gap, so it is the gap's start against the chunk's that decides; where both are one instant the
// number of the first event after the gap does.
bool GapComesFirst(const GapRow& gap, const ChunkRow& chunk) {
  if (gap.start_ns != chunk.first_ns) return gap.start_ns < chunk.first_ns;
  return chunk.first_event_no >= gap.event_no;
}

GapRow ReadGapRow(const Statement& statement) {
  GapRow row;
  row.start_ns = statement.Unsigned(0);
  row.end_ns = statement.IsNull(1) ? UINT64_MAX : statement.Unsigned(1);
  row.lost = statement.IsNull(2) ? kLostUnknown : statement.Unsigned(2);
  row.cause = CauseOf(statement.Text(3));
  row.event_no = statement.Unsigned(4);
  return row;
}

RecordingReader::RecordingReader(uint32_t cpu, ReadRange range, Statement chunks, Statement gaps, ChunkLoader loader)
    : cpu_(cpu),
      range_(std::move(range)),
      chunk_rows_(std::move(chunks)),
      gap_rows_(std::move(gaps)),
      loader_(std::move(loader)),
      last_ns_(range_.last_ns) {}

Result<std::unique_ptr<RecordingReader>> RecordingReader::Open(const Database& db, const ChunkFormatsList* formats,
                                                               uint32_t cpu, ReadRange range) {
  auto chunks = db.Prepare(std::string("SELECT ") + kChunkRowColumns +
                           " FROM main.chunk INDEXED BY chunk_by_time WHERE cpu = ?1 AND "
                           "(first_ns, first_event_no) >= (?2, ?3) ORDER BY first_ns, first_event_no");
  if (!chunks) return tl::unexpected<Error>(std::move(chunks.error()));
  auto gaps = db.Prepare(std::string("SELECT ") + kGapRowColumns + " FROM main.gap WHERE cpu = ?1 AND start_ns >= ?2 " +
                         kGapRowOrder);
  if (!gaps) return tl::unexpected<Error>(std::move(gaps.error()));
  auto loader = ChunkLoader::Create(db, formats);
  if (!loader) return tl::unexpected<Error>(std::move(loader.error()));
  std::unique_ptr<RecordingReader> reader(
      new RecordingReader(cpu, std::move(range), std::move(*chunks), std::move(*gaps), std::move(*loader)));
  STORE_TRY(reader->Start(db));
  return reader;
}

// Begins at the last chunk with an event before the first wanted: gaps in front of it belong to what was read before.
Status RecordingReader::Start(const Database& db) {
  ChunkRow before;
  bool skips = false;
  if (range_.first_event_no > 0) {
    auto last = db.Prepare(std::string("SELECT ") + kChunkRowColumns +
                           " FROM main.chunk INDEXED BY chunk_by_time WHERE cpu = ?1 AND first_event_no < ?2 "
                           "ORDER BY first_ns DESC, first_event_no DESC LIMIT 1");
    if (!last) return tl::unexpected<Error>(std::move(last.error()));
    last->Bind(cpu_, range_.first_event_no);
    const auto row = last->Step();
    if (!row) return tl::unexpected<Error>(row.error());
    skips = *row;
    if (skips) before = ReadChunkRow(*last);
  }
  const int64_t from_ns = skips ? static_cast<int64_t>(before.first_ns) : INT64_MIN;
  chunk_rows_.Bind(cpu_, from_ns, skips ? static_cast<int64_t>(before.first_event_no) : INT64_MIN);
  gap_rows_.Bind(cpu_, from_ns);
  STORE_TRY(StepChunk());
  STORE_TRY(StepGap());
  while (skips && have_gap_ && GapComesFirst(gap_row_, before)) STORE_TRY(StepGap());
  if (skips && have_chunk_ && before.first_event_no + before.events <= range_.first_event_no) STORE_TRY(StepChunk());
  return {};
}

Result<bool> RecordingReader::Fill(EventBlock* block, size_t target) {
  block->Clear();
  if (gaps_.empty() && next_ == decoded_.events.size()) STORE_TRY(LoadNext());
  if (!gaps_.empty()) {
    block->events.swap(gaps_);
    return true;
  }
  const size_t left = decoded_.events.size() - next_;
  if (left == 0) return false;
  if (next_ == 0 && left / 2 <= target) {
    block->events.swap(decoded_.events);
    block->storage.swap(decoded_.storage);
  } else {
    TakeSlice(block, std::min(left, std::max<size_t>(target, 1)));
  }
  return true;
}

// The block gets its own copy of the records: the chunk they came from is gone once the next one is decoded, and the
// block may live longer than that.
void RecordingReader::TakeSlice(EventBlock* block, size_t size) {
  const auto from = decoded_.events.begin() + static_cast<ptrdiff_t>(next_);
  block->events.assign(from, from + static_cast<ptrdiff_t>(size));
  size_t bytes = 0;
  for (const Event& event : block->events) bytes += event.record_size;
  block->storage.resize(bytes);
  uint8_t* to = block->storage.data();
  for (Event& event : block->events) {
    if (event.record_size > 0) std::memcpy(to, event.record, event.record_size);
    event.record = to;
    to += event.record_size;
  }
  next_ += size;
}

Status RecordingReader::StepChunk() {
  const auto row = chunk_rows_.Step();
  if (!row) return tl::unexpected<Error>(row.error());
  have_chunk_ = *row;
  if (have_chunk_) chunk_row_ = ReadChunkRow(chunk_rows_);
  return {};
}

Status RecordingReader::StepGap() {
  const auto row = gap_rows_.Step();
  if (!row) return tl::unexpected<Error>(row.error());
  have_gap_ = *row;
  if (have_gap_) gap_row_ = ReadGapRow(gap_rows_);
  return {};
}

Status RecordingReader::LoadNext() {
  decoded_.Clear();
  next_ = 0;
  while (have_chunk_ || have_gap_) {
    if (have_gap_ && (!have_chunk_ || GapComesFirst(gap_row_, chunk_row_))) {
      const auto& ignored = range_.gaps_ignored;
      if (gap_row_.end_ns != UINT64_MAX ||
          std::find(ignored.begin(), ignored.end(), gap_row_.start_ns) == ignored.end()) {
        QueueGap(gap_row_.start_ns, gap_row_.end_ns, gap_row_.lost, gap_row_.cause);
      }
      STORE_TRY(StepGap());
      continue;
    }
    const ChunkRow row = chunk_row_;
    STORE_TRY(StepChunk());
    const Status decoded = DecodeChunk(row);
    if (decoded && !decoded_.events.empty()) break;
    if (decoded) continue;  // it had no more events than were known before
    if (!ChunkLoader::ConcernsOneChunk(decoded.error())) return decoded;
    QueueBadChunk(row);
  }
  const uint64_t known_again_ns = decoded_.events.empty() ? UINT64_MAX : decoded_.events.front().ts_ns;
  for (Event& gap : gaps_) {
    if (gap.gap.end_ns == 0) gap.gap.end_ns = known_again_ns;
  }
  after_bad_chunk_ = false;
  return {};
}

Status RecordingReader::DecodeChunk(const ChunkRow& row) {
  STORE_TRY(loader_.Load(row, &chunk_));
  const ChunkFormats& formats = *chunk_.formats;
  if (auto status = chunk_.view->Decode(*formats.decoder, &decoded_, &anomalies_); !status) {
    decoded_.Clear();
    return status;
  }
  if (decoded_.events.empty()) return Fail(ErrorCode::kCorrupt, "a chunk without an event that can be decoded");
  for (Event& event : decoded_.events) {
    event.cpu = static_cast<uint16_t>(cpu_);
    if (!formats.to_merged.empty()) event.format = formats.to_merged[event.format];
  }
  if (row.first_event_no < range_.first_event_no) {
    const uint64_t known = range_.first_event_no - row.first_event_no;
    const auto begin = decoded_.events.begin();
    decoded_.events.erase(begin, begin + static_cast<ptrdiff_t>(std::min<uint64_t>(known, decoded_.events.size())));
  }
  if (!decoded_.events.empty()) KeepOrder();
  return {};
}

// Chunks that overlap in time do not come from our writer; raising times keeps the promise that each CPU is in order.
void RecordingReader::KeepOrder() {
  if (decoded_.events.front().ts_ns < last_ns_) anomalies_.Add(Anomaly::kPageTimeBackwards);
  for (Event& event : decoded_.events) {
    if (event.ts_ns >= last_ns_) break;
    event.ts_ns = last_ns_;
  }
  last_ns_ = decoded_.events.back().ts_ns;
}

void RecordingReader::QueueGap(uint64_t ts_ns, uint64_t end_ns, uint64_t lost, GapCause cause) {
  Event event{};
  last_ns_ = std::max(last_ns_, ts_ns);
  event.ts_ns = last_ns_;
  event.cpu = static_cast<uint16_t>(cpu_);
  event.type = EventType::kGap;
  event.gap = {end_ns, lost, cause};
  gaps_.push_back(event);
  after_bad_chunk_ = false;
}

// One gap for a run of unreadable chunks. Where it ends is known when the next good chunk is; until then its end is 0.
void RecordingReader::QueueBadChunk(const ChunkRow& row) {
  anomalies_.Add(Anomaly::kBadChunk);
  const bool believable = row.events <= kChunkEventsMax;
  if (!after_bad_chunk_) {
    QueueGap(last_ns_, 0, 0, GapCause::kCorrupt);
    after_bad_chunk_ = true;
  }
  uint64_t& lost = gaps_.back().gap.lost;
  lost = believable && lost != kLostUnknown ? lost + row.events : kLostUnknown;
}

}  // namespace wakewatch
