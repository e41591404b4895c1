#include "analysis/report/text_table.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "analysis/report/printable.h"

namespace wakewatch {

void TextTable::AddRow(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  for (std::string& cell : cells) cell = PrintableText(cell);
  rows_.push_back(std::move(cells));
}

std::string TextTable::Text(size_t indent) const {
  std::vector<std::string> titles;
  std::vector<size_t> widths;
  for (const Column& column : columns_) {
    titles.push_back(PrintableText(column.title));
    widths.push_back(PrintableWidth(titles.back()));
  }
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], PrintableWidth(row[i]));
  }

  std::string out;
  const auto append_line = [&](const std::vector<std::string>& cells) {
    std::string line(indent, ' ');
    for (size_t i = 0; i < cells.size(); ++i) {
      const std::string padding(widths[i] - PrintableWidth(cells[i]), ' ');
      if (i > 0) line += "  ";
      line += columns_[i].align == Align::kRight ? padding + cells[i] : cells[i] + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  };
  append_line(titles);
  for (const auto& row : rows_) append_line(row);
  return out;
}

std::string LeftOutText(size_t all, size_t shown, std::string_view what) {
  return all > shown ? fmt::format("  … and {} more {}\n", CountText(all - shown), what) : std::string();
}

}  // namespace wakewatch
