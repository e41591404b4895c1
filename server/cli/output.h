// Why: data goes to standard output and nothing else does. A reader that leaves early (`| head`) is no error; a disk
// that fills up is one, and must not end in exit code 0.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "analysis/base/result.h"

namespace wakewatch {

// Buffers up to 64 KiB. Errors stick: they are answered by every later call.
class Output {
 public:
  explicit Output(int fd = 1) : fd_(fd) {}

  Status Write(std::string_view text);
  Status Flush();
  // The reading end was closed: nothing more needs to be made.
  bool reader_left() const { return reader_left_; }

 private:
  int fd_;
  std::string buffer_;
  bool reader_left_ = false;
  std::optional<Error> error_;
};

// Writes `text` and flushes.
Status Print(std::string_view text);

}  // namespace wakewatch
