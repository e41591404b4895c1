#include "server/live/replay.h"

#include <algorithm>
#include <bit>
#include <memory>
#include <utility>

#include "analysis/chunk/chunk.h"
#include "analysis/chunk/functions_seen.h"
#include "server/store/stored_formats.h"

namespace wakewatch {
namespace {

constexpr size_t kBlockEvents = 4096;

// One CPU's events of a lap, one after another.
class CpuEvents {
 public:
  explicit CpuEvents(CpuReader* reader) : reader_(reader) {}

  uint32_t cpu() const { return reader_->cpu(); }
  // The next event, or null at the end. Valid until Step.
  Result<const Event*> Peek() {
    while (at_ == block_.events.size()) {
      if (over_) return nullptr;
      at_ = 0;
      const auto more = reader_->Fill(&block_, kBlockEvents);
      if (!more) return Fail(more.error());
      over_ = !*more;
    }
    return &block_.events[at_];
  }
  void Step() { ++at_; }

 private:
  CpuReader* reader_;
  EventBlock block_;
  size_t at_ = 0;
  bool over_ = false;
};

// When a trace begins and ends, and which formats occur in it. A gap in front of all events begins at 0, which is no
// time of the trace.
struct Extent {
  uint64_t first_ns = UINT64_MAX, last_ns = 0;
  std::vector<bool> formats;  // by index
};

// The formats that are sent, and where those of the input are among them.
struct SentFormats {
  FormatTable table;
  std::vector<uint16_t> index_of;
};

Result<SentFormats> UsedFormats(const FormatTable& all, const std::vector<bool>& used) {
  auto table = FormatTable::Create(all.machine(), all.header_page_text());
  if (!table) return Fail(table.error());
  table->set_page_size(all.page().page_size);
  SentFormats sent{*std::move(table), std::vector<uint16_t>(all.events().size())};
  for (size_t i = 0; i < all.events().size(); ++i) {
    const EventFormat& event = all.events()[i];
    if (!used[i]) continue;
    if (auto added = sent.table.Add(event.system, event.text); !added) return Fail(added.error());
    sent.index_of[i] = static_cast<uint16_t>(sent.table.IndexById(event.id));
  }
  return sent;
}

Result<Extent> Measure(const TraceInput& input) {
  auto readers = input.OpenCpus();
  if (!readers) return Fail(readers.error());
  Extent extent;
  extent.formats.resize(input.formats().events().size());
  for (const auto& reader : *readers) {
    CpuEvents events(reader.get());
    for (;;) {
      const auto event = events.Peek();
      if (!event) return Fail(event.error());
      if (*event == nullptr) break;
      if ((*event)->ts_ns != 0) {
        extent.first_ns = std::min(extent.first_ns, (*event)->ts_ns);
        extent.last_ns = std::max(extent.last_ns, (*event)->ts_ns);
      }
      if ((*event)->type != EventType::kGap) extent.formats[(*event)->format] = true;
      events.Step();
    }
  }
  if (extent.last_ns == 0) return Fail(ErrorCode::kInvalidArgument, input.metadata().path + " has no events");
  return extent;
}

class Slicer {
 public:
  // `formats`: null when those of the input are sent as they are.
  Slicer(const TraceInput& input, const ReplayOptions& options, const Extent& extent, const SentFormats* formats)
      : input_(input),
        options_(options),
        extent_(extent),
        index_of_(formats == nullptr ? nullptr : &formats->index_of),
        formats_(formats == nullptr ? input.formats() : formats->table),
        span_ns_(static_cast<uint64_t>(std::chrono::nanoseconds(options.span).count())),
        slices_((extent.last_ns - extent.first_ns) / span_ns_ + 1) {}

  Result<std::vector<Batch>> Run() {
    for (lap_ = 0; lap_ < options_.laps; ++lap_) {
      shift_ns_ = options_.shift_ns + lap_ * slices_ * span_ns_;
      if (auto status = Lap(); !status) return Fail(status.error());
    }
    return std::move(batches_);
  }

 private:
  struct Stream {
    CpuEvents events;
    ChunkEncoder encoder;
  };

  Status Lap() {
    auto readers = input_.OpenCpus();
    if (!readers) return Fail(readers.error());
    if (lap_ == 0) {
      for (const auto& reader : *readers) cpus_.push_back(reader->cpu());
      DescribeInput();
    }
    std::vector<Stream> streams;
    for (const auto& reader : *readers) {
      streams.push_back({CpuEvents(reader.get()), ChunkEncoder(formats_, reader->cpu())});
      if (lap_ > 0) OpenLap(streams.back().events.cpu());
    }
    for (uint64_t slice = 0; slice < slices_; ++slice) {
      const uint64_t end_ns = extent_.first_ns + (slice + 1) * span_ns_ - 1;
      for (Stream& stream : streams) {
        if (auto status = Take(&stream, end_ns); !status) return status;
      }
      Emit(end_ns + shift_ns_, slice + 1 == slices_ && lap_ + 1 == options_.laps);
    }
    return {};
  }

  // The first batch of a session.
  void DescribeInput() {
    const TraceMetadata& about = input_.metadata();
    const uint32_t cpus = std::max(about.cpus, static_cast<uint32_t>(cpus_.size()));
    batch_.session = SessionInfo{
        options_.host, options_.boot_id, options_.session, about.kernel, about.clock, std::string(kReplayVersion), cpus,
        false};
    batch_.formats = DeltaOf(formats_);
    for (const uint32_t cpu : cpus_) batch_.cpus.push_back({.cpu = cpu, .since_ns = extent_.first_ns + shift_ns_});
    for (ThreadInfo thread : about.threads.all()) {
      if (thread.first_seen_ns != 0) thread.first_seen_ns += shift_ns_;
      batch_.threads.push_back(std::move(thread));
    }
    if (options_.real_begin_ns != 0) {
      batch_.clock_pairs = {{extent_.first_ns + shift_ns_, options_.real_begin_ns}};
      return;
    }
    for (const ClockPair& pair : about.clock_pairs) {
      batch_.clock_pairs.push_back({pair.trace_ns + shift_ns_, pair.real_ns + shift_ns_});
    }
  }

  void OpenLap(uint32_t cpu) {
    const uint64_t begin_ns = extent_.first_ns + shift_ns_;
    batch_.gaps.push_back({cpu, begin_ns - 1, begin_ns, kLostUnknown, GapCause::kCollector});
  }

  // What `stream` has up to end_ns, a time of the trace.
  Status Take(Stream* stream, uint64_t end_ns) {
    for (;;) {
      const auto peeked = stream->events.Peek();
      if (!peeked) return Fail(peeked.error());
      if (*peeked == nullptr || (*peeked)->ts_ns > end_ns) return Cut(stream);
      Event event = **peeked;
      if (event.type == EventType::kGap) {
        if (auto status = Cut(stream); !status) return status;
        AddGap(stream->events.cpu(), event);
      } else {
        functions_.See(event);
        event.ts_ns += shift_ns_;
        if (index_of_ != nullptr) event.format = (*index_of_)[event.format];
        stream->encoder.Add(event);
        if (stream->encoder.full()) {
          if (auto status = Cut(stream); !status) return status;
        }
      }
      stream->events.Step();
    }
  }

  void AddGap(uint32_t cpu, const Event& event) {
    const bool last_lap = lap_ + 1 == options_.laps;
    const uint64_t lap_end_ns = extent_.first_ns + slices_ * span_ns_ - 1 + shift_ns_;
    uint64_t start_ns = event.ts_ns + shift_ns_, end_ns = event.gap.end_ns;
    if (event.ts_ns == 0) start_ns = lap_ == 0 ? 0 : extent_.first_ns + shift_ns_;
    if (end_ns != UINT64_MAX) {
      end_ns += shift_ns_;
    } else if (!last_lap) {
      end_ns = lap_end_ns;
    }
    batch_.gaps.push_back({cpu, start_ns, std::max(end_ns, start_ns), event.gap.lost, event.gap.cause});
  }

  Status Cut(Stream* stream) {
    if (stream->encoder.events() == 0) return {};
    auto chunk = stream->encoder.Finish();
    if (!chunk) return Fail(chunk.error());
    bytes_ += chunk->bytes.size();
    batch_.chunks.push_back(*std::move(chunk));
    if (bytes_ >= options_.batch_bytes_max) Emit(frontier_ns_, false);
    return {};
  }

  void Emit(uint64_t frontier_ns, bool last) {
    const SymbolTable& symbols = input_.symbols();
    for (const uint64_t address : functions_.TakeNew()) {
      if (!symbols.Find(address).empty()) batch_.symbols.push_back({address, symbols.Name(address)});
    }
    if (frontier_ns != 0) {
      for (const uint32_t cpu : cpus_) batch_.frontiers.push_back({cpu, frontier_ns});
    }
    if (last) batch_.stats = input_.metadata().stats;
    batch_.last = last;
    batch_.sequence = batches_.size() + 1;
    frontier_ns_ = frontier_ns;
    bytes_ = 0;
    batches_.push_back(std::exchange(batch_, {}));
  }

  const TraceInput& input_;
  const ReplayOptions& options_;
  const Extent& extent_;
  const std::vector<uint16_t>* const index_of_;
  const FormatTable& formats_;
  const uint64_t span_ns_, slices_;
  std::vector<uint32_t> cpus_;
  FunctionsSeen functions_;
  uint64_t lap_ = 0, shift_ns_ = 0;
  Batch batch_;               // the one that is being filled
  size_t bytes_ = 0;          // of its chunks
  uint64_t frontier_ns_ = 0;  // of the batch before; 0: none yet
  std::vector<Batch> batches_;
};

}  // namespace

Result<std::vector<Batch>> MakeBatches(const TraceInput& input, const ReplayOptions& options) {
  if (options.span.count() <= 0 || options.laps == 0 || options.batch_bytes_max == 0) {
    return Fail(ErrorCode::kInvalidArgument, "the span, the laps and the size of a batch must be above zero");
  }
  const auto extent = Measure(input);
  if (!extent) return Fail(extent.error());
  if (!options.used_formats_only) return Slicer(input, options, *extent, nullptr).Run();
  const auto formats = UsedFormats(input.formats(), extent->formats);
  if (!formats) return Fail(formats.error());
  return Slicer(input, options, *extent, &*formats).Run();
}

}  // namespace wakewatch
