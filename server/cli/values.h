// Why: what people type for times, durations, CPUs and levels, parsed exactly (no floating point) and refused with a
// sentence that shows what would have been right.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/checks/finding.h"
#include "analysis/trace/reader.h"

namespace wakewatch {

// "5ms", "1.5s", "250us", "40ns", "2min"; a unit is required unless the number is 0. Nanoseconds.
Result<uint64_t> ParseDuration(std::string_view text);

// A point in time: on the trace clock ("41.5", "41.5s": seconds) or by the wall ("2026-11-21 14:03[:05[.123]]" in the
// local time zone, with a Z behind it in UTC; T may stand for the space).
struct TimePoint {
  bool wall = false;
  uint64_t ns = 0;  // of the trace clock, or since 1970
};
Result<TimePoint> ParseTimePoint(std::string_view text);
// On the trace clock. A wall time needs at least one pair and is placed by the nearest.
Result<uint64_t> TraceTime(const TimePoint& point, const std::vector<ClockPair>& pairs);

// "0-3,8". In ascending order, without repeats, at least one.
Result<std::vector<uint32_t>> ParseCpus(std::string_view text);

// KiB of ring buffer a CPU, 64 to 4 GiB.
Result<uint64_t> ParseBufferKb(std::string_view text);
// A whole number above zero.
Result<uint64_t> ParsePositive(std::string_view text);

// "127.0.0.1:7400", "[::1]:7400", "localhost:0".
struct Endpoint {
  std::string address;
  uint16_t port = 0;
};
Result<Endpoint> ParseEndpoint(std::string_view text);

// "suspicious", "strong", "proven".
Result<Confidence> ParseConfidence(std::string_view text);

}  // namespace wakewatch
