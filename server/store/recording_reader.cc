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

// A chunk never spans a gap, so it is the gap's start against the chunk's that decides; where both are one instant the
// number of the first event after the gap does.
bool GapComesFirst(uint64_t start_ns, uint64_t event_no, const ChunkRow& chunk) {
  if (start_ns != chunk.first_ns) return start_ns < chunk.first_ns;
  return chunk.first_event_no >= event_no;
}

}  // namespace

RecordingReader::RecordingReader(uint32_t cpu, Statement chunks, Statement gaps, ChunkLoader loader)
    : cpu_(cpu), chunk_rows_(std::move(chunks)), gap_rows_(std::move(gaps)), loader_(std::move(loader)) {}

Result<std::unique_ptr<RecordingReader>> RecordingReader::Open(const Database& db, const ChunkFormatsList* formats,
                                                               uint32_t cpu) {
  auto chunks =
      db.Prepare(std::string("SELECT ") + kChunkRowColumns +
                 " FROM main.chunk INDEXED BY chunk_by_time WHERE cpu = ?1 ORDER BY first_ns, first_event_no");
  if (!chunks) return tl::unexpected<Error>(std::move(chunks.error()));
  auto gaps = db.Prepare(
      "SELECT start_ns, end_ns, lost, cause, event_no FROM main.gap WHERE cpu = ?1 ORDER BY start_ns, event_no, id");
  if (!gaps) return tl::unexpected<Error>(std::move(gaps.error()));
  auto loader = ChunkLoader::Create(db, formats);
  if (!loader) return tl::unexpected<Error>(std::move(loader.error()));
  chunks->Bind(cpu);
  gaps->Bind(cpu);
  return std::unique_ptr<RecordingReader>(
      new RecordingReader(cpu, std::move(*chunks), std::move(*gaps), std::move(*loader)));
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
  if (!have_gap_) return {};
  gap_row_.start_ns = gap_rows_.Unsigned(0);
  gap_row_.end_ns = gap_rows_.IsNull(1) ? UINT64_MAX : gap_rows_.Unsigned(1);
  gap_row_.lost = gap_rows_.IsNull(2) ? kLostUnknown : gap_rows_.Unsigned(2);
  gap_row_.cause = CauseOf(gap_rows_.Text(3));
  gap_row_.event_no = gap_rows_.Unsigned(4);
  return {};
}

Status RecordingReader::LoadNext() {
  decoded_.Clear();
  next_ = 0;
  if (!std::exchange(started_, true)) {
    STORE_TRY(StepChunk());
    STORE_TRY(StepGap());
  }
  while (have_chunk_ || have_gap_) {
    if (have_gap_ && (!have_chunk_ || GapComesFirst(gap_row_.start_ns, gap_row_.event_no, chunk_row_))) {
      QueueGap(gap_row_.start_ns, gap_row_.end_ns, gap_row_.lost, gap_row_.cause);
      STORE_TRY(StepGap());
      continue;
    }
    const ChunkRow row = chunk_row_;
    STORE_TRY(StepChunk());
    const Status decoded = DecodeChunk(row);
    if (decoded) break;
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
  KeepOrder();
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
