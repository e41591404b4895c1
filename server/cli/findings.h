// Why: `wakewatch findings`: the verdicts alone, one an occurrence for programs, grouped for people, or
// grouped for both.
#pragma once

#include "server/cli/analysis_options.h"
#include "server/cli/verb.h"

namespace wakewatch {

class FindingsVerb : public Verb {
 public:
  explicit FindingsVerb(CommandLine* line);
  ExitCode Run() override;

 private:
  AnalysisOptions analysis_;
  FormatOption format_;
  FailOnOption fail_on_;
  uint64_t groups_ = 100;
  bool grouped_ = false;
};

}  // namespace wakewatch
