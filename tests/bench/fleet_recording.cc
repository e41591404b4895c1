#include "tests/bench/fleet_recording.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <wakewatch/v1/ingest.pb.h>

#include "proto/wire/batch_codec.h"

namespace wakewatch::fleet {
namespace {

constexpr double kBatchSeconds = 0.5, kSpanSecondsMin = 0.001;

// More would not fit the memory of a small machine.
constexpr uint64_t kEventsMax = 100'000'000;

uint64_t EventsOf(const Batch& batch) {
  uint64_t events = 0;
  for (const Chunk& chunk : batch.chunks) events += chunk.events;
  return events;
}

// When a collector would have had all that is in it.
uint64_t EndOf(const Batch& batch) {
  uint64_t end_ns = 0;
  for (const Frontier& frontier : batch.frontiers) end_ns = std::max(end_ns, frontier.ts_ns);
  for (const Chunk& chunk : batch.chunks) end_ns = std::max(end_ns, chunk.last_ns);
  return end_ns;
}

struct Size {
  uint64_t events = 0;
  double seconds = 0;
};
Size SizeOf(const std::vector<Batch>& batches, const ReplayOptions& options) {
  Size size;
  uint64_t slices = 0;
  for (const Batch& batch : batches) {
    size.events += EventsOf(batch);
    slices += batch.frontiers.empty() ? 0 : 1;
  }
  size.seconds = static_cast<double>(slices) * std::chrono::duration<double>(options.span).count();
  return size;
}

}  // namespace

Message Encode(const Batch& batch, uint64_t due_ns) {
  v1::IngestRequest request;
  BatchToMessage(batch, request.mutable_batch());
  const std::string text = request.SerializeAsString();
  const grpc::Slice slice(text);
  return {grpc::ByteBuffer(&slice, 1), due_ns, EventsOf(batch), text.size()};
}

Result<Recording> Prepare(const std::string& path, const TraceInput& input, const ReplayOptions& options,
                          const Pace& pace, double* speed) {
  ReplayOptions replay = options;
  replay.laps = 1;
  replay.used_formats_only = true;
  auto batches = MakeBatches(input, replay);
  if (!batches) return Fail(batches.error());
  const Size lap = SizeOf(*batches, replay);
  *speed = pace.speed;
  if (pace.events_per_second > 0 && lap.events > 0) {
    *speed = pace.events_per_second * lap.seconds / static_cast<double>(lap.events);
  }
  if (*speed > 0) {
    const std::chrono::duration<double> span(std::max(kBatchSeconds * *speed, kSpanSecondsMin));
    replay.span = std::max(std::chrono::duration_cast<std::chrono::milliseconds>(span), std::chrono::milliseconds(1));
  }
  if (pace.seconds > 0 && *speed > 0) {
    const double laps = std::ceil(pace.seconds * *speed / lap.seconds) + 1;
    if (laps * static_cast<double>(lap.events) > static_cast<double>(kEventsMax)) {
      return Fail(ErrorCode::kTooLarge,
                  path + ": too many events would have to be kept; ask for fewer or for less time");
    }
    replay.laps = static_cast<uint32_t>(laps);
  }
  batches = MakeBatches(input, replay);
  if (!batches) return Fail(batches.error());
  Recording recording;
  recording.path = path;
  const uint64_t begin_ns = batches->front().cpus.front().since_ns;
  uint64_t due_ns = 0;
  for (Batch& batch : *batches) {
    const uint64_t end_ns = EndOf(batch);
    due_ns = std::max(due_ns, end_ns - std::min(end_ns, begin_ns));
    recording.events += EventsOf(batch);
    if (batch.sequence == 1) {
      recording.first = std::move(batch);
      recording.first_due_ns = due_ns;
    } else {
      recording.rest.push_back(Encode(batch, due_ns));
    }
  }
  recording.span_ns = due_ns;
  return recording;
}

}  // namespace wakewatch::fleet
