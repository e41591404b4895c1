// Why: the one list of what is recorded, and what of it this kernel has.
#pragma once

#include <string>
#include <vector>

#include "analysis/base/result.h"
#include "collector/recorder.h"

namespace wakewatch {

// kInvalidArgument, naming the profiles there are.
Result<EventProfile> FindEventProfile(const std::string& name);

// True when profile `a` records less than `b`. Names that there are not are as large as any.
bool SmallerProfile(const std::string& a, const std::string& b);

struct EventSelection {
  std::vector<std::string> present;  // "system/name", each once, in the order asked for
  std::vector<std::string> missing;  // as asked for
};
// Looks `wanted` ("system/name", "system:name", or "system" for all of its events) up in an events folder. Only an
// events folder that is not there, or cannot be listed, is an error.
Result<EventSelection> SelectEvents(const std::string& events_folder, const std::vector<std::string>& wanted);

}  // namespace wakewatch
