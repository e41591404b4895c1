// Why: `wakewatch model`: which rules of the scheduler a recording was held to, how often, and where it broke them. The
// JSON is schema version 1: keys may be added, none is renamed, removed or given another meaning.
#pragma once

#include <cstddef>
#include <string>

#include "analysis/report/report.h"

namespace wakewatch {

// A table of the rules, then the first `places_max` places of each rule's violations.
std::string ModelText(const Report& report, size_t places_max);
// All rules with their explanations, counts and places.
// One line that sums up all rules but the negative control; empty where none was checked.
std::string ModelLine(const Report& report);
std::string ModelJson(const Report& report);

// The rules alone, for a reader who has no recording.
std::string RulesText();
std::string RulesJson();

}  // namespace wakewatch
