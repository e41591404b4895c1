#include "collector/agent/event_budget.h"

#include <algorithm>
#include <array>

namespace wakewatch {
namespace {

constexpr std::array<const char*, 3> kLadder = {"full", "standard", "light"};  // from the largest

size_t RungOf(const std::string& profile) {
  const auto at = std::find(kLadder.begin(), kLadder.end(), profile);
  return at == kLadder.end() ? 0 : static_cast<size_t>(at - kLadder.begin());
}

}  // namespace

EventBudget::Step EventBudget::Want(const std::string& profile, std::string reason) {
  wanted_ = profile_ = profile;
  Forget();
  return {profile_, std::move(reason)};
}

void EventBudget::Forget() {
  observed_.clear();
  calm_since_ns_ = 0;
  helpless_ = false;
}

std::optional<EventBudget::Step> EventBudget::Observe(uint64_t now_ns, uint64_t events) {
  observed_.emplace_back(now_ns, events);
  // The youngest observation that is old enough to measure from.
  while (observed_.size() > 1 && now_ns - observed_[1].first >= options_.measured_ns) observed_.pop_front();
  const auto [since_ns, events_before] = observed_.front();
  const uint64_t span_ns = now_ns - since_ns;
  if (span_ns < options_.measured_ns) return std::nullopt;
  const double rate = static_cast<double>(events - events_before) * 1e9 / static_cast<double>(span_ns);
  const auto budget = static_cast<double>(options_.events_per_second);
  const std::string measured = std::to_string(static_cast<uint64_t>(rate)) + " events/s, the budget is " +
                               std::to_string(options_.events_per_second);
  const size_t rung = RungOf(profile_);
  helpless_ = rate > budget && rung + 1 == kLadder.size();
  if (rate > budget && !helpless_) {
    Forget();
    profile_ = kLadder[rung + 1];
    return Step{profile_, measured};
  }
  if (rate * 2 >= budget) {
    calm_since_ns_ = 0;
  } else if (calm_since_ns_ == 0) {
    calm_since_ns_ = since_ns;
  } else if (now_ns - calm_since_ns_ >= options_.calm_ns && rung > RungOf(wanted_)) {
    Forget();
    profile_ = kLadder[rung - 1];
    return Step{profile_, measured};
  }
  return std::nullopt;
}

}  // namespace wakewatch
