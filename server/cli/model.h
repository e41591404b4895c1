// Why: `wakewatch model`: the rules of the scheduler that a trace is held to, and where it broke them.
#pragma once

#include "server/cli/analysis_options.h"
#include "server/cli/verb.h"

namespace wakewatch {

class ModelVerb : public Verb {
 public:
  explicit ModelVerb(CommandLine* line);
  ExitCode Run() override;

 private:
  ExitCode ShowRules() const;

  AnalysisOptions analysis_;
  FormatOption format_;
  FailOnOption fail_on_;
  uint64_t rows_ = 10;
};

}  // namespace wakewatch
