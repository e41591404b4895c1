#include "analysis/base/bytes.h"

namespace wakewatch {

uint64_t ByteCursor::Varint() {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const uint8_t byte = U8();
    if (!ok_) return 0;
    if (shift == 63 && byte > 1) break;
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  ok_ = false;
  return 0;
}

std::string_view ByteCursor::CString() {
  if (!ok_) return {};
  const auto* start = reinterpret_cast<const char*>(bytes_.data()) + at_;
  const void* end = std::memchr(start, 0, left());
  if (end == nullptr) {
    ok_ = false;
    return {};
  }
  const auto length = static_cast<uint64_t>(static_cast<const char*>(end) - start);
  at_ += length + 1;
  return {start, length};
}

}  // namespace wakewatch
