// Why: `wakewatch chain`: who woke whom in front of a late task, and where the time went.
#pragma once

#include <string>

#include "server/cli/analysis_options.h"
#include "server/cli/verb.h"

namespace wakewatch {

class ChainVerb : public Verb {
 public:
  explicit ChainVerb(CommandLine* line);
  ExitCode Run() override;

 private:
  Result<ChainAnswer> Ask() const;

  InputOption input_;
  ServerOption server_;
  SpanOptions span_;
  FormatOption format_;
  std::string task_;
};

}  // namespace wakewatch
