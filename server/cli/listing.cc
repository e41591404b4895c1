#include "server/cli/listing.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "analysis/report/printable.h"
#include "analysis/report/text_table.h"

namespace wakewatch {

std::string ListingText(const Listing& listing, OutputFormat format) {
  std::string out;
  if (format == OutputFormat::kText) {
    std::vector<TextTable::Column> columns;
    for (const std::string& column : listing.columns) columns.push_back({column, TextTable::Align::kLeft});
    TextTable table(std::move(columns));
    for (const auto& row : listing.rows) table.AddRow(row);
    return table.Text(0);
  }
  if (format == OutputFormat::kCsv) {
    const auto append = [&](const std::vector<std::string>& cells) {
      for (size_t i = 0; i < cells.size(); ++i) out += (i == 0 ? "" : ",") + CsvField(cells[i]);
      out += '\n';
    };
    append(listing.columns);
    for (const auto& row : listing.rows) append(row);
    return out;
  }
  nlohmann::ordered_json items = nlohmann::ordered_json::array();
  for (const auto& row : listing.rows) {
    nlohmann::ordered_json item;
    for (size_t i = 0; i < row.size(); ++i) item[listing.columns[i]] = row[i];
    items.push_back(std::move(item));
  }
  const nlohmann::ordered_json answer = {{"schema_version", 1}, {"items", std::move(items)}};
  return answer.dump(1, ' ', true, nlohmann::json::error_handler_t::replace) + '\n';
}

}  // namespace wakewatch
