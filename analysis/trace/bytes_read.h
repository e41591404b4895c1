// Why: of a file that takes minutes to read one wants to know how far that is. Readers that can tell are this too.
#pragma once

#include <cstdint>

namespace wakewatch {

class CountsBytes {
 public:
  virtual ~CountsBytes() = default;
  // Bytes of the input's file that nobody needs any more. For the thread that calls Fill.
  virtual uint64_t bytes_read() const = 0;
};

}  // namespace wakewatch
