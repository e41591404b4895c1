// Why: columns that line up, whatever a task calls itself. Every cell is made printable here, so no caller can forget
// it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace wakewatch {

class TextTable {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = Align::kLeft;
  };

  explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // Cells beyond the columns are dropped, missing ones are empty.
  void AddRow(std::vector<std::string> cells);
  size_t rows() const { return rows_.size(); }
  // The title line and the rows, each ending in a newline, `indent` spaces in front, two spaces between columns.
  std::string Text(size_t indent = 2) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// The line below a table that shows some of its rows; empty when it shows all.
std::string LeftOutText(size_t all, size_t shown, std::string_view what);

}  // namespace wakewatch
