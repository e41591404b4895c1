// Why: one host that sends without end must not take the disk of all others. What it may send in a day is bounded; days
// are those of UTC, so that an operator knows when it may go on.
#pragma once

#include <cstdint>

#include "server/store/day_bytes.h"

namespace wakewatch {

class DailyBytes {
 public:
  explicit DailyBytes(uint64_t bytes_max) : bytes_max_(bytes_max) {}  // 0: no limit

  // Counts `bytes`; false, and counts nothing, when the day's limit does not allow for them.
  bool Take(uint64_t bytes, uint64_t now_real_ns) {
    Turn(now_real_ns);
    if (bytes_max_ != 0 && (used_ >= bytes_max_ ? bytes > 0 : bytes > bytes_max_ - used_)) return false;
    used_ += bytes;
    return true;
  }
  uint64_t Used(uint64_t now_real_ns) const { return now_real_ns / kDayNs == day_ ? used_ : 0; }
  // Comes first: what a server before this one counted. It is of no account on another day, which one that a clock that
  // was ahead has named may be.
  void Resume(const DayBytes& before, uint64_t now_real_ns) {
    if (before.day != now_real_ns / kDayNs) return;
    day_ = before.day;
    used_ = before.bytes;
  }
  DayBytes Last() const { return {day_, used_}; }
  uint64_t bytes_max() const { return bytes_max_; }

 private:
  static constexpr uint64_t kDayNs = 24ull * 3600 * 1'000'000'000;
  // A clock that is set back does not give the bytes of a day a second time.
  void Turn(uint64_t now_real_ns) {
    if (now_real_ns / kDayNs <= day_) return;
    day_ = now_real_ns / kDayNs;
    used_ = 0;
  }

  const uint64_t bytes_max_;
  uint64_t day_ = 0, used_ = 0;
};

}  // namespace wakewatch
