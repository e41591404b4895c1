// Why: a trace that was recorded once can be sent again as a collector would have sent it while it happened. The fleet
// simulator and the tests that hold live results against offline ones need the same batches, so they are made here.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/chunk/batch.h"
#include "analysis/trace/reader.h"

namespace wakewatch {

// SessionInfo::collector_version of what is replayed: nobody on that host can be asked what its tasks do now.
inline constexpr std::string_view kReplayVersion = "replay";

struct ReplayOptions {
  std::string host = "replay", boot_id = "replay-boot", session = "replay-1";
  std::chrono::milliseconds span{500};  // of trace time in a batch
  // Added to the trace's times, those of gaps, threads and clock pairs included; not to times inside of records (a
  // timer's expiry).
  uint64_t shift_ns = 0;
  // When not 0, this is the wall clock (ns since 1970) at the trace's beginning, whatever the trace says about it.
  uint64_t real_begin_ns = 0;
  // How often the trace is repeated, each time behind the last. Between two laps each CPU has a gap without a count:
  // tasks are in another state than the lap before left them in.
  uint32_t laps = 1;
  // A trace.dat brings every format of its kernel, a collector those of the events that it records. Events keep their
  // fields, but not their index among the formats.
  bool used_formats_only = false;
  size_t batch_bytes_max = 4u << 20;  // of chunks; a slice with more is sent in parts, as a collector does
};

// Cuts `input` into batches. Each holds the events up to its frontiers, which are the same for all CPUs; the first says
// what the input says about itself, the last is marked so and has the kernel's statistics. A gap stands in the batch of
// its start, whole; names of functions in the batch in which they first occur. Sequences are 1, 2, 3. Errors: the
// reader's, an input without events, a span that is not above zero.
Result<std::vector<Batch>> MakeBatches(const TraceInput& input, const ReplayOptions& options);

}  // namespace wakewatch
