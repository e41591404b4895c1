// Why: the part of the text report about kernel threads that came and went, and about user-mode helpers.
#pragma once

#include <cstddef>
#include <string>

#include "analysis/checks/summary.h"

namespace wakewatch {

// Two tables, each with the newest `rows_max` rows and what is left out counted; empty when there was nothing.
std::string LifecycleText(const LifecycleSummary& lifecycle, size_t rows_max);

}  // namespace wakewatch
