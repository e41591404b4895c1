// Why: `wakewatch query`: plain SQL over a recording, read-only, with a deadline and a row limit.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "server/cli/analysis_options.h"
#include "server/cli/verb.h"
#include "server/store/query.h"

namespace wakewatch {

class QueryVerb : public Verb {
 public:
  explicit QueryVerb(CommandLine* line);
  ExitCode Run() override;

 private:
  Result<QueryEnd> Ask(const QueryLimits& limits,
                       const std::function<void(const std::vector<std::string>&)>& on_columns,
                       const std::function<bool(const std::vector<SqlValue>&)>& on_row) const;

  ServerOption server_;
  FormatOption format_;
  std::string path_, sql_;
  std::string deadline_ = "30s";
  uint64_t rows_max_ = QueryLimits().rows_max;
};

}  // namespace wakewatch
