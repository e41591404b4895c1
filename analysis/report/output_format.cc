#include "analysis/report/output_format.h"

namespace wakewatch {

std::optional<OutputFormat> ParseOutputFormat(std::string_view text) {
  if (text == "text") return OutputFormat::kText;
  if (text == "json") return OutputFormat::kJson;
  if (text == "csv") return OutputFormat::kCsv;
  if (text == "ndjson") return OutputFormat::kNdjson;
  return std::nullopt;
}

}  // namespace wakewatch
