// What a step shows to a recording.
#include <algorithm>

#include "analysis/protocol/compiler/codegen.h"

namespace wakewatch::protocol {

// The number of the object in Program::objects. Those of tasks are numbered like the tasks, one kind after the other.
void Codegen::PushObject(const Ref& ref) {
  auto& names = program_->objects;
  const bool of_task = ref.base != Ref::Base::kGlobal;
  const size_t dot = ref.name.find('.');
  const std::string field = of_task && dot != std::string::npos ? ref.name.substr(dot) : ref.name;
  const std::string first = of_task ? symbols_->task_names[0] + field : field;
  auto found = std::find(names.begin(), names.end(), first);
  auto base = static_cast<int32_t>(found - names.begin());
  if (found == names.end()) {
    if (!of_task) names.push_back(first);
    for (const std::string& task : symbols_->task_names) {
      if (of_task) names.push_back(task + field);
    }
  }
  emitter_->Emit(Op::kConst, base);
  if (ref.base == Ref::Base::kTask) emitter_->Emit(Op::kConst, static_cast<int32_t>(ref.index));
  if (ref.base == Ref::Base::kCurrent) emitter_->Emit(Op::kSelf);
  if (ref.base == Ref::Base::kSlot) {
    emitter_->LoadLocal(ref.slot);
    emitter_->Emit(Op::kConst, 1);
    emitter_->Emit(Op::kSub);
  }
  if (of_task) emitter_->Emit(Op::kAdd);
}

void Codegen::TraceEvent(const Stmt& stmt, Scope* scope) {
  EventKind kind;
  kind.name = stmt.name;
  kind.level = static_cast<uint8_t>(stmt.number);
  std::vector<Node> args;
  std::vector<std::optional<Ref>> objects;
  for (const Expr& arg : stmt.expr->args) {
    const std::optional<Ref> ref = RefOf(arg, scope, true);
    if (ref && ref->type.kind == TypeKind::kStruct && ref->type.structure != symbols_->task_struct.structure) {
      kind.args.push_back(EventKind::Arg::kObject);
      objects.push_back(ref);
      args.emplace_back();
      continue;
    }
    objects.emplace_back();
    args.push_back(Build(arg, scope));
    if (Failed()) return;
    const bool state = arg.name == "state" || arg.name == "mode" || arg.name == "mask";
    kind.args.push_back(args.back().type == TypeKind::kTask ? EventKind::Arg::kTask
                        : state                             ? EventKind::Arg::kState
                                                            : EventKind::Arg::kValue);
  }
  if (!emitter_->in_step()) {
    for (Node& arg : args) HoistAll(&arg);
  }
  for (size_t i = 0; i < args.size(); ++i) {
    if (objects[i]) {
      PushObject(*objects[i]);
      continue;
    }
    Push(args[i]);
    if (kind.args[i] != EventKind::Arg::kTask) continue;
    emitter_->Emit(Op::kConst, 1);
    emitter_->Emit(Op::kSub);
  }
  for (const Node& arg : args) FreeTemporaries(arg, true);
  auto& events = program_->events;
  const auto same = std::find_if(events.begin(), events.end(), [&](const EventKind& other) {
    return other.name == kind.name && other.level == kind.level && other.args == kind.args;
  });
  const auto number = static_cast<int32_t>(same - events.begin());
  if (same == events.end()) events.push_back(std::move(kind));
  emitter_->Emit(Op::kEvent, number);
}

}  // namespace wakewatch::protocol
