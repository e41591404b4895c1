// Why: a search holds millions of states. Here a state takes as many bits as its words need: none where nothing stores
// to a word, and a buffered store as many as there are addresses that can be buffered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "analysis/protocol/program.h"
#include "analysis/protocol/search/interpreter.h"

namespace wakewatch::protocol {

class StateLayout {
 public:
  explicit StateLayout(const Program& program);

  size_t words() const { return words_; }  // of 64 bits, of a packed state; at least 1
  // False where a store waits in a buffer for a word that the program does not list as written.
  bool Pack(const uint8_t* state, uint64_t* packed) const;
  // `packed` was made of the state before `changes`; `state` is the one after them. False also where a word changed
  // that the program calls constant.
  bool Repack(const Changes& changes, const uint8_t* state, uint64_t* packed) const;
  void Unpack(const uint64_t* packed, uint8_t* state) const;

 private:
  struct Field {
    uint32_t address = 0;  // first byte
    uint32_t base = 0;     // what 0 stands for: of a point, the task's first
    uint16_t word = 0;
    uint8_t shift = 0, bits = 0;
    bool point = false;  // two bytes
  };
  struct Buffer {
    uint32_t address = 0, depth = 0;
    Field length;
    std::vector<Field> entries;  // index of the address, then the value
    uint8_t value_bits = 0;
  };
  Field Place(uint32_t address, unsigned bits);
  void AddWords(const Program& program);
  void AddBuffers(const Program& program, const Interpreter& interpreter);
  void AddAddresses(const Program& program);
  bool PackBuffer(const Buffer& buffer, const uint8_t* state, uint64_t* packed) const;
  static void Put(const Field& field, uint64_t value, uint64_t* packed) {
    const uint64_t mask = ((uint64_t{1} << field.bits) - 1) << field.shift;
    packed[field.word] = (packed[field.word] & ~mask) | (value << field.shift & mask);
  }
  static uint64_t Get(const Field& field, const uint64_t* packed) {
    return packed[field.word] >> field.shift & ((uint64_t{1} << field.bits) - 1);
  }
  static void PutField(const Field& field, const uint8_t* state, uint64_t* packed) {
    uint32_t value = state[field.address];
    if (field.point) value |= uint32_t{state[field.address + 1]} << 8;
    Put(field, value - field.base, packed);
  }

  State initial_;
  std::vector<Field> fields_;
  std::vector<Buffer> buffers_;
  std::vector<uint32_t> addresses_;  // that can be buffered
  std::vector<uint16_t> index_of_;   // of an address in addresses_
  std::vector<uint32_t> field_of_;   // of each byte: index into fields_, or kBuffer + index into buffers_, or kConstant
  size_t words_ = 1;
  unsigned bits_used_ = 0;  // of the last word
};

}  // namespace wakewatch::protocol
