// Why: sysfs, /proc and people write sets of CPUs alike, and one parser should read them all.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace wakewatch {

// "0-3,8" in rising order without repeats; a line feed at the end is fine, and empty text is an empty list. None for
// anything else and for CPU numbers above 65535.
std::optional<std::vector<uint32_t>> ParseCpuList(std::string_view text);

}  // namespace wakewatch
