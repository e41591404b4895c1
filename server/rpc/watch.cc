#include "server/rpc/watch.h"

#include <algorithm>
#include <thread>

namespace wakewatch {

std::atomic<int>& Watch::Count() {
  static std::atomic<int> count{0};
  return count;
}

bool Watch::Sleep(std::chrono::milliseconds time) const {
  constexpr std::chrono::milliseconds kStep{100};
  const auto until = std::chrono::steady_clock::now() + time;
  while (GoesOn()) {
    const auto now = std::chrono::steady_clock::now();
    if (now >= until) return true;
    std::this_thread::sleep_for(std::min<std::chrono::steady_clock::duration>(kStep, until - now));
  }
  return false;
}

}  // namespace wakewatch
