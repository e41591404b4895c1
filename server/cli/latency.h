// Why: `wakewatch latency`: how late each thread wakes, as quantiles a thread.
#pragma once

#include "server/cli/analysis_options.h"
#include "server/cli/verb.h"

namespace wakewatch {

class LatencyVerb : public Verb {
 public:
  explicit LatencyVerb(CommandLine* line);
  ExitCode Run() override;

 private:
  AnalysisOptions analysis_;
  FormatOption format_;
  uint64_t rows_ = 1000;
};

}  // namespace wakewatch
