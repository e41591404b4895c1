#include "analysis/model/tick_period.h"

#include <algorithm>

namespace wakewatch {
namespace {

constexpr size_t kOtherFunctionsMax = 64;
constexpr uint32_t kVotesNeeded = 8;

}  // namespace

bool TickPeriod::IsTick(uint64_t function) {
  if (function == tick_function_) return function != 0;
  if (std::find(other_functions_.begin(), other_functions_.end(), function) != other_functions_.end()) return false;
  const std::string_view name = symbols_.Find(function);
  if (name == "tick_sched_timer" || name == "tick_nohz_handler") {
    tick_function_ = function;
    return true;
  }
  if (other_functions_.size() < kOtherFunctionsMax) other_functions_.push_back(function);
  return false;
}

void TickPeriod::Learn(uint64_t interval_ns) {
  for (size_t i = 0; i < kPeriodsNs.size(); ++i) {
    const uint64_t tolerance = kPeriodsNs[i] / 10;
    if (interval_ns + tolerance < kPeriodsNs[i] || interval_ns > kPeriodsNs[i] + tolerance) continue;
    ++votes_[i];
    const auto best = std::max_element(votes_.begin(), votes_.end());
    if (*best >= kVotesNeeded) silence_ns_ = kPeriodsNs[static_cast<size_t>(best - votes_.begin())] * 3 / 2;
    return;
  }
}

}  // namespace wakewatch
