#include "analysis/chunk/quads.h"

#include <array>

namespace wakewatch::chunk {
namespace {

// Data bytes of the four numbers that a control byte describes.
constexpr std::array<uint8_t, 256> kDataBytes = [] {
  std::array<uint8_t, 256> sizes{};
  for (unsigned control = 0; control < 256; ++control) {
    for (unsigned shift = 0; shift < 8; shift += 2)
      sizes[control] += static_cast<uint8_t>(1u << ((control >> shift) & 3));
  }
  return sizes;
}();

}  // namespace

bool QuadsFit(Bytes bytes, size_t n) {
  const size_t controls = QuadControls(n);
  if (bytes.size() < controls) return false;
  uint64_t total = controls;
  for (size_t i = 0; i < n / 4; ++i) total += kDataBytes[bytes[i]];
  if (n % 4 != 0) {
    unsigned classes = bytes[controls - 1];
    if (classes >> (n % 4 * 2) != 0) return false;
    for (size_t i = 0; i < n % 4; ++i, classes >>= 2) total += uint64_t{1} << (classes & 3);
  }
  return total == bytes.size();
}

}  // namespace wakewatch::chunk
