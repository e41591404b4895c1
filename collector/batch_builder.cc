#include "collector/batch_builder.h"

#include <algorithm>
#include <utility>

namespace wakewatch {
namespace {

// A chunk is cut early when its events carry a lot (probes with strings, stack traces).
constexpr size_t kOpenBytesMax = kChunkBytesMax / 4;
constexpr size_t kFailuresMax = 16;

}  // namespace

BatchBuilder::BatchBuilder(const FormatTable& formats, const std::vector<uint32_t>& cpus, int compression,
                           uint32_t chunk_events_max)
    : decoder_(formats), chunk_events_max_(chunk_events_max), by_format_(formats.events().size()) {
  for (const uint32_t cpu : cpus) {
    if (cpu >= streams_.size()) streams_.resize(cpu + 1);
    streams_[cpu] = std::make_unique<Stream>(decoder_, formats, cpu, compression);
  }
}

void BatchBuilder::AddPage(uint32_t cpu, Bytes page) {
  Stream* const stream = Of(cpu);
  if (stream == nullptr) return;
  block_.Clear();
  stream->pages.Decode(page, &block_, &anomalies_);
  for (const Event& event : block_.events) AddEvent(stream, event);
  if (stream->encoder.pending_bytes() >= kOpenBytesMax) Cut(stream);
}

void BatchBuilder::AddEvent(Stream* stream, const Event& event) {
  if (event.type == EventType::kGap) {
    OpenGap(stream, {stream->cpu, event.ts_ns, UINT64_MAX, event.gap.lost, event.gap.cause});
    // What follows is set aside: then the gap goes on.
    const bool goes_on = event.gap.end_ns == UINT64_MAX ||
                         (!stream->changes.empty() && event.gap.end_ns >= stream->changes.front().from_ns);
    if (!goes_on) CloseGap(stream, event.gap.end_ns);
    return;
  }
  ++by_format_[event.format];
  if (!stream->changes.empty()) {
    PassChanges(stream, event.ts_ns);
    if (!stream->changes.empty() && stream->changes.front().begun && left_out_[event.format]) {
      ++stream->changes.front().lost;
      ++set_aside_;
      return;
    }
  }
  if (stream->open_gap) CloseGap(stream, event.ts_ns);
  symbols_.See(event);
  stream->encoder.Add(event);
  stream->last_ns = event.ts_ns;
  ++events_;
  if (++stream->open_events >= chunk_events_max_) Cut(stream);
}

void BatchBuilder::PassChanges(Stream* stream, uint64_t now_ns) {
  while (!stream->changes.empty() && stream->changes.front().from_ns <= now_ns) {
    Change& change = stream->changes.front();
    if (!std::exchange(change.begun, true)) OpenChange(stream, 0);
    if (now_ns < change.until_ns) return;
    OpenChange(stream, change.lost);
    stream->changes.erase(stream->changes.begin());
  }
}

void BatchBuilder::OpenChange(Stream* stream, uint64_t lost) {
  const Marked marked = stream->marked;
  OpenGap(stream, {stream->cpu, stream->last_ns, UINT64_MAX, lost, GapCause::kCollector});
  stream->marked = marked;  // that is what the kernel lost
}

void BatchBuilder::SetAside(uint64_t from_ns, uint64_t until_ns, const std::vector<bool>& left_out) {
  left_out_ = left_out;
  left_out_.resize(by_format_.size());
  for (const auto& stream : streams_) {
    if (stream) stream->changes.push_back({from_ns, until_ns});
  }
}

void BatchBuilder::BeginWithGap(uint32_t cpu, uint64_t lost, uint64_t from_ns) {
  Stream* const stream = Of(cpu);
  if (stream == nullptr) return;
  const Marked marked = stream->marked;
  OpenGap(stream, {cpu, from_ns, UINT64_MAX, lost, GapCause::kCollector});
  stream->marked = marked;
}

void BatchBuilder::AddGap(uint32_t cpu, uint64_t lost, GapCause cause) {
  if (Stream* const stream = Of(cpu)) OpenGap(stream, {cpu, stream->last_ns, UINT64_MAX, lost, cause});
}

void BatchBuilder::EndCpu(uint32_t cpu) {
  AddGap(cpu, kLostUnknown, GapCause::kCollector);
  if (Stream* const stream = Of(cpu)) stream->ended = true;
}

void BatchBuilder::OpenGap(Stream* stream, GapRecord gap) {
  Cut(stream);
  stream->marked.unknown |= gap.lost == kLostUnknown && gap.cause == GapCause::kOverrun;
  if (gap.lost != kLostUnknown) stream->marked.lost += gap.lost;
  // Up to the frontier nothing was lost, and whoever merges CPUs has gone on to there.
  gap.start_ns = std::max(gap.start_ns, frontier_ns_);
  if (!stream->open_gap) {
    stream->open_gap = gap;
    stream->announced = false;
    return;
  }
  // No event stands between the two, so they are one.
  GapRecord& open = *stream->open_gap;
  open.start_ns = std::min(open.start_ns, gap.start_ns);
  open.lost = open.lost == kLostUnknown || gap.lost == kLostUnknown ? kLostUnknown : open.lost + gap.lost;
  if (open.cause != gap.cause) open.cause = GapCause::kUnknown;
}

void BatchBuilder::CloseGap(Stream* stream, uint64_t end_ns) {
  GapRecord& gap = *stream->open_gap;
  // A writer that was held up may have stamped its event in front of the frontier.
  if (!stream->announced) gap.start_ns = std::min(gap.start_ns, end_ns);
  gap.end_ns = std::max(gap.start_ns, end_ns);
  ready_gaps_.push_back(*stream->open_gap);
  stream->open_gap.reset();
  ++gaps_;
}

void BatchBuilder::Cut(Stream* stream) {
  if (stream->open_events == 0) return;
  const uint32_t events = std::exchange(stream->open_events, 0);
  auto chunk = stream->encoder.Finish();
  if (!chunk) {
    if (failures_.size() < kFailuresMax) failures_.push_back(chunk.error().Text());
    events_ -= events;
    OpenGap(stream, {stream->cpu, stream->last_ns, UINT64_MAX, events, GapCause::kCollector});
    return;
  }
  finished_bytes_ += chunk->bytes.size();
  chunks_.push_back(*std::move(chunk));
}

void BatchBuilder::HandOutGap(Stream* stream, const Slice& slice) {
  if (slice.last) return CloseGap(stream, UINT64_MAX);
  if (!stream->announced) {
    ready_gaps_.push_back(*stream->open_gap);
    stream->announced = true;
    stream->lost_by_ns = slice.now_ns;
    return;
  }
  if (slice.frontier_ns < stream->lost_by_ns) return;
  CloseGap(stream, slice.frontier_ns);
  if (!stream->ended) return;
  OpenGap(stream, {stream->cpu, slice.frontier_ns, UINT64_MAX, kLostUnknown, GapCause::kCollector});
  HandOutGap(stream, slice);
}

void BatchBuilder::TakeInto(const Slice& slice, Batch* batch) {
  for (const auto& stream : streams_) {
    if (!stream) continue;
    Cut(stream.get());
    PassChanges(stream.get(), slice.last ? UINT64_MAX : slice.frontier_ns);
    if (stream->open_gap) HandOutGap(stream.get(), slice);
  }
  frontier_ns_ = std::max(frontier_ns_, slice.frontier_ns);
  batch->chunks = std::exchange(chunks_, {});
  batch->gaps = std::exchange(ready_gaps_, {});
  finished_bytes_ = 0;
}

BatchBuilder::Marked BatchBuilder::marked(uint32_t cpu) const {
  return cpu < streams_.size() && streams_[cpu] ? streams_[cpu]->marked : Marked{};
}

}  // namespace wakewatch
