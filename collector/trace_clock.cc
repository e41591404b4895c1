#include "collector/trace_clock.h"

namespace wakewatch {
namespace {

uint64_t ReadNs(clockid_t id) {
  timespec time{};
  clock_gettime(id, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(time.tv_nsec);
}

}  // namespace

std::optional<TraceClock> TraceClock::Named(std::string_view name) {
  if (name == "mono") return TraceClock(CLOCK_MONOTONIC);
  if (name == "boot") return TraceClock(CLOCK_BOOTTIME);
  return std::nullopt;
}

uint64_t TraceClock::NowNs() const { return ReadNs(id_); }

ClockPair TraceClock::Pair() const {
  constexpr int kTries = 5;
  ClockPair best{};
  uint64_t best_width_ns = UINT64_MAX;
  for (int i = 0; i < kTries; ++i) {
    const uint64_t before = ReadNs(id_);
    const uint64_t real = ReadNs(CLOCK_REALTIME);
    const uint64_t width = ReadNs(id_) - before;
    if (width < best_width_ns) {
      best_width_ns = width;
      best = {before + width / 2, real};
    }
  }
  return best;
}

}  // namespace wakewatch
