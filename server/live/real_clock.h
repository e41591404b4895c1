// Why: moments are shown to people, and ages of files are judged, by the wall clock. Nothing else may use it.
#pragma once

#include <chrono>
#include <cstdint>

namespace wakewatch {

// CLOCK_REALTIME, ns since 1970.
inline uint64_t RealNowNs() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

}  // namespace wakewatch
