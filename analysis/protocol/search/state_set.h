// Why: which states have been seen, and how each was first reached. One of many shards: each is filled by one thread at
// a time, in an order that does not depend on the threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace wakewatch::protocol {

// How a state is reached from its parent: a step of a task, in one of its ways, or a flush of its store buffer.
struct Move {
  static constexpr unsigned kAlternativesMax = 1024;
  uint16_t bits = 0;

  static Move Step(size_t task, unsigned alternative) {
    return {static_cast<uint16_t>(task | size_t{alternative} << 6)};
  }
  static Move Flush(size_t task) { return {static_cast<uint16_t>(task | 32)}; }
  size_t task() const { return bits & 31; }
  bool flush() const { return (bits & 32) != 0; }
  unsigned alternative() const { return bits >> 6; }
};

class StateSet {
 public:
  static constexpr uint32_t kNone = 0xffffffff;
  static constexpr uint32_t kStatesMax = (1u << 26) - 2;  // a slot holds 26 bits of index

  // Keys have `key_words` words. With `hashes`, keys are the hashes themselves.
  StateSet(size_t key_words, bool hashes);

  static uint64_t HashOf(const uint64_t* key, size_t words);
  void Prefetch(uint64_t hash) const { __builtin_prefetch(&slots_[hash & mask_]); }
  void PrefetchKey(uint64_t hash) const {  // of a slot that has been fetched
    const uint32_t slot = slots_[hash & mask_];
    if (slot == 0) return;
    const uint64_t* const key = Key((slot & kIndexMask) - 1);
    __builtin_prefetch(key);
    __builtin_prefetch(key + key_words_ - 1);
  }
  // The key's index, or kNone.
  uint32_t Find(uint64_t hash, const uint64_t* key) const;
  // True where the key is new; it then has the index size() - 1. Its caller keeps size() below kStatesMax.
  bool Insert(uint64_t hash, const uint64_t* key, uint32_t parent, Move move);

  uint32_t size() const { return size_; }
  const uint64_t* Key(uint32_t index) const { return &chunks_[index / kChunk][(index % kChunk) * key_words_]; }
  uint32_t ParentOf(uint32_t index) const;
  Move MoveOf(uint32_t index) const;
  uint64_t memory_bytes() const;
  // By how much memory_bytes() may grow when `count` keys are inserted.
  uint64_t GrowthBytes(uint64_t count) const;

 private:
  static constexpr uint32_t kChunk = 256;  // keys, then their parents, then their moves
  static constexpr uint32_t kIndexMask = (1u << 26) - 1;
  size_t ChunkWords() const { return kChunk * key_words_ + kChunk / 2 + kChunk / 4; }
  // Bits 52 ... 57: those above tell the shard, and low ones the slot.
  static uint32_t Tag(uint64_t hash) { return static_cast<uint32_t>(hash >> 26) & ~kIndexMask; }
  bool Same(uint32_t index, const uint64_t* key) const;
  void Grow();

  const size_t key_words_;
  const bool hashes_;
  std::vector<std::unique_ptr<uint64_t[]>> chunks_;
  std::vector<uint32_t> slots_;  // 6 bits of hash and the index + 1; 0: free
  uint64_t mask_;
  uint32_t size_ = 0;
};

}  // namespace wakewatch::protocol
