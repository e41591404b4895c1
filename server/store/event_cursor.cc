#include "server/store/event_cursor.h"

#include <algorithm>
#include <string>

namespace wakewatch {
namespace {

// A heap with the earliest stream in front; equal times go by CPU, as everywhere else.
bool Later(const ScanStream* a, const ScanStream* b) {
  return a->key_ns != b->key_ns ? a->key_ns > b->key_ns : a->cpu > b->cpu;
}

}  // namespace

void EventCursor::Stop() {
  for (ScanStream& stream : streams_) Close(&stream);
  streams_.clear();
  heap_.clear();
  stream_ = nullptr;
  turn_ = 0;
  if (scanning_) store_->End();
  scanning_ = false;
}

void EventCursor::Close(ScanStream* stream) {
  if (stream->chunk != nullptr) store_->Release(stream->chunk);
  stream->chunk = nullptr;
  stream->positions = nullptr;
  stream->times = nullptr;
  stream->selected = false;
  stream->at = stream->end = 0;
  std::fill(stream->columns.begin(), stream->columns.end(), ColumnData());
}

Status EventCursor::Start(ScanRange range) {
  Stop();
  range_ = std::move(range);
  if (range_.empty) return {};
  STORE_TRY(store_->Begin());
  scanning_ = true;
  if (range_.ordered && !store_->in_order()) {
    return Fail(ErrorCode::kCorrupt, "chunks of one CPU overlap in time; run the statement again");
  }
  for (const CpuChunks& cpu : store_->cpus()) {
    if (range_.cpu && *range_.cpu != cpu.cpu) continue;
    // Chunks that end before the range; where they overlap none may be left out this way.
    auto from = cpu.chunks.begin();
    if (store_->in_order()) {
      from = std::partition_point(from, cpu.chunks.end(), [&](const ChunkRow& c) { return c.last_ns < range_.low_ns; });
    }
    const auto to =
        std::partition_point(from, cpu.chunks.end(), [&](const ChunkRow& c) { return c.first_ns <= range_.high_ns; });
    if (from == to) continue;
    ScanStream& stream = streams_.emplace_back();
    stream.cpu = cpu.cpu;
    stream.next = &*from;
    stream.last = stream.next + (to - from);
    stream.columns.resize(columns_);
  }
  return Begin();
}

Status EventCursor::Begin() {
  if (!range_.ordered) return NextInTurn();
  for (ScanStream& stream : streams_) {
    stream.key_ns = stream.next->first_ns;
    PushHeap(&stream);
  }
  return NextInOrder();
}

Status EventCursor::Advance() {
  stream_->at = at_;
  return range_.ordered ? NextInOrder() : NextInTurn();
}

Status EventCursor::NextInTurn() {
  while (true) {
    if (stream_ != nullptr) {
      STORE_TRY(OpenNext(stream_));
      if (stream_->at < stream_->end) break;
    }
    if (turn_ == streams_.size()) {
      stream_ = nullptr;
      return {};
    }
    stream_ = &streams_[turn_++];
  }
  at_ = stream_->at;
  run_end_ = stream_->end;
  return {};
}

Status EventCursor::NextInOrder() {
  if (stream_ != nullptr) {
    ScanStream* stream = stream_;
    stream_ = nullptr;
    if (stream->at < stream->end) {
      stream->key_ns = stream->TimeAt(stream->at);
      PushHeap(stream);
    } else if (stream->next != stream->last) {
      Close(stream);
      stream->key_ns = stream->next->first_ns;
      PushHeap(stream);
    } else {
      Close(stream);
    }
  }
  while (!heap_.empty()) {
    ScanStream* stream = PopHeap();
    if (stream->chunk == nullptr) {
      STORE_TRY(OpenNext(stream));
      if (stream->at == stream->end) continue;
      stream->key_ns = stream->TimeAt(stream->at);
      PushHeap(stream);
      continue;
    }
    stream_ = stream;
    at_ = stream->at;
    run_end_ = stream->end;
    if (heap_.empty()) return {};
    const ScanStream& other = *heap_.front();
    run_end_ = at_ + 1;
    while (run_end_ < stream->end) {
      const uint64_t ts_ns = stream->TimeAt(run_end_);
      if (ts_ns > other.key_ns || (ts_ns == other.key_ns && stream->cpu > other.cpu)) break;
      ++run_end_;
    }
    return {};
  }
  return {};
}

void EventCursor::PushHeap(ScanStream* stream) {
  heap_.push_back(stream);
  std::push_heap(heap_.begin(), heap_.end(), Later);
}

ScanStream* EventCursor::PopHeap() {
  std::pop_heap(heap_.begin(), heap_.end(), Later);
  ScanStream* stream = heap_.back();
  heap_.pop_back();
  return stream;
}

Status EventCursor::OpenNext(ScanStream* stream) {
  while (true) {
    Close(stream);
    if (stream->next == stream->last) return {};
    const ChunkRow& row = *stream->next++;
    if (row.last_ns < range_.low_ns) continue;
    if (range_.event_no &&
        (*range_.event_no < row.first_event_no || *range_.event_no - row.first_event_no >= row.events)) {
      continue;
    }
    const auto chunk = store_->Acquire(row);
    if (!chunk) return tl::unexpected<Error>(chunk.error());
    if (*chunk == nullptr) continue;
    stream->chunk = *chunk;
    const auto selected = Select(stream);
    if (!selected) return tl::unexpected<Error>(selected.error());
    if (*selected) return {};
  }
}

Result<bool> EventCursor::Select(ScanStream* stream) {
  const std::vector<ChunkFormats>& sets = store_->formats().all();
  stream->format_set = static_cast<size_t>(stream->chunk->formats - sets.data());
  stream->format = range_.format[stream->format_set];
  if (stream->format == kNoFormat) return false;
  const ChunkRow& row = stream->chunk->row;
  stream->end =
      stream->format == kAllFormats ? row.events : stream->chunk->view->Count(static_cast<uint16_t>(stream->format));
  if (stream->end == 0) return false;
  if (range_.ordered) STORE_TRY(NeedTimes(stream));
  if (row.first_ns < range_.low_ns || row.last_ns > range_.high_ns) STORE_TRY(SelectByTime(stream, row));
  if (range_.event_no) STORE_TRY(SelectByNumber(stream, row));
  if (range_.pid) STORE_TRY(SelectByPid(stream));
  return stream->at < stream->end;
}

Status EventCursor::SelectByTime(ScanStream* stream, const ChunkRow& row) {
  STORE_TRY(NeedTimes(stream));
  const auto first_not = [&](auto holds) {
    uint32_t low = 0, high = stream->end;
    while (low < high) {
      const uint32_t middle = low + (high - low) / 2;
      if (holds(stream->TimeAt(middle)))
        low = middle + 1;
      else
        high = middle;
    }
    return low;
  };
  if (row.last_ns > range_.high_ns) stream->end = first_not([&](uint64_t ts_ns) { return ts_ns <= range_.high_ns; });
  if (row.first_ns < range_.low_ns) stream->at = first_not([&](uint64_t ts_ns) { return ts_ns < range_.low_ns; });
  return {};
}

Status EventCursor::SelectByNumber(ScanStream* stream, const ChunkRow& row) {
  STORE_TRY(NeedPositions(stream));
  const auto wanted = static_cast<uint32_t>(*range_.event_no - row.first_event_no);
  uint32_t at = wanted;
  if (stream->positions != nullptr) {
    const uint32_t* found = std::lower_bound(stream->positions, stream->positions + stream->end, wanted);
    at = static_cast<uint32_t>(found - stream->positions);
    if (at == stream->end || *found != wanted) at = stream->end;
  }
  const bool inside = at >= stream->at && at < stream->end;
  stream->at = inside ? at : 0;
  stream->end = inside ? at + 1 : 0;
  return {};
}

Status EventCursor::SelectByPid(ScanStream* stream) {
  STORE_TRY(NeedPositions(stream));
  const auto pids = stream->chunk->view->Pids();
  if (!pids) return tl::unexpected<Error>(pids.error());
  stream->selection.clear();
  for (uint32_t row = stream->at; row < stream->end; ++row) {
    if ((*pids)[stream->Position(row)] == *range_.pid) stream->selection.push_back(row);
  }
  stream->selected = true;
  stream->at = 0;
  stream->end = static_cast<uint32_t>(stream->selection.size());
  return {};
}

Status EventCursor::NeedPositions(ScanStream* stream) {
  if (stream->format == kAllFormats || stream->positions != nullptr) return {};
  const auto positions = stream->chunk->Positions(static_cast<uint16_t>(stream->format));
  if (!positions) return tl::unexpected<Error>(positions.error());
  stream->positions = *positions;
  return {};
}

Status EventCursor::NeedTimes(ScanStream* stream) {
  if (stream->times != nullptr) return {};
  STORE_TRY(NeedPositions(stream));
  const auto times = stream->chunk->view->Times();
  if (!times) return tl::unexpected<Error>(times.error());
  stream->times = times->data();
  return {};
}

Result<uint32_t> EventCursor::Position() {
  STORE_TRY(NeedPositions(stream_));
  return stream_->Position(row());
}

Result<uint64_t> EventCursor::Time() {
  STORE_TRY(NeedTimes(stream_));
  return stream_->TimeAt(at_);
}

}  // namespace wakewatch
