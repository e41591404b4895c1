// Code that reaches what tasks share: addresses, loads, stores, looks at lists.
#include "analysis/protocol/compiler/codegen.h"

namespace wakewatch::protocol {

Touch Codegen::TouchOf(const Ref& ref, bool reads, bool writes) const {
  Touch touch;
  switch (ref.base) {
    case Ref::Base::kGlobal: touch.base = Touch::Base::kGlobal; break;
    case Ref::Base::kTask: touch.base = Touch::Base::kTask; break;
    case Ref::Base::kCurrent: touch.base = Touch::Base::kSelf; break;
    case Ref::Base::kSlot: touch.base = Touch::Base::kAnyTask; break;
  }
  touch.task = ref.index;
  touch.offset = ref.offset;
  touch.bytes = symbols_->layout->Bytes(ref.type);
  touch.reads = reads;
  touch.writes = writes;
  return touch;
}

void Codegen::PushAddress(const Ref& ref) {
  switch (ref.base) {
    case Ref::Base::kGlobal: emitter_->Emit(Op::kConst, static_cast<int32_t>(ref.offset)); return;
    case Ref::Base::kTask: emitter_->Emit(Op::kConst, static_cast<int32_t>(ref.index)); break;
    case Ref::Base::kCurrent: emitter_->Emit(Op::kSelf); break;
    case Ref::Base::kSlot:
      emitter_->LoadLocal(ref.slot);
      emitter_->Emit(Op::kConst, 1);
      emitter_->Emit(Op::kSub);
      break;
  }
  emitter_->Emit(Op::kFieldOf, static_cast<int32_t>(ref.offset));
}

void Codegen::Push(const Node& node) {
  if (Failed()) return;
  switch (node.kind) {
    case Node::Kind::kConst: emitter_->Emit(Op::kConst, static_cast<int32_t>(node.value)); return;
    case Node::Kind::kLocal: emitter_->LoadLocal(node.slot); return;
    case Node::Kind::kCurrent:
      emitter_->Emit(Op::kSelf);
      emitter_->Emit(Op::kConst, 1);
      emitter_->Emit(Op::kAdd);
      return;
    case Node::Kind::kLoad:
      if (node.ref.base == Ref::Base::kGlobal) {
        emitter_->Emit(Op::kLoad, static_cast<int32_t>(node.ref.offset), TouchOf(node.ref, true, false));
      } else {
        PushAddress(node.ref);
        emitter_->Emit(Op::kLoadAt, 0, TouchOf(node.ref, true, false));
      }
      return;
    case Node::Kind::kUnary:
      Push(node.args[0]);
      emitter_->Emit(node.op);
      return;
    case Node::Kind::kBinary:
      Push(node.args[0]);
      if (node.logical) {
        emitter_->Emit(Op::kNot);
        emitter_->Emit(Op::kNot);
      }
      Push(node.args[1]);
      if (node.logical) {
        emitter_->Emit(Op::kNot);
        emitter_->Emit(Op::kNot);
        emitter_->Emit(node.is_and ? Op::kAnd : Op::kOr);
      } else {
        emitter_->Emit(node.op);
      }
      return;
    case Node::Kind::kList: {
      PushAddress(node.ref);
      const bool tasks = node.ref.type.kind == TypeKind::kTaskList;
      if (!node.args.empty()) Push(node.args[0]);
      if (node.op == Op::kListHas && tasks) {
        emitter_->Emit(Op::kConst, 1);
        emitter_->Emit(Op::kSub);
      }
      emitter_->Emit(node.op, 0, TouchOf(node.ref, true, false));
      if (node.op == Op::kListAt && tasks) {
        emitter_->Emit(Op::kConst, 1);
        emitter_->Emit(Op::kAdd);
      }
      return;
    }
    case Node::Kind::kCall: return;  // hoisted before
  }
}

void Codegen::StoreTo(const Ref& ref, bool release) {
  Touch touch = TouchOf(ref, false, true);
  touch.buffered = symbols_->memory == Memory::kTso && !emitter_->atomic() && !release;
  touch.bounded = ref.type.max > 1 && ref.type.max < 255;
  stored_in_step_ = true;
  if (ref.base == Ref::Base::kGlobal) {
    emitter_->Emit(release ? Op::kRelease : Op::kStore, static_cast<int32_t>(ref.offset), touch);
    return;
  }
  PushAddress(ref);
  emitter_->Emit(release ? Op::kReleaseAt : Op::kStoreAt, 0, touch);
}

}  // namespace wakewatch::protocol
