// Why: who woke whom in front of a late task, and where the time between two moments went, read from a trace or a
// recording in one or two passes. The command line and the server answer by this.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "analysis/base/result.h"
#include "analysis/report/chain_view.h"
#include "analysis/trace/reader.h"

namespace wakewatch {

struct ChainQuestion {
  std::string task;  // a pid, a name, or the front of one with a *
  // With a span its critical path; without, that of the task's worst wait and of the chain of wakes in front of it.
  bool has_span = false;
  uint64_t since_ns = 0, until_ns = UINT64_MAX;
};

// `stop` is asked now and then, and may be empty. Errors: kNotFound (no such task, or no wait of it was measured),
// kInvalidArgument (a span without events, or a name that several tasks of the span have), kTooLarge (a span with too
// much in it), kDeadline (stopped), and those of the readers.
Result<ChainAnswer> FindChain(const TraceInput& input, const ChainQuestion& question,
                              const std::function<bool()>& stop);

}  // namespace wakewatch
