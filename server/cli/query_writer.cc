#include "server/cli/query_writer.h"

#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "analysis/report/printable.h"
#include "analysis/report/text_table.h"

namespace wakewatch {
namespace {

using Json = nlohmann::ordered_json;

std::string Dump(const Json& value) { return value.dump(-1, ' ', true, Json::error_handler_t::replace); }

Json JsonValue(const SqlValue& value) {
  return std::visit(
      [](const auto& held) {
        if constexpr (std::is_same_v<std::decay_t<decltype(held)>, std::monostate>)
          return Json(nullptr);
        else
          return Json(held);
      },
      value);
}

std::string PlainText(const SqlValue& value) {
  return std::visit(
      [](const auto& held) {
        if constexpr (std::is_same_v<std::decay_t<decltype(held)>, std::monostate>)
          return std::string();
        else
          return fmt::format("{}", held);
      },
      value);
}

// {"columns":[…],"rows":[[…],…],"truncated":false}
class JsonWriter : public QueryWriter {
 public:
  explicit JsonWriter(Output* output) : output_(output) {}
  Status Begin(const std::vector<std::string>& columns) override {
    return output_->Write("{\"columns\": " + Dump(columns) + ",\n\"rows\": [");
  }
  Status Row(const std::vector<SqlValue>& row) override {
    Json values = Json::array();
    for (const SqlValue& value : row) values.push_back(JsonValue(value));
    const std::string lead = first_ ? "\n  " : ",\n  ";
    first_ = false;
    return output_->Write(lead + Dump(values));
  }
  Status End(bool truncated) override {
    if (auto status = output_->Write(std::string("],\n\"truncated\": ") + (truncated ? "true}\n" : "false}\n"));
        !status) {
      return status;
    }
    return output_->Flush();
  }

 private:
  Output* output_;
  bool first_ = true;
};

// One object a line.
class NdjsonWriter : public QueryWriter {
 public:
  explicit NdjsonWriter(Output* output) : output_(output) {}
  Status Begin(const std::vector<std::string>& columns) override {
    columns_ = columns;
    return {};
  }
  Status Row(const std::vector<SqlValue>& row) override {
    Json object = Json::object();
    for (size_t i = 0; i < row.size() && i < columns_.size(); ++i) object[columns_[i]] = JsonValue(row[i]);
    return output_->Write(Dump(object) + '\n');
  }
  Status End(bool) override { return output_->Flush(); }

 private:
  Output* output_;
  std::vector<std::string> columns_;
};

class CsvWriter : public QueryWriter {
 public:
  explicit CsvWriter(Output* output) : output_(output) {}
  Status Begin(const std::vector<std::string>& columns) override {
    std::string line;
    for (const std::string& column : columns) line += (line.empty() ? "" : ",") + CsvField(column);
    return output_->Write(line + '\n');
  }
  Status Row(const std::vector<SqlValue>& row) override {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) line += (i == 0 ? "" : ",") + CsvField(PlainText(row[i]));
    return output_->Write(line + '\n');
  }
  Status End(bool) override { return output_->Flush(); }

 private:
  Output* output_;
};

// Aligned columns; a table of its own, title line included, for every kBlockRows rows.
class TextWriter : public QueryWriter {
 public:
  explicit TextWriter(Output* output) : output_(output) {}
  Status Begin(const std::vector<std::string>& columns) override {
    titles_ = columns;
    rows_.clear();
    return {};
  }
  Status Row(const std::vector<SqlValue>& row) override {
    rows_.push_back(row);
    return rows_.size() < kBlockRows ? Status() : WriteBlock();
  }
  Status End(bool) override {
    if (!rows_.empty() || !written_) {
      if (auto status = WriteBlock(); !status) return status;
    }
    return output_->Flush();
  }

 private:
  static constexpr size_t kBlockRows = 1000;

  // Numbers to the right; text wins where a column has both.
  TextTable::Align AlignOf(size_t column) const {
    for (const auto& row : rows_) {
      if (column < row.size() && std::holds_alternative<std::string>(row[column])) return TextTable::Align::kLeft;
    }
    return TextTable::Align::kRight;
  }
  Status WriteBlock() {
    std::vector<TextTable::Column> columns;
    for (size_t i = 0; i < titles_.size(); ++i) columns.push_back({titles_[i], AlignOf(i)});
    TextTable table(std::move(columns));
    for (const auto& row : rows_) {
      std::vector<std::string> cells;
      for (const SqlValue& value : row) cells.push_back(PlainText(value));
      table.AddRow(std::move(cells));
    }
    rows_.clear();
    written_ = true;
    return output_->Write(table.Text(0));
  }

  Output* output_;
  std::vector<std::string> titles_;
  std::vector<std::vector<SqlValue>> rows_;
  bool written_ = false;
};

}  // namespace

std::unique_ptr<QueryWriter> QueryWriter::Make(OutputFormat format, Output* output) {
  switch (format) {
    case OutputFormat::kJson: return std::make_unique<JsonWriter>(output);
    case OutputFormat::kNdjson: return std::make_unique<NdjsonWriter>(output);
    case OutputFormat::kCsv: return std::make_unique<CsvWriter>(output);
    case OutputFormat::kText: break;
  }
  return std::make_unique<TextWriter>(output);
}

}  // namespace wakewatch
