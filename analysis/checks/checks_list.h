// Why: the one list of checks. The engine, the command line and the tests read it; a new check is its own file pair and
// one line in checks_list.cc.
#pragma once

#include <span>

#include "analysis/checks/check.h"

namespace wakewatch {

std::span<const CheckInfo> Checks();

}  // namespace wakewatch
