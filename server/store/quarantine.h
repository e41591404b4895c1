// Why: a file that cannot be read must neither keep the server from starting nor be thrown away. It is moved aside,
// into a folder where nothing looks for recordings, with a note that says where it was and what was wrong with it.
#pragma once

#include <string>
#include <vector>

#include "analysis/base/result.h"

namespace wakewatch {

// DATA/quarantine
std::string QuarantineFolder(const std::string& data_folder);

// Moves a part with its log to DATA/quarantine/HOST-RECORDING-PART, or a file of the data folder itself to
// DATA/quarantine/NAME, and writes the note beside it, called as it is with
// ".txt" behind. Answers where it is now. Error: it stays where it was.
Result<std::string> PutAway(const std::string& data_folder, const std::string& part, const Error& error);

// The files that were put away, without logs and notes; sorted.
std::vector<std::string> Quarantined(const std::string& data_folder);

}  // namespace wakewatch
