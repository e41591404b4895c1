// Why: tasks that are alike are interchangeable: of all states that differ only in which of them does what, one is
// enough.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "analysis/protocol/program.h"
#include "analysis/protocol/search/interpreter.h"

namespace wakewatch::protocol {

class Symmetry {
 public:
  Symmetry(const Program& program, const Interpreter& interpreter);

  bool any() const { return !groups_.empty(); }  // two tasks are alike
  // What a call works with; one for each thread.
  struct Scratch {
    std::vector<uint8_t> keys, before;
    std::vector<uint32_t> order, first_seen;
  };
  // Puts tasks that are alike into an order of their own, and renames them wherever they are named. Every order is
  // sound; equal states up to such an order mostly become the same. `new_number[t]` gets where task t went; false: all
  // stayed.
  bool Canonicalize(uint8_t* state, Scratch* scratch, uint8_t* new_number) const;

 private:
  static constexpr uint32_t kNoList = 0xffffffff;
  // A word that names a task, and the length of the list whose entry it is.
  struct Reference {
    uint32_t address = 0;
    uint32_t list = kNoList;
    uint32_t position = 0;
  };
  struct Group {
    std::vector<uint32_t> tasks;
    uint32_t bytes = 0;                 // of a region
    std::vector<Reference> references;  // relative to the region
  };
  // The number of the task that a word names, or -1.
  static int Named(const uint8_t* base, const Reference& reference);
  static void Rename(uint8_t* base, const Reference& reference, const uint8_t* new_number);
  void FindReferences(const Program& program);
  void MakeKey(const uint8_t* state, const Group& group, uint32_t task, uint8_t* key) const;
  void MaskBuffer(const uint8_t* region, uint32_t task, uint8_t* key) const;
  bool Order(const uint8_t* state, const Group& group, Scratch* scratch) const;
  void RenameBuffers(uint8_t* state, const uint8_t* new_number) const;

  const Program& program_;
  const Interpreter& interpreter_;
  std::vector<Group> groups_;
  std::vector<uint8_t> interchangeable_;  // a task
  std::vector<uint8_t> owner_;            // of each byte: task + 1 where it is in the region of an interchangeable one
  std::vector<Reference> references_;     // all
  std::vector<Reference> outside_;        // those that stay where they are
};

}  // namespace wakewatch::protocol
