#include "analysis/chunk/dictionary.h"

#include <xxhash.h>

namespace wakewatch::chunk {
namespace {

constexpr size_t kFirstTextSlots = 1024;

}  // namespace

IntDictionary::IntDictionary(size_t limit) : limit_(limit) { Clear(); }

void IntDictionary::Clear() {
  values_.clear();
  mask_ = (size_t{1} << kFirstBits) - 1;
  shift_ = 64 - kFirstBits;
  if (slots_.size() <= mask_) slots_.resize(mask_ + 1);
  if (++generation_ == 0) {
    slots_.assign(slots_.size(), Slot());
    generation_ = 1;
  }
}

uint32_t IntDictionary::Insert(uint64_t value, size_t at) {
  if (values_.size() >= limit_) return kFull;
  const auto code = static_cast<uint32_t>(values_.size());
  slots_[at] = {value, code, generation_};
  values_.push_back(value);
  if (values_.size() * 2 > mask_) Rehash();
  return code;
}

void IntDictionary::Rehash() {
  mask_ = mask_ * 4 + 3;
  shift_ -= 2;
  if (slots_.size() <= mask_) slots_.resize(mask_ + 1);
  if (++generation_ == 0) {
    slots_.assign(slots_.size(), Slot());
    generation_ = 1;
  }
  for (size_t code = 0; code < values_.size(); ++code) {
    size_t at = Home(values_[code]);
    while (slots_[at].generation == generation_) at = (at + 1) & mask_;
    slots_[at] = {values_[code], static_cast<uint32_t>(code), generation_};
  }
}

TextDictionary::TextDictionary() : slots_(kFirstTextSlots) {}

void TextDictionary::Clear() {
  keys_.clear();
  texts_.clear();
  arena_.clear();
  if (++generation_ == 0) {
    slots_.assign(slots_.size(), Slot());
    generation_ = 1;
  }
}

size_t TextDictionary::Find(Bytes bytes, uint64_t hash, bool padded) const {
  size_t at = hash & (slots_.size() - 1);
  for (; slots_[at].generation == generation_; at = (at + 1) & (slots_.size() - 1)) {
    const Key& key = keys_[slots_[at].key];
    if (key.hash == hash && key.padded == padded && key.size == bytes.size() &&
        (bytes.empty() || std::memcmp(arena_.data() + key.offset, bytes.data(), bytes.size()) == 0)) {
      break;
    }
  }
  return at;
}

void TextDictionary::Insert(Bytes bytes, uint64_t hash, bool padded, uint32_t code) {
  const auto offset = static_cast<uint32_t>(arena_.size());
  arena_.insert(arena_.end(), bytes.begin(), bytes.end());
  keys_.push_back({hash, offset, static_cast<uint32_t>(bytes.size()), code, padded});
  if (keys_.size() * 2 > slots_.size()) {
    slots_.assign(slots_.size() * 4, Slot());
    generation_ = 1;
    for (size_t key = 0; key < keys_.size(); ++key) {
      size_t at = keys_[key].hash & (slots_.size() - 1);
      while (slots_[at].generation == generation_) at = (at + 1) & (slots_.size() - 1);
      slots_[at] = {static_cast<uint32_t>(key), generation_};
    }
    return;
  }
  slots_[Find(bytes, hash, padded)] = {static_cast<uint32_t>(keys_.size() - 1), generation_};
}

uint32_t TextDictionary::CodeOf(Bytes text) {
  const uint64_t hash = XXH3_64bits(text.data(), text.size());
  const size_t at = Find(text, hash, false);
  if (slots_[at].generation == generation_) return keys_[slots_[at].key].code;
  const auto code = static_cast<uint32_t>(texts_.size());
  texts_.push_back({static_cast<uint32_t>(arena_.size()), static_cast<uint32_t>(text.size())});
  Insert(text, hash, false, code);
  return code;
}

uint32_t TextDictionary::CodeOfPadded(Bytes raw) {
  const uint64_t hash = XXH3_64bits(raw.data(), raw.size());
  const size_t at = Find(raw, hash, true);
  if (slots_[at].generation == generation_) return keys_[slots_[at].key].code;
  const size_t size = strnlen(reinterpret_cast<const char*>(raw.data()), raw.size());
  const uint32_t code = CodeOf(raw.first(size));
  Insert(raw, hash, true, code);
  return code;
}

}  // namespace wakewatch::chunk
