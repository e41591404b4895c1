// Why: frontiers, wall-clock pairs and inventory times must be on the clock the kernel stamps events with.
#pragma once

#include <ctime>
#include <optional>
#include <string_view>

#include "analysis/trace/reader.h"

namespace wakewatch {

class TraceClock {
 public:
  // "mono" or "boot", the two trace clocks that user space can read and that agree across CPUs. None for others.
  static std::optional<TraceClock> Named(std::string_view name);

  std::string_view name() const { return id_ == CLOCK_MONOTONIC ? "mono" : "boot"; }
  uint64_t NowNs() const;
  // The trace clock and CLOCK_REALTIME at one instant: the real time is read between two readings of the trace clock,
  // and the tightest of a few such brackets is kept.
  ClockPair Pair() const;

 private:
  explicit TraceClock(clockid_t id) : id_(id) {}
  clockid_t id_;
};

}  // namespace wakewatch
