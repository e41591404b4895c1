// Why: a store that is written to all the time is copied without stopping it. Each part is copied by SQLite as one
// moment saw it, so each is whole; of a session that goes on the copy has what was committed until then. A copy is a
// data folder like any other: a server can be started on it, and that is all that a restore is. Source:
// https://www.sqlite.org/backup.html
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "analysis/base/result.h"

namespace wakewatch {

struct BackupReport {
  uint64_t parts = 0, bytes = 0;
  std::vector<Error> failed;  // files that could not be read; the others are there
};

// Copies the recordings of `data_folder`, the annotations and the small files beside them (tokens), to the new folder
// `to`. Not the catalogue, which is made again, not what was put away and not uploads that are under way. `progress` is
// called after each part. Errors: kInvalidArgument (`to` has something in it, or lies inside `data_folder`), kNoSpace
// and kIo about `to`; then what was copied so far is there, each file whole.
Result<BackupReport> BackUp(const std::string& data_folder, const std::string& to,
                            const std::function<void(const BackupReport&)>& progress = {});

}  // namespace wakewatch
