// Why: events on their way through the pipeline become batches of a recording here: chunks of each CPU, cut at gaps,
// and in front of them what the input says about itself. It knows nothing of threads; whoever decodes calls it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/chunk/batch.h"
#include "analysis/chunk/chunk.h"
#include "analysis/chunk/functions_seen.h"
#include "analysis/trace/event.h"
#include "analysis/trace/reader.h"
#include "server/store/recording.h"

namespace wakewatch {

class EventStorer {
 public:
  // `cpus`: streams that will be stored. `input` and `writer` must outlive it.
  EventStorer(const TraceInput& input, size_t cpus, RecordingWriter* writer);

  // The next events of a CPU, gaps among them; their records are copied out. Errors: the writer's, and a chunk that
  // could not be encoded.
  Status Store(uint32_t cpu, std::span<const Event> events);
  // Waits that were measured, to be stored with the next batch. May be called by another thread beside Store.
  void AddWaits(std::vector<WaitChunk> waits);
  // Stores what is left, and the names of the functions that occurred. Call once, and when nobody else uses the input's
  // symbols.
  Status Finish();

 private:
  struct Stream {
    ChunkEncoder encoder;
    uint32_t events = 0;  // in the encoder
    size_t bytes = 0;     // of their records
  };

  Stream& Of(uint32_t cpu);
  Status Cut(Stream* stream);
  Status Append();
  void DescribeInput();

  const TraceInput& input_;
  RecordingWriter* const writer_;
  const uint32_t chunk_events_;
  std::map<uint32_t, Stream> streams_;  // by CPU
  FunctionsSeen functions_;
  Batch batch_;  // the one that is being filled
  size_t batch_bytes_ = 0;
  std::mutex waits_mutex_;
  std::vector<WaitChunk> waits_;
};

}  // namespace wakewatch
