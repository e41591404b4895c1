// Why: `wakewatch check`: whether a protocol of waits and wakes can lose a wakeup, and how.
#pragma once

#include <string>
#include <vector>

#include "server/cli/analysis_options.h"
#include "server/cli/protocol_source.h"
#include "server/cli/verb.h"
#include "server/live/protocol_checks.h"

namespace wakewatch {

class CheckVerb : public Verb {
 public:
  explicit CheckVerb(CommandLine* line);
  ExitCode Run() override;

 private:
  void DefineSearch();
  // What makes no sense together.
  Status Sensible() const;
  // The memories to check under, in order.
  std::vector<protocol::Memory> Memories() const;
  CheckWish Wish(protocol::Memory memory) const;
  Result<TimedCheck> Check(const ProtocolSource& source, protocol::Memory memory) const;
  ExitCode Show() const;
  ExitCode CheckOne() const;
  ExitCode CheckShipped() const;
  ExitCode Against() const;
  ExitCode Diagnose() const;

  ServerOption server_;
  FormatOption format_;
  std::string protocol_, memory_, trace_;
  std::vector<std::string> roles_;
  uint64_t states_, memory_mib_, seconds_ = 0, threads_ = 0;
  bool no_reduction_ = false, no_symmetry_ = false, hash_compaction_ = false;
  bool list_ = false, show_ = false, all_ = false, diagnose_ = false;
};

}  // namespace wakewatch
