#include "server/live/event_storer.h"
#include "server/store/stored_formats.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace wakewatch {
namespace {

// A transaction ends in a sync, which takes a disk milliseconds: about a million events go into one.
constexpr size_t kBatchBytes = 4u << 20;

// An encoder holds some 190 bytes for every event of its chunk: with many CPUs their chunks are smaller.
constexpr size_t kOpenEventsMax = 1u << 18;
constexpr size_t kChunkEventsMin = 1u << 13;

uint32_t ChunkEventsFor(size_t cpus) {
  const size_t share = kOpenEventsMax / std::max<size_t>(cpus, 1);
  return static_cast<uint32_t>(std::clamp<size_t>(share, kChunkEventsMin, kChunkEventsTarget));
}

}  // namespace

EventStorer::EventStorer(const TraceInput& input, size_t cpus, RecordingWriter* writer)
    : input_(input), writer_(writer), chunk_events_(ChunkEventsFor(cpus)) {
  batch_.sequence = 1;
  DescribeInput();
}

void EventStorer::DescribeInput() {
  const TraceMetadata& about = input_.metadata();
  SessionInfo& session = batch_.session.emplace();
  session.host = about.hostname;
  session.session = "import";
  session.kernel = about.kernel;
  session.clock = about.clock;
  session.cpus = about.cpus;
  session.loss_marked = about.loss_marked;

  batch_.formats = DeltaOf(input_.formats());

  batch_.threads.assign(about.threads.all().begin(), about.threads.all().end());
  batch_.clock_pairs = about.clock_pairs;
  batch_.stats = about.stats;
}

EventStorer::Stream& EventStorer::Of(uint32_t cpu) {
  const auto found = streams_.find(cpu);
  if (found != streams_.end()) return found->second;
  return streams_.emplace(cpu, Stream{ChunkEncoder(input_.formats(), cpu)}).first->second;
}

Status EventStorer::Store(uint32_t cpu, std::span<const Event> events) {
  Stream& stream = Of(cpu);
  for (const Event& event : events) {
    if (event.type == EventType::kGap) {
      if (auto status = Cut(&stream); !status) return status;
      batch_.gaps.push_back({cpu, event.ts_ns, event.gap.end_ns, event.gap.lost, event.gap.cause});
      continue;
    }
    functions_.See(event);
    stream.encoder.Add(event);
    stream.bytes += event.record_size;
    if (++stream.events < chunk_events_ && stream.bytes < kChunkPendingBytesTarget) continue;
    if (auto status = Cut(&stream); !status) return status;
  }
  return batch_bytes_ < kBatchBytes ? Status() : Append();
}

Status EventStorer::Cut(Stream* stream) {
  if (stream->events == 0) return {};
  stream->events = 0;
  stream->bytes = 0;
  auto chunk = stream->encoder.Finish();
  if (!chunk) return Fail(chunk.error());
  batch_bytes_ += chunk->bytes.size();
  batch_.chunks.push_back(*std::move(chunk));
  return {};
}

Status EventStorer::Append() {
  const uint64_t next = batch_.sequence + 1;
  auto status = writer_->Append(std::exchange(batch_, {}));
  batch_.sequence = next;
  batch_bytes_ = 0;
  if (!status) return status;
  std::vector<WaitChunk> waits;
  {
    const std::lock_guard lock(waits_mutex_);
    waits = std::exchange(waits_, {});
  }
  return writer_->StoreWaits(waits);
}

void EventStorer::AddWaits(std::vector<WaitChunk> waits) {
  const std::lock_guard lock(waits_mutex_);
  for (WaitChunk& chunk : waits) waits_.push_back(std::move(chunk));
}

Status EventStorer::Finish() {
  for (auto& [cpu, stream] : streams_) {
    if (auto status = Cut(&stream); !status) return status;
  }
  const SymbolTable& symbols = input_.symbols();
  for (const uint64_t address : functions_.TakeNew()) {
    if (!symbols.Find(address).empty()) batch_.symbols.push_back({address, symbols.Name(address)});
  }
  return Append();
}

}  // namespace wakewatch
