// Why: everything that is decoded here came over a network or from a disk, so no byte is read without a bound.
// ByteCursor walks a buffer and turns "past the end" into one sticky flag that is checked once per structure.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace wakewatch {

using Bytes = std::span<const uint8_t>;

// Unaligned load in the byte order of the machine. `T` is an integer type.
template <typename T>
inline T LoadNative(const uint8_t* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}
inline uint16_t SwapBytes(uint16_t v) { return __builtin_bswap16(v); }
inline uint32_t SwapBytes(uint32_t v) { return __builtin_bswap32(v); }
inline uint64_t SwapBytes(uint64_t v) { return __builtin_bswap64(v); }
// Unaligned load of an unsigned integer stored in `order`.
template <typename T>
inline T Load(const uint8_t* from, std::endian order) {
  T value = LoadNative<T>(from);
  return order == std::endian::native ? value : SwapBytes(value);
}

class ByteCursor {
 public:
  explicit ByteCursor(Bytes bytes, std::endian order = std::endian::little) : bytes_(bytes), order_(order) {}

  uint8_t U8() { return Take(1) ? bytes_[at_ - 1] : 0; }
  uint16_t U16() { return Take(2) ? Load<uint16_t>(&bytes_[at_ - 2], order_) : 0; }
  uint32_t U32() { return Take(4) ? Load<uint32_t>(&bytes_[at_ - 4], order_) : 0; }
  uint64_t U64() { return Take(8) ? Load<uint64_t>(&bytes_[at_ - 8], order_) : 0; }
  // LEB128, at most ten bytes; an overlong one makes the cursor bad.
  uint64_t Varint();
  // The next `size` bytes, empty when there are not that many.
  Bytes Span(uint64_t size) { return Take(size) ? bytes_.subspan(at_ - size, size) : Bytes(); }
  // Text up to (without) the next NUL, which is consumed.
  std::string_view CString();
  void Skip(uint64_t size) { Take(size); }
  void Seek(uint64_t to) {
    if (to > bytes_.size())
      ok_ = false;
    else
      at_ = to;
  }

  bool ok() const { return ok_; }
  uint64_t at() const { return at_; }
  uint64_t left() const { return bytes_.size() - at_; }

 private:
  bool Take(uint64_t size) {
    if (!ok_ || size > bytes_.size() - at_) {
      ok_ = false;
      return false;
    }
    at_ += size;
    return true;
  }

  Bytes bytes_;
  std::endian order_;
  uint64_t at_ = 0;
  bool ok_ = true;
};

// Zigzag maps small negative numbers to small unsigned ones: 0,-1,1,-2 -> 0,1,2,3.
inline uint64_t Zigzag(int64_t v) { return (static_cast<uint64_t>(v) << 1) ^ static_cast<uint64_t>(v >> 63); }
inline int64_t Unzigzag(uint64_t v) { return static_cast<int64_t>(v >> 1) ^ -static_cast<int64_t>(v & 1); }

}  // namespace wakewatch
