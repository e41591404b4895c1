// Why: hundreds of collectors lose their server at the same instant, and must not all come back at the same instant,
// again and again. Waits double from failure to failure, each is cut by chance, and a time of health forgets them.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>

namespace wakewatch {

struct BackOffLimits {
  std::chrono::milliseconds first{250}, longest{15'000};
  std::chrono::milliseconds healthy{10'000};  // a stream that lasted this long was no failure
};

class BackOff {
 public:
  BackOff(BackOffLimits limits, uint64_t seed) : limits_(limits), random_(seed), next_(limits.first) {}

  // How long to wait now that a stream has ended after `lasted` (zero: it never stood). Between half and all of a time
  // that doubles with each failure; at least half of `at_least`.
  std::chrono::milliseconds Failed(std::chrono::milliseconds lasted, std::chrono::milliseconds at_least = {}) {
    if (lasted >= limits_.healthy) next_ = limits_.first;
    const auto wait = std::max(next_, at_least);
    next_ = std::min(2 * next_, limits_.longest);
    std::uniform_int_distribution<int64_t> chance(wait.count() / 2, wait.count());
    return std::chrono::milliseconds(chance(random_));
  }

 private:
  const BackOffLimits limits_;
  std::mt19937_64 random_;
  std::chrono::milliseconds next_;
};

}  // namespace wakewatch
