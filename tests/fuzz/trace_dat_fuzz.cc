// Any bytes as a trace.dat: it is refused with an error that says something, or read with events in order and inside
// their memory. ReadAll touches every byte of every record, so the address sanitizer sees a read outside.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "analysis/trace/trace_dat.h"
#include "analysis/trace/trace_dat_read_all.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto input = wakewatch::OpenTraceDatBytes("fuzz.dat", std::vector<uint8_t>(data, data + size), {});
  if (!input) {
    if (input.error().file.empty() || input.error().cause.empty()) std::abort();
    return 0;
  }
  const auto read = wakewatch::trace_dat_test::ReadAll(**input, 256);
  if (!read.in_order || !read.in_bounds) std::abort();
  return 0;
}
