// Why: numbers of varying size, an event each, must be written and read in about a nanosecond. LEB128 asks a branch of
// every byte, and its branches cannot be predicted; here two bits a number say how many bytes it has (1, 2, 4 or 8),
// four numbers to a control byte, all control bytes in front of all data bytes. Reading needs no branch, and the length
// is checked once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "analysis/base/bytes.h"

namespace wakewatch::chunk {

inline constexpr size_t kQuadsSlack = 8;  // bytes behind the data that may be read or written over

inline constexpr size_t QuadControls(size_t n) { return (n + 3) / 4; }
// Room that WriteQuads may need for n numbers, slack included.
inline constexpr size_t QuadsBytesMax(size_t n) { return QuadControls(n) + n * 8 + kQuadsSlack; }
// Two bits: the number takes 1 << class bytes.
inline unsigned QuadClass(uint64_t value) {
  const int bits = 64 - __builtin_clzll(value | 1);
  return static_cast<unsigned>(bits > 8) + static_cast<unsigned>(bits > 16) + static_cast<unsigned>(bits > 32);
}

// Writes next(i) for i in [0, n) to `out`, which has QuadsBytesMax(n) bytes. Answers the bytes used, without slack.
template <typename Next>
size_t WriteQuads(size_t n, uint8_t* out, Next&& next) {
  static_assert(std::endian::native == std::endian::little);
  uint8_t* control = out;
  uint8_t* data = out + QuadControls(n);
  for (size_t i = 0; i < n;) {
    unsigned classes = 0;
    const size_t end = i + 4 < n ? i + 4 : n;
    for (unsigned shift = 0; i < end; ++i, shift += 2) {
      const uint64_t value = next(i);
      const unsigned size_class = QuadClass(value);
      std::memcpy(data, &value, 8);
      data += size_t{1} << size_class;
      classes |= size_class << shift;
    }
    *control++ = static_cast<uint8_t>(classes);
  }
  return static_cast<size_t>(data - out);
}

// True when `bytes` is exactly the control and data bytes of n numbers.
bool QuadsFit(Bytes bytes, size_t n);

// Calls take(i, number) for i in [0, n). QuadsFit(bytes, n) must hold and kQuadsSlack bytes behind them be readable.
template <typename Take>
void ReadQuads(const uint8_t* bytes, size_t n, Take&& take) {
  static constexpr uint64_t kMask[4] = {0xff, 0xffff, 0xffffffff, UINT64_MAX};
  const uint8_t* control = bytes;
  const uint8_t* data = bytes + QuadControls(n);
  for (size_t i = 0; i < n;) {
    unsigned classes = *control++;
    const size_t end = i + 4 < n ? i + 4 : n;
    for (; i < end; ++i, classes >>= 2) {
      take(i, LoadNative<uint64_t>(data) & kMask[classes & 3]);
      data += size_t{1} << (classes & 3);
    }
  }
}

}  // namespace wakewatch::chunk
