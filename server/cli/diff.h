// Why: `wakewatch diff`: what became slower or faster from one recording to another, and whether that can be chance.
#pragma once

#include <cstdint>
#include <string>

#include "analysis/report/compare.h"
#include "server/cli/analysis_options.h"
#include "server/cli/verb.h"

namespace wakewatch {

class DiffVerb : public Verb {
 public:
  explicit DiffVerb(CommandLine* line);
  ExitCode Run() override;

 private:
  Result<Comparison> Ask() const;
  Result<Comparison> AskServer() const;

  std::string before_, after_;
  ServerOption server_;
  SpanOptions before_span_, after_span_;
  bool all_ = false;
  FormatOption format_;
  uint64_t rows_ = 40;
};

}  // namespace wakewatch
