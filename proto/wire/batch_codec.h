// Why: batches cross the network as protobuf messages and live in memory as plain structures. This is the one place
// that knows both. What comes from the network is hostile: counts, CPU numbers, times and texts are checked here
// against limits, so that what gets past is a Batch like those of our own collector, up to what its chunks hold.
#pragma once

#include <cstddef>
#include <cstdint>

#include <wakewatch/v1/batch.pb.h>

#include "analysis/base/result.h"
#include "analysis/chunk/batch.h"

namespace wakewatch {

// Versions of the protocol of wakewatch/v1/ingest.proto that this build speaks.
inline constexpr uint32_t kWireVersionOldest = 1, kWireVersionNewest = 1;

// A message larger than this is refused by both sides. The largest batch of a collector is a quarter of it.
inline constexpr size_t kMessageBytesMax = 16u << 20;

struct BatchLimits {
  uint32_t cpu_max = 8191;  // highest CPU number: NR_CPUS of the largest kernels
  uint64_t time_max_ns = static_cast<uint64_t>(INT64_MAX);
  size_t text_bytes_max = 4096;          // names, hosts, reasons
  size_t format_bytes_max = 256u << 10;  // one format file
  size_t list_max = 1u << 18;            // entries of any list
};

void BatchToMessage(const Batch& batch, v1::Batch* message);
void SessionToMessage(const SessionInfo& session, v1::Session* message);

// Moves what it can out of *message. Errors: kInvalidArgument, naming the field that no collector would send.
Result<Batch> BatchFromMessage(v1::Batch* message, const BatchLimits& limits = {});
// Errors: as above, and a session without host, boot or session id. A host is 1 to 253 bytes of letters, digits, '.',
// '_' and '-', and does not begin with '.' or '-'.
Result<SessionInfo> SessionFromMessage(const v1::Session& message, const BatchLimits& limits = {});

}  // namespace wakewatch
