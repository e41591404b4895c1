// Why: man pages and completion that cannot fall behind: both are made by walking the definition that parses the
// command line. A hidden verb, for packaging.
#pragma once

#include "server/cli/verb.h"

namespace wakewatch {

class DocsVerb : public Verb {
 public:
  explicit DocsVerb(CommandLine* line);
  ExitCode Run() override;

 private:
  CommandLine* line_;
  std::string what_, verb_;
};

}  // namespace wakewatch
