// Why: `wakewatch doctor`: can this machine be recorded, and what is missing if not; or, with --data, is a server's
// store whole, and what is to be done if not. One line a condition, with a remedy.
#pragma once

#include "server/cli/verb.h"

namespace wakewatch {

class DoctorVerb : public Verb {
 public:
  explicit DoctorVerb(CommandLine* line);
  ExitCode Run() override;

 private:
  FormatOption format_;
  std::string tracefs_, folder_ = ".", data_;
  bool full_ = false;
};

}  // namespace wakewatch
