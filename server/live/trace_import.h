// Why: a file that somebody uploaded becomes a recording of a host of its own: read like any other hostile input,
// analysed as `wakewatch import` does, and seen by nobody until it is whole.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/base/result.h"
#include "server/live/fleet.h"
#include "server/live/uploads.h"
#include "server/store/recording_row.h"

namespace wakewatch {

// The last component of what a client calls its file, printable and not too long.
std::string ShownFileName(std::string_view file_name);
// A host's name made of it: letters, digits, '.', '_' and '-'. "Trace of 7.dat" becomes "Trace-of-7".
std::string HostNameOf(std::string_view file_name);

// Error kConflict: a collector has this name, so an import must not.
Status MayImportUnder(const Fleet& fleet, const std::string& host);

struct ImportProgress {
  uint64_t bytes_read = 0, events = 0;
};
struct ImportedTrace {
  RecordingRow row;
  uint64_t events = 0;
  std::vector<std::string> warnings;
};
// Reads an upload that was taken. `go_on` is called every few milliseconds on the caller's thread. Errors:
// kInvalidArgument (the file is broken or of no format that is read: its own name, offset, cause and remedy),
// kConflict, kInterrupted (`go_on` said no), kNoSpace, kIo. After any of them nothing is left but the upload itself.
Result<ImportedTrace> ImportUpload(Fleet* fleet, const Upload& upload,
                                   const std::function<bool(const ImportProgress&)>& go_on);

}  // namespace wakewatch
