// Why: `wakewatch backup`: a copy of a server's data folder while the server runs.
#pragma once

#include <string>

#include "server/cli/verb.h"

namespace wakewatch {

class BackupVerb : public Verb {
 public:
  explicit BackupVerb(CommandLine* line);
  ExitCode Run() override;

 private:
  std::string data_, to_;
};

}  // namespace wakewatch
