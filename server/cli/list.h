// Why: `wakewatch list`: what this build reads, checks, records and knows, and which events a trace holds. Every answer
// comes from the list that the program itself works by.
#pragma once

#include "server/cli/analysis_options.h"
#include "server/cli/listing.h"
#include "server/cli/verb.h"

namespace wakewatch {

class ListVerb : public Verb {
 public:
  explicit ListVerb(CommandLine* line);
  ExitCode Run() override;

 private:
  Result<Listing> ListRemote() const;

  ServerOption server_;
  FormatOption format_;
  std::string what_, path_;
};

}  // namespace wakewatch
