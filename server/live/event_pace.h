// Why: one host that sends as fast as it can must not make the others wait. What is worked off of each is paced: what
// was taken is paid for with time, and nothing more is taken before the time has come. A pause lets a host save up
// kSaved, so that one that sends in batches is not held up by its rhythm.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace wakewatch {

class EventPace {
 public:
  using Time = std::chrono::steady_clock::time_point;

  static constexpr std::chrono::milliseconds kSaved{250};
  static constexpr std::chrono::seconds kOwedMax{60};  // whatever a batch says that it holds

  explicit EventPace(uint64_t events_per_second) : events_per_second_(events_per_second) {}  // 0: no limit

  // The next events may be taken from then on.
  Time free_at() const { return free_at_; }
  // Any number may be taken at once where free_at() has come; the next wait for all of them.
  void Take(uint64_t events, Time now) {
    if (events_per_second_ == 0) return;
    const std::chrono::duration<double> price(static_cast<double>(events) / static_cast<double>(events_per_second_));
    free_at_ = std::max(free_at_, now - kSaved);
    free_at_ += std::chrono::duration_cast<Time::duration>(std::min<std::chrono::duration<double>>(price, kOwedMax));
    free_at_ = std::min(free_at_, now + kOwedMax);
  }

 private:
  const uint64_t events_per_second_;
  Time free_at_ = Time::min();
};

}  // namespace wakewatch
