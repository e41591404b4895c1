// Why: pages can only be decoded with the running kernel's own description of them; it is read once and travels in
// front of the first chunk. Source: events/header_page, events/*/*/format of the instance (its sub-buffer size differs
// from the top level's).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/chunk/batch.h"
#include "analysis/trace/format.h"

namespace wakewatch {

struct EventFormats {
  FormatTable table;
  FormatsDelta delta;               // of the same formats, hash included
  std::vector<std::string> usable;  // those of the events asked for that the table took, "system/name"
};
// The text of a file below the instance's events folder: "header_page", "sched/sched_switch/format", ".../id".
using ReadEventFile = std::function<Result<std::string>(const std::string& file)>;
ReadEventFile EventFilesBelow(const std::string& events_folder);
// Reads the formats of `events`, and of the few events that a write to the instance's trace_marker makes. A format that
// cannot be read or used is named in a warning and left out. Errors: header_page cannot be read or makes no sense.
Result<EventFormats> LoadEventFormats(const ReadEventFile& read, const std::vector<std::string>& events,
                                      uint32_t page_bytes, std::vector<std::string>* warnings);

// Where `event` ("system/name") stands in table.events(); none when it does not.
std::optional<size_t> FormatIndex(const FormatTable& table, const std::string& event);
// True when the kernel still has `event` under the id that `table` knows it by. A probe that is removed and made again
// gets another one.
bool HasSameId(const ReadEventFile& read, const FormatTable& table, const std::string& event);

}  // namespace wakewatch
