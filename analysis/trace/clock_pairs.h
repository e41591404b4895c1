// Why: people name moments by the wall clock, events carry the trace clock. Pairs of both, taken now and then, lead
// from one to the other; the nearest is the best, since clocks drift and wall clocks are set.
#pragma once

#include <cstdint>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/trace/reader.h"

namespace wakewatch {

// The trace time of CLOCK_REALTIME `real_ns`, clamped to what a uint64_t holds. Error: kInvalidArgument, no pairs.
Result<uint64_t> TraceTimeOf(uint64_t real_ns, const std::vector<ClockPair>& pairs);

}  // namespace wakewatch
