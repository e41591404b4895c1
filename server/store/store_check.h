// Why: whether the files of a store are what was written, said before somebody relies on them. A quick look reads the
// header and the log's frames and is made at every start; a full one reads every page and every chunk. Neither changes
// a file. Source: https://www.sqlite.org/fileformat.html (header, write-ahead log), PRAGMA integrity_check.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "analysis/base/result.h"
#include "server/store/sqlite.h"

namespace wakewatch {

enum class CheckDepth { kQuick, kFull };

// What is wrong with a part, without what its log holds. Errors: kCorrupt, kTruncated (to be put away), kUnsupported
// (of a newer version, or no recording at all), and those of opening and reading.
Status CheckPart(const std::string& path, CheckDepth depth);

// The write-ahead log beside `path`. SQLite reads a log up to the first frame that does not add up and says nothing of
// those behind it; after a power failure nothing that was acknowledged is behind it. Error kCorrupt: whole transactions
// stand behind such a frame, so the log was damaged later, and they are lost. No log, or an empty one, is fine.
Status CheckLog(const std::string& path);

// What SQLite says of all pages of an open file. Error kCorrupt.
Status CheckPages(const Database& db);

// True for errors after which a part is of no use where it is.
bool IsDamage(const std::string& part, const Error& error);

// All that is wrong below a data folder, file by file: the catalogue, the annotations, the parts and their logs. For
// people: each error names its file and what to do.
struct StoreCheck {
  uint64_t recordings = 0, parts = 0, bytes = 0;
  std::vector<Error> damaged;                        // parts, catalogue and annotations
  std::vector<Error> lost_logs;                      // transactions behind damage in a log
  std::vector<Error> unreadable;                     // not damaged, but not readable here either
  std::vector<std::string> unfinished, quarantined;  // files
};
StoreCheck CheckStore(const std::string& data_folder, CheckDepth depth);

}  // namespace wakewatch
