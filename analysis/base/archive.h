// Why: the state of a run is saved and read back by many small classes. Each lists its fields once, in
//   static void Fields(auto& self, auto& archive) { archive(self.a, self.b); }
// and both directions follow that list, so that they cannot drift apart. Integers are varints. What is read may be
// corrupt: every length and every enumerator is checked, and the first thing wrong makes the reader bad for good.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "analysis/base/bytes.h"

namespace wakewatch {

namespace archive_detail {

template <typename T>
inline constexpr bool kIsSequence = false;
template <typename T>
inline constexpr bool kIsSequence<std::vector<T>> = true;
template <typename T>
inline constexpr bool kIsSequence<std::deque<T>> = true;
template <typename T>
inline constexpr bool kIsArray = false;
template <typename T, size_t N>
inline constexpr bool kIsArray<std::array<T, N>> = true;
template <typename T>
inline constexpr bool kIsMap = false;
template <typename K, typename V>
inline constexpr bool kIsMap<std::map<K, V>> = true;
template <typename K, typename V>
inline constexpr bool kIsMap<std::unordered_map<K, V>> = true;

}  // namespace archive_detail

class ArchiveWriter {
 public:
  static constexpr bool kReads = false;

  template <typename... Values>
  void operator()(const Values&... values) {
    (Put(values), ...);
  }
  std::vector<uint8_t> Take() { return std::exchange(bytes_, {}); }

 private:
  void Varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_.push_back(static_cast<uint8_t>(value | 0x80));
    bytes_.push_back(static_cast<uint8_t>(value));
  }
  template <typename T>
  void Put(const T& value) {
    if constexpr (std::is_enum_v<T>) {
      Varint(static_cast<uint64_t>(value));
    } else if constexpr (std::signed_integral<T>) {
      Varint(Zigzag(value));
    } else if constexpr (std::unsigned_integral<T>) {
      Varint(value);
    } else if constexpr (std::is_same_v<T, std::string>) {
      Varint(value.size());
      bytes_.insert(bytes_.end(), value.begin(), value.end());
    } else if constexpr (archive_detail::kIsArray<T>) {
      for (const auto& item : value) Put(item);
    } else if constexpr (archive_detail::kIsSequence<T>) {
      Varint(value.size());
      for (const auto& item : value) Put(item);
    } else if constexpr (archive_detail::kIsMap<T>) {
      Varint(value.size());
      for (const auto& [key, item] : value) (*this)(key, item);
    } else {
      T::Fields(value, *this);
    }
  }

  std::vector<uint8_t> bytes_;
};

// Enumerations that are read have a `LastOf(E)` beside them, which names their last enumerator.
class ArchiveReader {
 public:
  static constexpr bool kReads = true;

  explicit ArchiveReader(Bytes bytes) : cursor_(bytes) {}

  template <typename... Values>
  void operator()(Values&... values) {
    (Get(values), ...);
  }
  // For what a class finds wrong by itself.
  void Spoil() { ok_ = false; }
  bool ok() const { return ok_ && cursor_.ok(); }
  bool AtEnd() const { return cursor_.left() == 0; }

 private:
  uint64_t Varint(uint64_t max) {
    const uint64_t value = cursor_.Varint();
    if (value <= max) return value;
    Spoil();
    return 0;
  }
  // Each item takes a byte at least, so no length can ask for more memory than the bytes are worth.
  uint64_t Size() { return Varint(cursor_.left()); }

  template <typename T>
  void Get(T& value) {
    if constexpr (std::is_enum_v<T>) {
      value = static_cast<T>(Varint(static_cast<uint64_t>(LastOf(T{}))));
    } else if constexpr (std::signed_integral<T>) {
      const int64_t wide = Unzigzag(Varint(UINT64_MAX));
      value = static_cast<T>(wide);
      if (value != wide) Spoil();
    } else if constexpr (std::unsigned_integral<T>) {
      value = static_cast<T>(Varint(std::numeric_limits<T>::max()));
    } else if constexpr (std::is_same_v<T, std::string>) {
      const Bytes text = cursor_.Span(Size());
      value.assign(text.begin(), text.end());
    } else if constexpr (archive_detail::kIsArray<T>) {
      for (auto& item : value) Get(item);
    } else if constexpr (archive_detail::kIsSequence<T>) {
      value.clear();
      for (uint64_t left = Size(); left > 0 && ok(); --left) Get(value.emplace_back());
    } else if constexpr (archive_detail::kIsMap<T>) {
      value.clear();
      for (uint64_t left = Size(); left > 0 && ok(); --left) {
        typename T::key_type key{};
        Get(key);
        Get(value[key]);
      }
    } else {
      T::Fields(value, *this);
    }
  }

  ByteCursor cursor_;
  bool ok_ = true;
};

}  // namespace wakewatch
