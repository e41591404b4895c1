// Why: a busy host must not pay for being watched. When more events come than the budget allows, a smaller profile is
// recorded, and the wanted one again once there is room for it. This decides; it knows no clock and records nothing.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>

namespace wakewatch {

struct BudgetOptions {
  uint64_t events_per_second = 300'000;
  uint64_t measured_ns = 2'000'000'000;  // over at least this time
  uint64_t calm_ns = 30'000'000'000;     // below half of the budget, before the next larger profile is tried
};

class EventBudget {
 public:
  struct Step {
    std::string profile, reason;
  };

  // `wanted`: a profile that FindEventProfile knows.
  EventBudget(BudgetOptions options, std::string wanted)
      : options_(options), wanted_(std::move(wanted)), profile_(wanted_) {}

  const std::string& profile() const { return profile_; }  // to be in use
  const std::string& wanted() const { return wanted_; }
  // Above the budget although there is no smaller profile.
  bool helpless() const { return helpless_; }

  // Somebody wants another profile. What was measured counts for the old one and is forgotten.
  Step Want(const std::string& profile, std::string reason);
  // `events` in all, those lost included, at `now_ns`. Both only grow.
  std::optional<Step> Observe(uint64_t now_ns, uint64_t events);

 private:
  void Forget();

  const BudgetOptions options_;
  std::string wanted_, profile_;
  std::deque<std::pair<uint64_t, uint64_t>> observed_;  // (time, events), the oldest in front
  uint64_t calm_since_ns_ = 0;                          // 0: not calm
  bool helpless_ = false;
};

}  // namespace wakewatch
