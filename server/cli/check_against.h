// Why: `wakewatch check NAME --against TRACE`: whether the sleeps of a recorded thread look like the loss that a
// protocol has, like its healthy runs, or like both.
#pragma once

#include <string>
#include <vector>

#include "server/cli/exit_code.h"
#include "server/cli/protocol_source.h"

namespace wakewatch {

struct AgainstOptions {
  std::string trace;               // or a recording
  std::vector<std::string> roles;  // "worker=210", "waker=rx_*"
  std::string memory;              // "sc", "tso"; empty: the weakest assumption under which the protocol loses
  bool json = false;
};
// "ROLE=PID", "ROLE=NAME".
Status CheckRole(const std::string& text);
// Prints the answer. kFindings: a sleep looks like a loss and like nothing else; kGaps as in a report.
ExitCode CheckAgainst(const ProtocolSource& source, const AgainstOptions& options);

}  // namespace wakewatch
