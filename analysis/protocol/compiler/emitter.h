// Why: what the compiler writes into: instructions, points, jump targets, slots for locals, and beside each instruction
// what it touches of that which other tasks see, from which the reduction's sets are made.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "analysis/protocol/compiler/layout.h"
#include "analysis/protocol/program.h"

namespace wakewatch::protocol {

// What an instruction touches: `bytes` bytes at `offset` of the globals or of a task's region.
struct Touch {
  enum class Base : uint8_t { kNothing, kGlobal, kTask, kSelf, kAnyTask };
  Base base = Base::kNothing;
  uint32_t task = 0;  // of kTask
  uint32_t offset = 0, bytes = 1;
  bool reads = false, writes = false;
  bool buffered = false;  // the write goes into the store buffer first
  bool bounded = false;   // the write may leave its word's range
};

// A place in the code that is not known yet.
class Label {
 public:
  explicit Label(uint32_t id) : id_(id) {}
  uint32_t id() const { return id_; }

 private:
  uint32_t id_;
};

// A local of the task declaration whose code is made. Freed slots are used again for locals of the same type.
struct Slot {
  uint32_t number = 0;  // which local of the region
  Type type;
};

class Emitter {
 public:
  explicit Emitter(Program* program) : program_(program) {}

  // ---- code
  void Emit(Op op, int32_t a = 0, Touch touch = {});
  Label NewLabel();
  void Bind(Label label);
  bool IsBound(Label label) const { return labels_[label.id()] >= 0; }
  void Jump(Op op, Label target);
  bool atomic() const { return atomic_ > 0; }
  bool in_step() const { return in_step_ > 0; }
  void EnterStep(bool atomic);
  void LeaveStep(bool atomic);
  // For a jump out of `levels` atomic blocks that are still open in the text.
  uint32_t atomic_depth() const { return atomic_; }

  // A step begins here, unless one of the same kind has just begun.
  uint32_t EmitPoint(Point point);
  uint32_t String(const std::string& text);

  // ---- locals of the current declaration
  Slot Allocate(const Type& type);
  void Free(const Slot& slot) { free_.push_back(slot); }
  void LoadLocal(const Slot& slot);
  void StoreLocal(const Slot& slot);
  void ClearLocal(const Slot& slot);

  // Code of one task declaration, which begins at `start`; gives its first point and how many locals it has.
  void BeginTask(const Point& start);
  struct TaskCode {
    uint32_t first_point = 0, points = 0, start = 0;
    uint32_t code_begin = 0, code_end = 0;
    std::vector<Type> locals;
    uint32_t plain_stores = 0;  // places of stores that may wait in the store buffer
  };
  TaskCode EndTask();

  // Sets the jumps' targets. Once, at the end.
  void Resolve();

  const std::vector<Touch>& touches() const { return touches_; }
  // Instructions whose `a` is the number of a local, to be made an offset in the region.
  const std::vector<uint32_t>& local_uses() const { return local_uses_; }

 private:
  Program* const program_;
  std::vector<Touch> touches_;
  std::vector<int32_t> labels_;
  std::vector<std::pair<uint32_t, uint32_t>> jumps_;  // instruction, label
  std::vector<uint32_t> local_uses_;
  std::vector<Slot> free_;
  TaskCode task_;
  uint32_t atomic_ = 0, in_step_ = 0;
};

}  // namespace wakewatch::protocol
