// Any bytes as a batch that a collector sends. What gets past is within the limits, and is the same batch when it has
// been written and read again.
#include <cstdint>
#include <cstdlib>
#include <string>

#include <wakewatch/v1/batch.pb.h>

#include "proto/wire/batch_codec.h"

namespace {

using namespace wakewatch;

std::string BytesOf(const Batch& batch) {
  v1::Batch message;
  BatchToMessage(batch, &message);
  return message.SerializeAsString();
}

void CheckLimits(const Batch& batch) {
  const BatchLimits limits;
  for (const Chunk& chunk : batch.chunks) {
    if (chunk.cpu > limits.cpu_max || chunk.first_ns > chunk.last_ns) std::abort();
  }
  for (const GapRecord& gap : batch.gaps) {
    if (gap.cpu > limits.cpu_max) std::abort();
  }
  for (const ThreadInfo& thread : batch.threads) {
    if (thread.comm.size() > limits.text_bytes_max) std::abort();
  }
  if (batch.session && (batch.session->host.empty() || batch.session->host.front() == '.')) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  v1::Batch message;
  if (!message.ParseFromArray(data, static_cast<int>(size))) return 0;
  auto batch = BatchFromMessage(&message);
  if (!batch) {
    if (batch.error().code != ErrorCode::kInvalidArgument || batch.error().cause.empty()) std::abort();
    return 0;
  }
  CheckLimits(*batch);
  const std::string bytes = BytesOf(*batch);
  v1::Batch again;
  if (!again.ParseFromString(bytes)) std::abort();
  const auto read = BatchFromMessage(&again);
  if (!read || BytesOf(*read) != bytes) std::abort();
  return 0;
}
