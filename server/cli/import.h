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
  // Streams the trace to a server, as the collector of a host would have.
  Status ImportRemotely() const;

  InputOption input_;
  ServerOption server_;
  ThresholdOptions thresholds_;
  FormatOption format_;
  std::string output_, host_;
  bool force_ = false;
};

}  // namespace wakewatch
