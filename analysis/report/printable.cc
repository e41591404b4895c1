#include "analysis/report/printable.h"

#include <array>

#include <fmt/format.h>

namespace wakewatch {
namespace {

// The code point at the front of `text` and its size in bytes; size 0 when the bytes are not well-formed UTF-8
// (overlong forms, surrogates and values past U+10FFFF included).
struct Decoded {
  uint32_t code = 0;
  size_t size = 0;
};

Decoded DecodeUtf8(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return {first, 1};
  const size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < size) return {};
  uint32_t code = first & (0x7fu >> size);
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    code = (code << 6) | (byte(i) & 0x3f);
  }
  constexpr std::array<uint32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  if (code < kLeast[size] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return {};
  return {code, size};
}

// Control characters, and characters without a shape of their own that hide or reorder what stands around them.
bool IsSafe(uint32_t code) {
  if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return false;
  if (code == 0xad || code == 0x061c || code == 0xfeff) return false;
  if (code >= 0x200b && code <= 0x200f) return false;
  if (code >= 0x2028 && code <= 0x202e) return false;
  if (code >= 0x2060 && code <= 0x206f) return false;
  if (code >= 0xfff0 && code <= 0xfffb) return false;
  return code < 0xe0000;
}

}  // namespace

std::string PrintableText(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Decoded next = DecodeUtf8(text);
    const size_t size = next.size == 0 ? 1 : next.size;
    if (next.size == 0 || !IsSafe(next.code)) {
      for (size_t i = 0; i < size; ++i) out += fmt::format("\\x{:02x}", static_cast<uint8_t>(text[i]));
    } else if (next.code == '\\') {
      out += "\\\\";
    } else {
      out += text.substr(0, size);
    }
    text.remove_prefix(size);
  }
  return out;
}

size_t PrintableWidth(std::string_view printable) {
  size_t width = 0;
  for (const char c : printable) width += (static_cast<uint8_t>(c) & 0xc0) != 0x80;
  return width;
}

std::string CsvField(std::string_view text) {
  std::string safe = PrintableText(text);
  const bool plain = safe.find_first_of(",\"") == std::string::npos && !safe.starts_with(' ') && !safe.ends_with(' ');
  if (plain) return safe;
  std::string out = "\"";
  for (const char c : safe) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
  return out;
}

std::string DurationText(uint64_t ns) {
  if (ns < 1000) return fmt::format("{} ns", ns);
  struct Unit {
    double ns;
    const char* name;
  };
  constexpr Unit kUnits[] = {{1e3, "us"}, {1e6, "ms"}, {1e9, "s"}};
  for (const Unit& unit : kUnits) {
    const double value = static_cast<double>(ns) / unit.ns;
    // The bounds are where rounding would add a digit.
    if (value < 9.995) return fmt::format("{:.2f} {}", value, unit.name);
    if (value < 99.95) return fmt::format("{:.1f} {}", value, unit.name);
    if (value < 999.5) return fmt::format("{:.0f} {}", value, unit.name);
  }
  constexpr uint64_t kSecond = 1'000'000'000;
  return CountText(ns / kSecond + (ns % kSecond >= kSecond / 2)) + " s";
}

std::string CountText(uint64_t n) {
  std::string digits = std::to_string(n);
  for (size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

std::string CountedText(uint64_t n, std::string_view noun) {
  return fmt::format("{} {}{}", CountText(n), noun, n == 1 ? "" : "s");
}

std::string TraceTimeText(uint64_t ns) {
  return fmt::format("{}.{:06}", ns / 1'000'000'000, ns % 1'000'000'000 / 1000);
}

}  // namespace wakewatch
