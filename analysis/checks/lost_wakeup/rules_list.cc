#include "analysis/checks/lost_wakeup/rules_list.h"

#include <array>

#include "analysis/checks/lost_wakeup/sleeper_rule.h"

namespace wakewatch {

std::span<const LostWakeupRuleInfo* const> LostWakeupRules() {
  static constexpr std::array kRules = {&SleeperRule::kInfo};
  return kRules;
}

}  // namespace wakewatch
