// Why: hundreds of simulated collectors share a machine with the server that is measured. What they send is encoded
// before the clock starts, once for each recording, and shared: while they send, they do next to nothing.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <string>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/chunk/batch.h"
#include "analysis/trace/reader.h"
#include "server/live/replay.h"

namespace wakewatch::fleet {

// A batch as it travels.
struct Message {
  grpc::ByteBuffer request;  // an IngestRequest
  uint64_t due_ns = 0;       // of the trace's time, since its beginning
  uint64_t events = 0;
  size_t bytes = 0;
};

struct Recording {
  std::string path;
  Batch first;  // sequence 1, which names the host: each collector encodes its own
  uint64_t first_due_ns = 0;
  std::vector<Message> rest;  // sequences 2, 3, …
  uint64_t events = 0;        // in all
  uint64_t span_ns = 0;       // from the trace's beginning to its end, all laps together

  size_t batches() const { return rest.size() + 1; }
};

// A batch holds half a second of a collector's time, which at another speed is more or less of the trace.
struct Pace {
  double speed = 1;              // trace seconds in a second; 0: as fast as possible
  double events_per_second = 0;  // of one collector; when not 0 it decides the speed
  double seconds = 0;            // to be filled with laps; 0: one lap
};

// Reads and encodes; *speed becomes that of this recording.
Result<Recording> Prepare(const std::string& path, const TraceInput& input, const ReplayOptions& options,
                          const Pace& pace, double* speed);

Message Encode(const Batch& batch, uint64_t due_ns);

}  // namespace wakewatch::fleet
