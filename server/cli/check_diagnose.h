// Why: `wakewatch check --diagnose`: before a recording is asked whether a wakeup was lost like this, whether any
// recording could tell, from tracepoints alone (E0) and with probes (E1).
#pragma once

#include <string>
#include <vector>

#include "server/cli/exit_code.h"
#include "server/cli/protocol_source.h"

namespace wakewatch {

// `sources`: one, with the runs that look alike; or several, as a table, of which those that lose nothing are left out.
// `memory`: "sc", "tso"; empty: for each the weakest assumption under which it loses. A signal ends the process at
// once.
ExitCode DiagnoseProtocols(const std::vector<ProtocolSource>& sources, const std::string& memory, bool json);

}  // namespace wakewatch
