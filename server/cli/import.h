// Why: `wakewatch import`: a trace of any format into a recording, so that SQL and every other command work on it, in a
// fraction of the space.
#pragma once

#include "server/cli/analysis_options.h"
#include "server/cli/verb.h"

namespace wakewatch {

class ImportVerb : public Verb {
 public:
  explicit ImportVerb(CommandLine* line);
  ExitCode Run() override;

 private:
  Result<Report> Import() const;

  InputOption input_;
  ThresholdOptions thresholds_;
  FormatOption format_;
  std::string output_;
  bool force_ = false;
};

}  // namespace wakewatch
