// Why: the one list of the rules against lost wakeups. A new rule is its file pair and a line in rules_list.cc.
#pragma once

#include <span>

#include "analysis/checks/lost_wakeup/rule.h"

namespace wakewatch {

std::span<const LostWakeupRuleInfo* const> LostWakeupRules();

}  // namespace wakewatch
