// Why: measured waits on their way into a recording. Each has a number, from 0 at the begin of the run, and a chunk is
// named by the number of its first wait. A run that is restored makes the same waits under the same numbers again, so
// what is stored by its name is stored once.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "analysis/base/bytes.h"
#include "analysis/base/result.h"
#include "analysis/checks/measured_wait.h"
#include "analysis/report/wait_chunk.h"

namespace wakewatch {

// A row of table `wait_chunk`.
struct WaitChunk {
  uint64_t first_wait = 0;
  WaitSummary summary;
  std::vector<uint8_t> bytes;  // see wait_chunk.h
};

// Not thread-safe.
class WaitBuilder {
 public:
  // Kept are the waits of kernel threads, and those of user tasks that are at least `user_latency_min_ns` long.
  explicit WaitBuilder(uint64_t user_latency_min_ns) : user_latency_min_ns_(user_latency_min_ns) {}

  static bool Keeps(const MeasuredWait& wait, uint64_t user_latency_min_ns) {
    return IsKernelThread(wait.thread) || wait.latency_ns() >= user_latency_min_ns;
  }
  // In the order in which they end.
  void Add(const MeasuredWait& wait);

  // The chunks that were finished since the last call.
  std::vector<WaitChunk> Take() { return std::exchange(finished_, {}); }
  bool HasFinished() const { return !finished_.empty(); }
  // The one that is not finished; it will be replaced by a fuller one of its name. Nothing: there is none.
  std::optional<WaitChunk> Unfinished() const;
  // Finishes it.
  void Cut();
  // The name of the unfinished chunk, or of the next one.
  uint64_t first_wait() const { return first_wait_; }

  // All that it knows, chunks that were not taken excepted. Restored, it goes on as if nothing had happened.
  std::vector<uint8_t> Save() const;
  // Errors: kUnsupported (another version), kCorrupt, kTruncated.
  static Result<WaitBuilder> Restore(Bytes saved, uint64_t user_latency_min_ns);

 private:
  WaitChunk Current() const { return {first_wait_, encoder_.summary(), encoder_.Encode()}; }

  uint64_t user_latency_min_ns_;
  uint64_t first_wait_ = 0;
  WaitEncoder encoder_;
  std::vector<WaitChunk> finished_;
};

}  // namespace wakewatch
