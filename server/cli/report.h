// Why: `wakewatch report`: the main answer, which kernel threads wake late and why.
#pragma once

#include "server/cli/analysis_options.h"
#include "server/cli/verb.h"

namespace wakewatch {

class ReportVerb : public Verb {
 public:
  explicit ReportVerb(CommandLine* line);
  ExitCode Run() override;

 private:
  AnalysisOptions analysis_;
  FormatOption format_;
  FailOnOption fail_on_;
  uint64_t rows_ = 20;
};

}  // namespace wakewatch
