#include "analysis/checks/lost_wakeup/rules_list.h"

#include <array>

namespace wakewatch {

std::span<const LostWakeupRuleInfo* const> LostWakeupRules() {
  static constexpr std::array<const LostWakeupRuleInfo*, 0> kRules = {};
  return kRules;
}

}  // namespace wakewatch
