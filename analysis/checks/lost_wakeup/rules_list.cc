#include "analysis/checks/lost_wakeup/rules_list.h"

#include <array>

namespace wakewatch {

std::span<const RuleInfo* const> LostWakeupRules() {
  static constexpr std::array<const RuleInfo*, 0> kRules = {};
  return kRules;
}

}  // namespace wakewatch
