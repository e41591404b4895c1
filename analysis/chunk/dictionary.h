// Why: columns repeat few values, so they are stored as codes. These dictionaries are filled once a column, a million
// times an hour: open addressing, no allocation once warm, cleared by a generation number instead of by writing.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "analysis/base/bytes.h"

namespace wakewatch::chunk {

// Integers to codes 0, 1, 2 … in order of first sight.
class IntDictionary {
 public:
  static constexpr uint32_t kFull = UINT32_MAX;

  // `limit`: distinct values it takes before it answers kFull.
  explicit IntDictionary(size_t limit);
  void Clear();
  uint32_t CodeOf(uint64_t value) {
    size_t at = Home(value);
    while (slots_[at].generation == generation_) {
      if (slots_[at].value == value) return slots_[at].code;
      at = (at + 1) & mask_;
    }
    return Insert(value, at);
  }
  const std::vector<uint64_t>& values() const { return values_; }  // by code
  size_t size() const { return values_.size(); }

 private:
  struct Slot {
    uint64_t value = 0;
    uint32_t code = 0, generation = 0;
  };
  static constexpr unsigned kFirstBits = 9;

  size_t Home(uint64_t value) const { return (value * 0x9e3779b97f4a7c15ull) >> shift_; }
  uint32_t Insert(uint64_t value, size_t at);
  void Rehash();

  size_t limit_;
  size_t mask_ = 0;
  unsigned shift_ = 0;
  uint32_t generation_ = 0;
  std::vector<Slot> slots_;  // only the first mask_ + 1 are in use
  std::vector<uint64_t> values_;
};

// Byte strings to codes 0, 1, 2 … in order of first sight.
class TextDictionary {
 public:
  TextDictionary();
  void Clear();
  uint32_t CodeOf(Bytes text);
  // The same code for `raw` as for the text in it up to its first NUL. Remembers raw forms, so that only the first
  // sight of one looks for the NUL.
  uint32_t CodeOfPadded(Bytes raw);

  size_t size() const { return texts_.size(); }
  Bytes text(size_t code) const { return {arena_.data() + texts_[code].offset, texts_[code].size}; }

 private:
  struct Slot {
    uint32_t key = 0, generation = 0;
  };
  struct Key {
    uint64_t hash;
    uint32_t offset, size, code;  // bytes in arena_
    bool padded;
  };
  struct Text {
    uint32_t offset, size;
  };

  // The key's slot, or the free slot where it belongs.
  size_t Find(Bytes bytes, uint64_t hash, bool padded) const;
  void Insert(Bytes bytes, uint64_t hash, bool padded, uint32_t code);

  std::vector<Slot> slots_;
  std::vector<Key> keys_;
  std::vector<Text> texts_;
  std::vector<uint8_t> arena_;
  uint32_t generation_ = 1;
};

}  // namespace wakewatch::chunk
