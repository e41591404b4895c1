// Why: every answer is written for people, for programs, for spreadsheets or line by line; one list of these.
#pragma once

#include <optional>
#include <string_view>

namespace wakewatch {

enum class OutputFormat { kText, kJson, kCsv, kNdjson };

// "text", "json", "csv", "ndjson".
std::optional<OutputFormat> ParseOutputFormat(std::string_view text);

}  // namespace wakewatch
