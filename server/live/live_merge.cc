#include "server/live/live_merge.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <utility>

#include "analysis/trace/merge.h"

namespace wakewatch {
namespace {

constexpr uint64_t kForever = std::numeric_limits<uint64_t>::max();

bool After(const Event& event, uint64_t up_to_ns) { return event.ts_ns > up_to_ns; }

// Moves the events past up_to_ns out of *block, with copies of their records.
EventBlock SplitOff(EventBlock* block, uint64_t up_to_ns) {
  const auto from = std::upper_bound(block->events.begin(), block->events.end(), up_to_ns,
                                     [](uint64_t ns, const Event& event) { return event.ts_ns > ns; });
  EventBlock rest;
  rest.events.assign(from, block->events.end());
  block->events.erase(from, block->events.end());
  size_t bytes = 0;
  for (const Event& event : rest.events) bytes += event.record_size;
  rest.storage.resize(bytes);
  uint8_t* to = rest.storage.data();
  for (Event& event : rest.events) {
    if (event.record_size > 0) std::memcpy(to, event.record, event.record_size);
    event.record = to;
    to += event.record_size;
  }
  return rest;
}

// Blocks that all lie within what may be handed on.
class Ready final : public BlockSource {
 public:
  Ready(uint32_t cpu, std::deque<EventBlock> blocks) : cpu_(cpu), blocks_(std::move(blocks)) {}

  Result<const EventBlock*> Next() override {
    if (at_ > 0) blocks_[at_ - 1] = EventBlock{};
    return at_ == blocks_.size() ? nullptr : &blocks_[at_++];
  }
  uint32_t cpu() const override { return cpu_; }

 private:
  const uint32_t cpu_;
  std::deque<EventBlock> blocks_;
  size_t at_ = 0;
};

// A gap goes behind the last chunk that ends by its start, as in a recording.
bool GapComesFirst(const GapRecord& gap, const Chunk& chunk) {
  if (gap.start_ns != chunk.first_ns) return gap.start_ns < chunk.first_ns;
  return chunk.last_ns > gap.start_ns;
}

// A CPU that has gaps and no events; one more of them handed on again does no harm.
constexpr size_t kGapsBehindMax = 1000;

}  // namespace

std::vector<GapRecord> LiveMerge::LateGaps(const std::vector<Decoded>& chunks, uint64_t* late) const {
  std::map<uint32_t, uint64_t> counts;
  for (const Decoded& chunk : chunks) {
    const auto& events = chunk.block.events;
    const auto end =
        std::find_if(events.begin(), events.end(), [&](const Event& e) { return After(e, watermark_ns_); });
    if (end != events.begin()) counts[chunk.cpu] += static_cast<uint64_t>(end - events.begin());
  }
  std::vector<GapRecord> gaps;
  for (const auto& [cpu, events] : counts) {
    *late += events;
    gaps.push_back({cpu, std::min(last_ns(cpu), watermark_ns_), watermark_ns_, 0, GapCause::kCollector});
  }
  return gaps;
}

std::vector<GapRecord> LiveMerge::MissingGaps(const Batch& batch) const {
  std::vector<GapRecord> gaps;
  for (const auto& [cpu, stream] : streams_) {
    uint64_t end_ns = kForever;
    for (const Chunk& chunk : batch.chunks) {
      if (chunk.cpu == cpu) end_ns = std::min(end_ns, chunk.first_ns);
    }
    for (const Frontier& frontier : batch.frontiers) {
      if (frontier.cpu == cpu) end_ns = std::min(end_ns, frontier.ts_ns);
    }
    // Up to its frontier the CPU was seen; what is missing came after it.
    const uint64_t start_ns = std::max({stream.last_ns, stream.frontier_ns, watermark_ns_});
    gaps.push_back({cpu, start_ns, std::max(end_ns, start_ns), kLostUnknown, GapCause::kCollector});
  }
  return gaps;
}

uint64_t LiveMerge::HoldOf(const Stream& stream, uint64_t frontier_ns) {
  const uint64_t seen_ns = std::max(stream.frontier_ns, frontier_ns);
  // Where the gap ends is part of what it says.
  return stream.open_gap ? std::min(seen_ns, std::max<uint64_t>(stream.open_gap->start_ns, 1) - 1) : seen_ns;
}

void LiveMerge::GiveUpSlow(Batch* batch, size_t waiting_max) const {
  if (waiting() <= waiting_max || WaitingBehind(NextWatermark()) <= waiting_max) return;
  static const Stream kUnheard;
  const auto stream_of = [&](uint32_t cpu) -> const Stream& {
    const auto known = streams_.find(cpu);
    return known == streams_.end() ? kUnheard : known->second;
  };
  const auto hold_of = [&](const Frontier& frontier) { return HoldOf(stream_of(frontier.cpu), frontier.ts_ns); };
  std::vector<uint64_t> holds;
  for (const Frontier& frontier : batch->frontiers) holds.push_back(hold_of(frontier));
  std::sort(holds.begin(), holds.end());
  const auto waited_for = std::partition_point(holds.begin(), holds.end(), [&](uint64_t hold_ns) {
    return WaitingBehind(std::max(hold_ns, watermark_ns_)) > waiting_max / 2;
  });
  if (waited_for == holds.end()) {
    uint64_t newest_ns = 0;
    for (const auto& [cpu, stream] : streams_) newest_ns = std::max(newest_ns, stream.last_ns);
    batch->frontiers.clear();
    for (const auto& [cpu, stream] : streams_) {
      if (!stream.open_gap) batch->frontiers.push_back({cpu, newest_ns});
    }
    return;
  }
  std::erase_if(batch->frontiers, [&](const Frontier& frontier) {
    if (hold_of(frontier) >= *waited_for) return false;
    const Stream& slow = stream_of(frontier.cpu);
    const uint64_t start_ns = std::max({slow.last_ns, slow.frontier_ns, frontier.ts_ns, watermark_ns_});
    if (!slow.open_gap) {
      batch->gaps.push_back({frontier.cpu, start_ns, kForever, kLostUnknown, GapCause::kCollector});
    }
    return true;
  });
}

void LiveMerge::Add(const Batch& batch, std::vector<Decoded> chunks) {
  std::vector<GapRecord> gaps = batch.gaps;
  std::stable_sort(gaps.begin(), gaps.end(),
                   [](const GapRecord& a, const GapRecord& b) { return a.start_ns < b.start_ns; });
  std::vector<bool> done(gaps.size());
  for (size_t i = 0; i < chunks.size(); ++i) {
    for (size_t g = 0; g < gaps.size(); ++g) {
      if (done[g] || gaps[g].cpu != chunks[i].cpu || !GapComesFirst(gaps[g], batch.chunks[i])) continue;
      AddGap(gaps[g]);
      done[g] = true;
    }
    AddChunk(std::move(chunks[i]));
  }
  for (size_t g = 0; g < gaps.size(); ++g) {
    if (!done[g]) AddGap(gaps[g]);
  }
  if (!batch.frontiers.empty()) SetFrontiers(batch.frontiers);
}

void LiveMerge::SetFrontiers(const std::vector<Frontier>& frontiers) {
  for (auto& [cpu, stream] : streams_) stream.online = false;
  for (const Frontier& frontier : frontiers) {
    Stream& stream = streams_[frontier.cpu];
    stream.frontier_ns = std::max(stream.frontier_ns, frontier.ts_ns);
    stream.online = true;
  }
  // A CPU that went offline may never say where its gap ends, and nobody may wait for that.
  for (auto& [cpu, stream] : streams_) {
    if (!stream.online && stream.open_gap) PutGap(&stream, *stream.open_gap);
  }
}

void LiveMerge::AddGap(const GapRecord& gap) {
  Stream& stream = streams_[gap.cpu];
  const bool closes = stream.open_gap && stream.open_gap->start_ns == gap.start_ns;
  if (stream.open_gap && !closes) PutGap(&stream, *stream.open_gap);
  if (gap.end_ns == kForever) {
    stream.open_gap = gap;
    return;
  }
  PutGap(&stream, gap);
}

void LiveMerge::PutGap(Stream* stream, const GapRecord& gap) {
  stream->open_gap.reset();
  Event event{};
  event.ts_ns = std::max(stream->last_ns, gap.start_ns);
  event.cpu = static_cast<uint16_t>(gap.cpu);
  event.type = EventType::kGap;
  event.gap = {gap.end_ns, gap.lost, gap.cause};
  stream->last_ns = event.ts_ns;
  stream->blocks.emplace_back().events.push_back(event);
}

void LiveMerge::AddChunk(Decoded chunk) {
  auto& events = chunk.block.events;
  if (events.empty()) return;
  Stream& stream = streams_[chunk.cpu];
  if (stream.open_gap) {
    GapRecord gap = *stream.open_gap;
    gap.end_ns = std::max(gap.start_ns, events.front().ts_ns);
    PutGap(&stream, gap);
  }
  // What lies behind the watermark cannot be put in its place any more: its gap stands for it.
  const auto in_time =
      std::find_if(events.begin(), events.end(), [&](const Event& e) { return After(e, watermark_ns_); });
  stream.merged += static_cast<uint64_t>(in_time - events.begin());
  events.erase(events.begin(), in_time);
  if (events.empty()) return;
  for (Event& event : events) {
    if (event.ts_ns >= stream.last_ns) break;
    event.ts_ns = stream.last_ns;
  }
  stream.last_ns = events.back().ts_ns;
  stream.blocks.push_back(std::move(chunk.block));
}

void LiveMerge::AddStored(uint32_t cpu, EventBlock block) {
  if (block.events.empty()) return;
  Stream& stream = streams_[cpu];
  if (stream.open_gap) PutGap(&stream, *stream.open_gap);
  const Event last = block.events.back();
  stream.last_ns = last.ts_ns;
  // Its end may yet come.
  if (last.type == EventType::kGap && last.gap.end_ns == kForever) {
    stream.open_gap = GapRecord{cpu, last.ts_ns, kForever, last.gap.lost, last.gap.cause};
    block.events.pop_back();
    if (block.events.empty()) return;
  }
  stream.blocks.push_back(std::move(block));
}

uint64_t LiveMerge::NextWatermark() const {
  uint64_t watermark_ns = kForever;
  for (const auto& [cpu, stream] : streams_) {
    if (stream.online || stream.open_gap) {
      watermark_ns = std::min(watermark_ns, HoldOf(stream, stream.online ? 0 : kForever));
    }
  }
  return watermark_ns == kForever ? watermark_ns_ : std::max(watermark_ns_, watermark_ns);
}

Status LiveMerge::Advance(const std::function<void(const Event&)>& visit) { return HandOn(NextWatermark(), visit); }

Status LiveMerge::Drain(const std::function<void(const Event&)>& visit) {
  for (auto& [cpu, stream] : streams_) {
    if (stream.open_gap) PutGap(&stream, *stream.open_gap);
  }
  return HandOn(kForever, visit);
}

Status LiveMerge::HandOn(uint64_t up_to_ns, const std::function<void(const Event&)>& visit) {
  std::vector<std::unique_ptr<Ready>> ready;
  for (auto& [cpu, stream] : streams_) {
    std::deque<EventBlock> blocks;
    while (!stream.blocks.empty() && stream.blocks.front().events.front().ts_ns <= up_to_ns) {
      EventBlock block = std::move(stream.blocks.front());
      stream.blocks.pop_front();
      if (block.events.back().ts_ns > up_to_ns) stream.blocks.push_front(SplitOff(&block, up_to_ns));
      for (const Event& event : block.events) NoteHandedOn(event, &stream);
      blocks.push_back(std::move(block));
    }
    if (!blocks.empty()) ready.push_back(std::make_unique<Ready>(cpu, std::move(blocks)));
  }
  std::vector<BlockSource*> sources;
  for (const auto& source : ready) sources.push_back(source.get());
  if (up_to_ns != kForever) watermark_ns_ = up_to_ns;
  if (sources.empty()) return {};
  Merger merger(sources);
  return merger.Run([&](const Event& event) {
    visit(event);
    return true;
  });
}

void LiveMerge::NoteHandedOn(const Event& event, Stream* stream) {
  if (event.type != EventType::kGap) {
    ++stream->merged;
    stream->gaps_behind.clear();
  } else if (stream->gaps_behind.size() < kGapsBehindMax) {
    stream->gaps_behind.push_back(event.ts_ns);
  }
}

LiveMerge::GapStarts LiveMerge::GapsBehindEvents() const {
  GapStarts gaps;
  for (const auto& [cpu, stream] : streams_) {
    if (!stream.gaps_behind.empty()) gaps[cpu] = stream.gaps_behind;
  }
  return gaps;
}

std::map<uint32_t, uint64_t> LiveMerge::merged() const {
  std::map<uint32_t, uint64_t> merged;
  for (const auto& [cpu, stream] : streams_) merged[cpu] = stream.merged;
  return merged;
}

size_t LiveMerge::waiting() const {
  size_t events = 0;
  for (const auto& [cpu, stream] : streams_) {
    for (const EventBlock& block : stream.blocks) events += block.events.size();
  }
  return events;
}

size_t LiveMerge::WaitingBehind(uint64_t ns) const {
  size_t events = 0;
  for (const auto& [cpu, stream] : streams_) {
    for (const EventBlock& block : stream.blocks) {
      const auto from = std::partition_point(block.events.begin(), block.events.end(),
                                             [ns](const Event& event) { return !After(event, ns); });
      events += static_cast<size_t>(block.events.end() - from);
    }
  }
  return events;
}

void LiveMerge::Restore(const std::map<uint32_t, uint64_t>& merged, uint64_t watermark_ns, const GapStarts& gaps) {
  for (const auto& [cpu, events] : merged) streams_[cpu].merged = events;
  for (const auto& [cpu, starts] : gaps) streams_[cpu].gaps_behind = starts;
  watermark_ns_ = watermark_ns;
}

uint64_t LiveMerge::last_ns(uint32_t cpu) const {
  const auto stream = streams_.find(cpu);
  return stream == streams_.end() ? 0 : stream->second.last_ns;
}

}  // namespace wakewatch
