// Why: events say that a task sleeps; where in the kernel it sleeps is only in /proc, while it does. The server asks
// for it when it suspects a task, and gets an answer or the reason why there is none. Whoever asks may ask too often.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "analysis/base/result.h"

namespace wakewatch {

struct TaskSnapshot {
  uint64_t request_id = 0;
  int32_t pid = 0;
  uint64_t ts_ns = 0;                // trace clock
  std::string stack, wchan, status;  // of /proc/PID; printable ASCII, 16 KiB each at most
  std::string error;                 // why something is missing; empty: nothing is
};

class TaskSnapshots {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // `per_second`: requests beyond it are refused.
  explicit TaskSnapshots(std::string proc = "/proc", unsigned per_second = 20)
      : proc_(std::move(proc)), per_second_(per_second) {}

  TaskSnapshot Take(uint64_t request_id, int32_t pid, TimePoint now, uint64_t trace_now_ns);

 private:
  const std::string proc_;
  const unsigned per_second_;
  TimePoint second_began_{};
  unsigned taken_ = 0;  // since then
};

}  // namespace wakewatch
