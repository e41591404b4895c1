// Why: "the server says that a file is damaged" becomes a sentence with a remedy for each file, before or after the
// server has met it.
#pragma once

#include <string>
#include <vector>

#include "server/cli/machine_checks.h"
#include "server/store/store_check.h"

namespace wakewatch {

// Looks and changes nothing; a server may run meanwhile.
std::vector<MachineCheck> CheckStoreHealth(const std::string& data_folder, CheckDepth depth);

}  // namespace wakewatch
