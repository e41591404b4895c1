// Why: a query's rows in the format that was asked for, written as they come: a million rows are not held in memory.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "analysis/report/output_format.h"
#include "server/cli/output.h"
#include "server/store/query.h"

namespace wakewatch {

class QueryWriter {
 public:
  virtual ~QueryWriter() = default;
  virtual Status Begin(const std::vector<std::string>& columns) = 0;
  virtual Status Row(const std::vector<SqlValue>& row) = 0;
  virtual Status End(bool truncated) = 0;  // flushes

  static std::unique_ptr<QueryWriter> Make(OutputFormat format, Output* output);
};

}  // namespace wakewatch
