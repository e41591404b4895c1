// Why: a chain of wakes and a critical path, as people and programs read them. The command line and the server write
// them here, so that an answer is the same bytes whichever of them gave it.
#pragma once

#include <optional>
#include <string>

#include "analysis/report/critical_path.h"
#include "analysis/report/worst_wake.h"

namespace wakewatch {

struct ChainAnswer {
  std::optional<WorstWake> wait;  // none: a span was asked for
  CriticalPath path;
  bool has_gaps = false;  // events were lost in what was read
};

std::string ChainText(const ChainAnswer& answer);
// {"schema_version":1,"task":{…},"wait":{…}|null,"chain":[…],"path":{"from_ns","to_ns","totals_ns":{…},"segments":[…]}}
// and a newline. Keys may be added, none is changed; what is not known is null.
std::string ChainJson(const ChainAnswer& answer);

}  // namespace wakewatch
