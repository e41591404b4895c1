// Why: `wakewatch token`: who may call a server. It changes the file that the server reads; a running one sees it at
// once. A secret is written once, to standard output or a file of its own, and kept nowhere.
#pragma once

#include "server/access/token_file.h"
#include "server/cli/verb.h"

namespace wakewatch {

class TokenVerb : public Verb {
 public:
  explicit TokenVerb(CommandLine* line);
  ExitCode Run() override;

 private:
  Result<std::string> Make(const TokenFile& file) const;
  ExitCode Show(const TokenFile& file) const;
  Status CheckUsage() const;

  FormatOption format_;
  std::string what_, id_, new_id_, data_ = "wakewatch-data", host_, expires_ = "365d", keep_old_ = "1h", output_;
  std::vector<std::string> roles_;
};

}  // namespace wakewatch
