#include "analysis/protocol/compiler/emitter.h"

#include <algorithm>

#include "analysis/protocol/compiler/compiler.h"

namespace wakewatch::protocol {

void Emitter::Emit(Op op, int32_t a, Touch touch) {
  // Past the limit nothing grows any more; the compiler says so when it is done.
  if (program_->code.size() > kCodeMax) return;
  // A release waits in the buffer, too, behind what is there already.
  const bool release = op == Op::kRelease || op == Op::kReleaseAt;
  if (touch.buffered || (release && program_->memory == Memory::kTso)) ++task_.plain_stores;
  program_->code.push_back({op, a});
  touches_.push_back(touch);
}

Label Emitter::NewLabel() {
  labels_.push_back(-1);
  return Label(static_cast<uint32_t>(labels_.size() - 1));
}
void Emitter::Bind(Label label) { labels_[label.id()] = static_cast<int32_t>(program_->code.size()); }
void Emitter::Jump(Op op, Label target) {
  jumps_.emplace_back(static_cast<uint32_t>(program_->code.size()), target.id());
  Emit(op);
}

void Emitter::EnterStep(bool atomic) {
  ++in_step_;
  if (atomic && ++atomic_ == 1) Emit(Op::kAtomicBegin);
}
void Emitter::LeaveStep(bool atomic) {
  --in_step_;
  if (atomic && --atomic_ == 0) Emit(Op::kAtomicEnd);
}

uint32_t Emitter::EmitPoint(Point point) {
  const auto number = static_cast<uint32_t>(program_->points.size());
  if (number >= kPointsMax) return number - 1;
  Emit(Op::kPoint, static_cast<int32_t>(number));
  point.entry = static_cast<uint32_t>(program_->code.size());
  program_->points.push_back(point);
  return number;
}

uint32_t Emitter::String(const std::string& text) {
  auto& strings = program_->strings;
  if (strings.empty()) strings.emplace_back();
  const auto found = std::find(strings.begin(), strings.end(), text);
  if (found != strings.end()) return static_cast<uint32_t>(found - strings.begin());
  strings.push_back(text);
  return static_cast<uint32_t>(strings.size() - 1);
}

Slot Emitter::Allocate(const Type& type) {
  for (size_t i = free_.size(); i-- > 0;) {
    if (free_[i].type.kind != type.kind || free_[i].type.max != type.max) continue;
    const Slot slot = free_[i];
    free_.erase(free_.begin() + static_cast<ptrdiff_t>(i));
    return slot;
  }
  task_.locals.push_back(type);
  return {static_cast<uint32_t>(task_.locals.size() - 1), type};
}

void Emitter::LoadLocal(const Slot& slot) {
  local_uses_.push_back(static_cast<uint32_t>(program_->code.size()));
  Emit(Op::kLoadLocal, static_cast<int32_t>(slot.number));
}
void Emitter::StoreLocal(const Slot& slot) {
  local_uses_.push_back(static_cast<uint32_t>(program_->code.size()));
  Emit(Op::kStoreLocal, static_cast<int32_t>(slot.number));
}
void Emitter::ClearLocal(const Slot& slot) {
  Emit(Op::kConst, 0);
  StoreLocal(slot);
}

void Emitter::BeginTask(const Point& start) {
  task_ = {};
  free_.clear();
  task_.first_point = static_cast<uint32_t>(program_->points.size());
  task_.code_begin = static_cast<uint32_t>(program_->code.size());
  EmitPoint(start);
}

Emitter::TaskCode Emitter::EndTask() {
  task_.code_end = static_cast<uint32_t>(program_->code.size());
  task_.points = static_cast<uint32_t>(program_->points.size()) - task_.first_point;
  task_.start = task_.first_point;
  // A task whose text begins with a step needs no empty one in front of it, nor one that sets locals to what they are.
  for (uint32_t at = task_.code_begin + 1; at < task_.code_end; ++at) {
    const Instruction& instruction = program_->code[at];
    if (instruction.op == Op::kPoint) task_.start = static_cast<uint32_t>(instruction.a);
    const bool clears = (instruction.op == Op::kConst && instruction.a == 0) || instruction.op == Op::kStoreLocal;
    if (!clears) break;
  }
  return task_;
}

void Emitter::Resolve() {
  for (const auto& [instruction, label] : jumps_) {
    if (instruction < program_->code.size()) program_->code[instruction].a = labels_[label];
  }
}

}  // namespace wakewatch::protocol
