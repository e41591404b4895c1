// Why: "events a second" on a dashboard is what came in over the last seconds, not an average since the start.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace wakewatch {

// Amounts by second of a steady clock, over the last few whole seconds.
class Rate {
 public:
  using Time = std::chrono::steady_clock::time_point;

  void Add(Time now, uint64_t amount) {
    Slot& slot = slots_[Index(now)];
    if (slot.second != SecondOf(now)) slot = {SecondOf(now), 0};
    slot.amount += amount;
  }
  // Per second; the second that goes on is left out.
  double PerSecond(Time now) const {
    const int64_t second = SecondOf(now);
    uint64_t sum = 0;
    for (const Slot& slot : slots_) {
      if (slot.second < second && slot.second >= second - kSeconds) sum += slot.amount;
    }
    return static_cast<double>(sum) / kSeconds;
  }

 private:
  static constexpr int64_t kSeconds = 4;
  struct Slot {
    int64_t second = -kSeconds - 1;
    uint64_t amount = 0;
  };
  static int64_t SecondOf(Time now) {
    return std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  }
  static size_t Index(Time now) { return static_cast<size_t>(SecondOf(now)) % (kSeconds + 1); }

  std::array<Slot, kSeconds + 1> slots_;
};

}  // namespace wakewatch
