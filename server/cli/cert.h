// Why: `wakewatch cert`: an authority and certificates for a test or a handful of hosts, without knowing openssl.
#pragma once

#include "server/cli/verb.h"

namespace wakewatch {

class CertVerb : public Verb {
 public:
  explicit CertVerb(CommandLine* line);
  ExitCode Run() override;

 private:
  std::string what_, folder_ = "wakewatch-certs", host_;
  std::vector<std::string> names_, addresses_;
  uint64_t days_ = 0;
  bool force_ = false;
};

}  // namespace wakewatch
