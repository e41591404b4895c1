#include "analysis/protocol/search/state_layout.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace wakewatch::protocol {
namespace {

constexpr uint32_t kConstant = 0xffffffff;
constexpr uint32_t kBuffer = 0x80000000;
constexpr uint16_t kNoIndex = 0xffff;

bool OfBuffer(WordKind kind) {
  return kind == WordKind::kBufferLen || kind == WordKind::kBufferLow || kind == WordKind::kBufferHigh ||
         kind == WordKind::kBufferValue;
}

bool OfPoint(WordKind kind) { return kind == WordKind::kPointLow || kind == WordKind::kPointHigh; }

}  // namespace

StateLayout::StateLayout(const Program& program) {
  const Interpreter interpreter(program);
  initial_ = interpreter.Initial();
  field_of_.assign(program.state_bytes, kConstant);
  for (size_t task = 0; task < program.tasks.size(); ++task) {
    // Points of a task stand side by side.
    const bool known = task < program.access_of.size() && !program.access_of[task].step.empty();
    const uint32_t base = known ? program.access_of[task].first_point : 0;
    const size_t count = known ? program.access_of[task].step.size() : program.points.size();
    Field field = Place(interpreter.ViewOf(task).point, static_cast<unsigned>(std::bit_width(count)));
    field.base = base;
    field.point = true;
    field_of_[field.address] = field_of_[field.address + 1] = static_cast<uint32_t>(fields_.size());
    fields_.push_back(field);
  }
  AddWords(program);
  AddAddresses(program);
  AddBuffers(program, interpreter);
}

// A field never stands in two words.
StateLayout::Field StateLayout::Place(uint32_t address, unsigned bits) {
  if (bits_used_ + bits > 64) {
    ++words_;
    bits_used_ = 0;
  }
  Field field{.address = address,
              .word = static_cast<uint16_t>(words_ - 1),
              .shift = static_cast<uint8_t>(bits_used_),
              .bits = static_cast<uint8_t>(bits)};
  bits_used_ += bits;
  return field;
}

void StateLayout::AddWords(const Program& program) {
  for (uint32_t address = 0; address < program.state_bytes; ++address) {
    const Word& word = program.words[address];
    if (word.constant || word.max == 0 || OfBuffer(word.kind) || OfPoint(word.kind)) continue;
    field_of_[address] = static_cast<uint32_t>(fields_.size());
    fields_.push_back(
        Place(address, static_cast<unsigned>(std::bit_width(unsigned{std::max(word.max, word.initial)}))));
  }
}

void StateLayout::AddAddresses(const Program& program) {
  index_of_.assign(program.state_bytes, kNoIndex);
  std::vector<uint64_t> written((program.state_bytes + 63) / 64);
  for (const Program::Accesses& accesses : program.access_of) {
    // A store that waits in the buffer is no write of its step, but of what may come.
    for (const auto* list : {&accesses.step, &accesses.future}) {
      for (const Access& access : *list) {
        for (size_t n = 0; n < written.size(); ++n) written[n] |= access.writes[n];
      }
    }
  }
  for (uint32_t address = 0; address < program.state_bytes; ++address) {
    if ((written[address / 64] >> address % 64 & 1) == 0 || program.words[address].constant) continue;
    index_of_[address] = static_cast<uint16_t>(addresses_.size());
    addresses_.push_back(address);
  }
}

void StateLayout::AddBuffers(const Program& program, const Interpreter& interpreter) {
  unsigned max = 0;
  for (uint32_t address : addresses_) max = std::max<unsigned>(max, program.words[address].max);
  const unsigned value_bits = static_cast<unsigned>(std::bit_width(max));
  const unsigned index_bits = static_cast<unsigned>(std::bit_width(std::max<size_t>(addresses_.size(), 1) - 1));
  for (size_t task = 0; task < program.tasks.size(); ++task) {
    const auto& view = interpreter.ViewOf(task);
    if (view.buffer_depth == 0) continue;
    Buffer buffer{.address = view.buffer,
                  .depth = view.buffer_depth,
                  .length = {},
                  .entries = {},
                  .value_bits = static_cast<uint8_t>(value_bits)};
    buffer.length = Place(view.buffer, static_cast<unsigned>(std::bit_width(view.buffer_depth)));
    for (uint32_t n = 0; n < view.buffer_depth; ++n) {
      buffer.entries.push_back(Place(view.buffer + 1 + 3 * n, index_bits + value_bits));
    }
    std::fill_n(field_of_.begin() + view.buffer, 1 + 3 * view.buffer_depth,
                kBuffer + static_cast<uint32_t>(buffers_.size()));
    buffers_.push_back(std::move(buffer));
  }
}

bool StateLayout::PackBuffer(const Buffer& buffer, const uint8_t* state, uint64_t* packed) const {
  const uint32_t length = state[buffer.address];
  Put(buffer.length, length, packed);
  for (uint32_t n = 0; n < buffer.depth; ++n) {
    const Field& entry = buffer.entries[n];
    uint64_t value = 0;
    if (n < length) {
      const uint32_t address = state[entry.address] | uint32_t{state[entry.address + 1]} << 8;
      const uint16_t index = address < index_of_.size() ? index_of_[address] : kNoIndex;
      if (index == kNoIndex) return false;
      value = uint64_t{index} << buffer.value_bits | state[entry.address + 2];
    }
    Put(entry, value, packed);
  }
  return true;
}

bool StateLayout::Pack(const uint8_t* state, uint64_t* packed) const {
  std::memset(packed, 0, words_ * sizeof *packed);
  for (const Field& field : fields_) PutField(field, state, packed);
  bool good = true;
  for (const Buffer& buffer : buffers_) good &= PackBuffer(buffer, state, packed);
  return good;
}

bool StateLayout::Repack(const Changes& changes, const uint8_t* state, uint64_t* packed) const {
  uint32_t last_buffer = kConstant;
  for (size_t n = 0; n < changes.size(); ++n) {
    const uint32_t field = field_of_[changes[n].address];
    if (field < kBuffer) {
      PutField(fields_[field], state, packed);
    } else if (field == kConstant) {
      return false;
    } else if (field != last_buffer) {
      last_buffer = field;
      if (!PackBuffer(buffers_[field - kBuffer], state, packed)) return false;
    }
  }
  return true;
}

void StateLayout::Unpack(const uint64_t* packed, uint8_t* state) const {
  std::memcpy(state, initial_.data(), initial_.size());
  for (const Field& field : fields_) {
    const uint64_t value = Get(field, packed) + field.base;
    state[field.address] = static_cast<uint8_t>(value);
    if (field.point) state[field.address + 1] = static_cast<uint8_t>(value >> 8);
  }
  for (const Buffer& buffer : buffers_) {
    const uint64_t length = Get(buffer.length, packed);
    state[buffer.address] = static_cast<uint8_t>(length);
    for (uint64_t n = 0; n < length; ++n) {
      const uint64_t entry = Get(buffer.entries[n], packed);
      const uint32_t address = addresses_[entry >> buffer.value_bits];
      uint8_t* const bytes = state + buffer.entries[n].address;
      bytes[0] = static_cast<uint8_t>(address);
      bytes[1] = static_cast<uint8_t>(address >> 8);
      bytes[2] = static_cast<uint8_t>(entry & ((uint64_t{1} << buffer.value_bits) - 1));
    }
  }
}

}  // namespace wakewatch::protocol
