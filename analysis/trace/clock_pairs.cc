#include "analysis/trace/clock_pairs.h"

#include <algorithm>

namespace wakewatch {

Result<uint64_t> TraceTimeOf(uint64_t real_ns, const std::vector<ClockPair>& pairs) {
  if (pairs.empty()) {
    return Fail(Error{.code = ErrorCode::kInvalidArgument,
                      .cause = "this input does not say which wall time its trace clock stood for",
                      .remedy =
                          "give --since and --until in seconds of the trace clock; wall times work on recordings made "
                          "with `wakewatch record`"});
  }
  const auto distance = [&](const ClockPair& pair) {
    return pair.real_ns > real_ns ? pair.real_ns - real_ns : real_ns - pair.real_ns;
  };
  const ClockPair& nearest = *std::min_element(
      pairs.begin(), pairs.end(), [&](const ClockPair& a, const ClockPair& b) { return distance(a) < distance(b); });
  const uint64_t away = distance(nearest);
  if (real_ns < nearest.real_ns) return nearest.trace_ns > away ? nearest.trace_ns - away : 0;
  return nearest.trace_ns + std::min(away, UINT64_MAX - nearest.trace_ns);
}

}  // namespace wakewatch
