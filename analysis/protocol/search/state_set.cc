#include "analysis/protocol/search/state_set.h"

#include <xxhash.h>

#include <cstring>

namespace wakewatch::protocol {
namespace {

constexpr size_t kFirstSlots = 64;

// At most three quarters of the slots are taken.
bool Crowded(uint64_t states, uint64_t slots) { return states * 4 >= slots * 3; }

}  // namespace

StateSet::StateSet(size_t key_words, bool hashes)
    : key_words_(key_words), hashes_(hashes), slots_(kFirstSlots), mask_(kFirstSlots - 1) {}

uint64_t StateSet::HashOf(const uint64_t* key, size_t words) { return XXH3_64bits(key, words * sizeof *key); }

bool StateSet::Same(uint32_t index, const uint64_t* key) const {
  const uint64_t* const stored = Key(index);
  for (size_t n = 0; n < key_words_; ++n) {
    if (stored[n] != key[n]) return false;
  }
  return true;
}

uint32_t StateSet::Find(uint64_t hash, const uint64_t* key) const {
  const uint32_t tag = Tag(hash);
  for (uint64_t at = hash & mask_; slots_[at] != 0; at = (at + 1) & mask_) {
    if ((slots_[at] & ~kIndexMask) != tag) continue;
    const uint32_t index = (slots_[at] & kIndexMask) - 1;
    if (Same(index, key)) return index;
  }
  return kNone;
}

bool StateSet::Insert(uint64_t hash, const uint64_t* key, uint32_t parent, Move move) {
  const uint32_t tag = Tag(hash);
  uint64_t at = hash & mask_;
  for (; slots_[at] != 0; at = (at + 1) & mask_) {
    if ((slots_[at] & ~kIndexMask) == tag && Same((slots_[at] & kIndexMask) - 1, key)) return false;
  }
  const uint32_t in_chunk = size_ % kChunk;
  if (in_chunk == 0) chunks_.push_back(std::make_unique_for_overwrite<uint64_t[]>(ChunkWords()));
  uint64_t* const chunk = chunks_.back().get();
  std::memcpy(chunk + in_chunk * key_words_, key, key_words_ * sizeof *key);
  uint64_t* const parents = chunk + kChunk * key_words_;
  std::memcpy(reinterpret_cast<char*>(parents) + in_chunk * sizeof parent, &parent, sizeof parent);
  std::memcpy(reinterpret_cast<char*>(parents + kChunk / 2) + in_chunk * sizeof move, &move, sizeof move);
  slots_[at] = tag | ++size_;
  if (Crowded(size_, slots_.size())) Grow();
  return true;
}

void StateSet::Grow() {
  slots_.assign(slots_.size() * 2, 0);
  mask_ = slots_.size() - 1;
  for (uint32_t index = 0; index < size_; ++index) {
    const uint64_t* const key = Key(index);
    const uint64_t hash = hashes_ ? *key : HashOf(key, key_words_);
    uint64_t at = hash & mask_;
    while (slots_[at] != 0) at = (at + 1) & mask_;
    slots_[at] = Tag(hash) | (index + 1);
  }
}

uint32_t StateSet::ParentOf(uint32_t index) const {
  const uint64_t* const parents = chunks_[index / kChunk].get() + kChunk * key_words_;
  uint32_t parent;
  std::memcpy(&parent, reinterpret_cast<const char*>(parents) + (index % kChunk) * sizeof parent, sizeof parent);
  return parent;
}

Move StateSet::MoveOf(uint32_t index) const {
  const uint64_t* const moves = chunks_[index / kChunk].get() + kChunk * key_words_ + kChunk / 2;
  Move move;
  std::memcpy(&move, reinterpret_cast<const char*>(moves) + (index % kChunk) * sizeof move, sizeof move);
  return move;
}

uint64_t StateSet::memory_bytes() const {
  return chunks_.size() * ChunkWords() * sizeof(uint64_t) + chunks_.capacity() * sizeof chunks_[0] +
         slots_.capacity() * sizeof slots_[0];
}

uint64_t StateSet::GrowthBytes(uint64_t count) const {
  const uint64_t chunks = (size_ + count + kChunk - 1) / kChunk;
  uint64_t slots = slots_.size();
  while (Crowded(size_ + count, slots)) slots *= 2;
  return (chunks - chunks_.size()) * ChunkWords() * sizeof(uint64_t) + (slots - slots_.size()) * sizeof slots_[0];
}

}  // namespace wakewatch::protocol
