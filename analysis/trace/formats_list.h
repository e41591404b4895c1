// Why: the one list of input formats. Opening a path sniffs it against each entry in turn; a new format is its own file
// pair and one line in formats_list.cc.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "analysis/base/result.h"
#include "analysis/trace/reader.h"

namespace wakewatch {

struct InputFormat {
  std::string_view name;         // "trace.dat"
  std::string_view description;  // one line for `wakewatch list`
  // True when `path` looks like this format; reads at most the first few bytes or a folder's listing.
  bool (*sniff)(const std::string& path);
  Result<std::unique_ptr<TraceInput>> (*open)(const std::string& path, const OpenOptions& options);
};

std::span<const InputFormat> InputFormats();

// Opens a trace of any listed format. Errors: kNotFound, kPermission, kUnsupported (with what was found instead and the
// formats that are read), or what the format's own reader says.
Result<std::unique_ptr<TraceInput>> OpenTrace(const std::string& path, const OpenOptions& options = {});

}  // namespace wakewatch
