// Calls: functions are put in where they are called, their parameters bound to what the caller names.
#include <algorithm>

#include "analysis/protocol/compiler/codegen.h"
#include "analysis/protocol/language/parser.h"
#include "analysis/protocol/language/spelling.h"

namespace wakewatch::protocol {

namespace {

constexpr size_t kCallsMax = 40;  // of calls in calls

}  // namespace

const InlineDecl* Codegen::InlineNamed(const Expr& call) {
  const auto found = symbols_->inlines.find(call.name);
  if (found == symbols_->inlines.end()) {
    std::vector<std::string_view> names;
    for (const auto& [name, decl] : symbols_->inlines) names.push_back(name);
    const std::string_view meant = NearestWord(call.name, names);
    const bool entry =
        call.name.starts_with("DEFINE_WAIT") || call.name == "DECLARE_WAITQUEUE" || call.name == "init_wait";
    Fail(call.place, "there is no function " + call.name,
         entry           ? "each task has its wait entry: leave it out, here and where it is an argument"
         : meant.empty() ? "functions that the kernel's primitives do not have are declared with inline"
                         : "did you mean " + std::string(meant) + "?");
    return nullptr;
  }
  const InlineDecl* const callee = found->second;
  if (callee->params.size() == call.args.size()) return callee;
  std::string takes;
  for (const Param& param : callee->params) takes += (takes.empty() ? "" : ", ") + param.type + " " + param.name;
  Fail(call.place,
       call.name + " is called with " + std::to_string(call.args.size()) + " arguments, and takes " +
           std::to_string(callee->params.size()),
       callee->params.empty() ? "" : call.name + "(" + takes + ")");
  return nullptr;
}

bool Codegen::BindParameter(const Param& param, const Expr& arg, const Scope* scope, Scope* inner) {
  Binding binding;
  if (param.type == "expr") {
    binding.kind = Binding::Kind::kMacro;
    binding.expr = &arg;
    binding.scope = scope;
  } else if (param.type == "value") {
    if (const auto constant = ConstantOf(arg, scope)) {
      binding.value = *constant;
    } else {
      binding.kind = Binding::Kind::kLocal;
      binding.slot = emitter_->Allocate({TypeKind::kValue, 0, 255});
      open_.back().slots.push_back(binding.slot);
      Value(arg, scope);
      emitter_->StoreLocal(binding.slot);
    }
  } else if (param.type == "task") {
    const Node node = Build(arg, scope);
    if (Failed()) return false;
    if (node.kind == Node::Kind::kConst && node.type == TypeKind::kTask) {
      binding.kind = Binding::Kind::kTask;
      binding.task = static_cast<uint32_t>(node.value - 1);
    } else if (node.kind == Node::Kind::kCurrent) {
      binding.kind = Binding::Kind::kCurrent;
    } else if (node.type == TypeKind::kTask) {
      binding.kind = Binding::Kind::kLocal;
      binding.slot = emitter_->Allocate({TypeKind::kTask, 0, 255});
      open_.back().slots.push_back(binding.slot);
      Value(arg, scope);
      emitter_->StoreLocal(binding.slot);
    } else {
      Fail(arg.place, TextOf(arg) + " is no task");
      return false;
    }
  } else {
    const std::optional<Ref> ref = RefOf(arg, scope, false);
    if (!ref) return false;
    Type wanted;
    if (!symbols_->layout->TypeNamed(param.type, &wanted)) {
      Fail(param.place, "there is no type " + param.type);
      return false;
    }
    if (wanted.kind != ref->type.kind || wanted.structure != ref->type.structure) {
      Fail(arg.place, TextOf(arg) + " is no " + param.type);
      return false;
    }
    binding.kind = Binding::Kind::kRef;
    binding.ref = *ref;
  }
  inner->names[param.name] = binding;
  return true;
}

bool Codegen::ListStatement(const Expr& call, const Scope* scope) {
  static const std::map<std::string, std::pair<Op, size_t>> changes = {{"list_add_head", {Op::kListAddHead, 3}},
                                                                       {"list_add_tail", {Op::kListAddTail, 3}},
                                                                       {"list_del", {Op::kListDel, 2}}};
  const auto found = changes.find(call.name);
  if (found == changes.end()) return false;
  const auto& [op, arguments] = found->second;
  if (call.args.size() != arguments) {
    Fail(call.place, call.name + " takes " + std::to_string(arguments) + " arguments: list, value" +
                         (arguments == 3 ? ", flags" : ""));
    return true;
  }
  const std::optional<Ref> ref = RefOf(call.args[0], scope, false);
  if (!ref) return true;
  if (ref->type.kind != TypeKind::kList && ref->type.kind != TypeKind::kTaskList) {
    Fail(call.args[0].place, TextOf(call.args[0]) + " is no list");
    return true;
  }
  std::vector<Node> args;
  for (size_t i = 1; i < call.args.size(); ++i) {
    args.push_back(Build(call.args[i], scope));
    if (!emitter_->in_step()) HoistAll(&args.back());
  }
  if (!emitter_->in_step()) Step();
  PushAddress(*ref);
  for (size_t i = 0; i < args.size(); ++i) {
    Push(args[i]);
    if (i > 0 || ref->type.kind != TypeKind::kTaskList) continue;
    emitter_->Emit(Op::kConst, 1);
    emitter_->Emit(Op::kSub);
  }
  stored_in_step_ = true;
  emitter_->Emit(op, 0, TouchOf(*ref, true, true));
  for (const Node& arg : args) FreeTemporaries(arg, true);
  return true;
}

const Expr* Codegen::Rewritten(const Expr& call, const Scope* scope) {
  struct Target {
    const char* function;
    bool delayed;  // takes a delayed work only
  };
  static const std::map<std::string, Target> targets = {{"queue_work", {"queue_work_on", false}},
                                                        {"schedule_work", {"queue_work_on", false}},
                                                        {"cancel_work", {"cancel_work_on", false}},
                                                        {"cancel_work_sync", {"cancel_work_sync_on", false}},
                                                        {"queue_delayed_work", {"queue_delayed_work_on", true}},
                                                        {"schedule_delayed_work", {"queue_delayed_work_on", true}},
                                                        {"mod_delayed_work", {"mod_delayed_work_on", true}},
                                                        {"flush_delayed_work", {"flush_delayed_work_on", true}},
                                                        {"cancel_delayed_work", {"cancel_work_on", true}},
                                                        {"cancel_delayed_work_sync", {"cancel_work_sync_on", true}}};
  const auto target = targets.find(call.name);
  if (target == targets.end() || symbols_->inlines.contains(call.name)) return &call;
  for (const Expr& arg : call.args) {
    const std::optional<Ref> ref = RefOf(arg, scope, true);
    for (const Symbols::Work& work : symbols_->works) {
      if (!ref || ref->name != work.name) continue;
      if (target->second.delayed && !work.delayed) {
        Fail(call.place, call.name + " takes a delayed work, and " + work.name + " has no timer",
             "declare it so: delayed_work " + work.name + " on " + work.pool + " { ... }");
        return &call;
      }
      const Expr pool{ExprKind::kName, call.place, 0, work.pool, "", {}};
      const Expr number{ExprKind::kNumber, call.place, work.number, "", "", {}};
      return Keep({ExprKind::kCall, call.place, 0, target->second.function, "", {pool, arg, number}});
    }
  }
  Fail(call.place, call.name + " takes a work", "work w on POOL { ... }, then " + call.name + "(w);");
  return &call;
}

void Codegen::CallStatement(const Stmt& stmt, Scope* scope) {
  const Expr& call = *stmt.expr;
  if (call.kind != ExprKind::kCall) {
    Fail(stmt.place, TextOf(call) + " does nothing");
    return;
  }
  if (ListStatement(call, scope)) return;
  if (call.name == "smp_mb") {
    if (!call.args.empty()) Fail(call.place, "smp_mb takes no arguments");
    uses_->inlines.insert("smp_mb");
    // With sequential consistency there is nothing that a barrier could do.
    if (symbols_->memory == Memory::kSc || emitter_->in_step()) return;
    functions_.emplace_back("smp_mb");
    Step();
    emitter_->Emit(Op::kFence);
    functions_.pop_back();
    return;
  }
  Call(call, scope, std::nullopt);
}

void Codegen::Call(const Expr& written, const Scope* scope, std::optional<Slot> result) {
  if (Failed()) return;
  const Expr& call = *Rewritten(written, scope);
  const InlineDecl* const callee = InlineNamed(call);
  if (callee == nullptr) return;
  if (calls_.size() >= kCallsMax || std::find(calls_.begin(), calls_.end(), callee) != calls_.end()) {
    Fail(call.place, call.name + " calls itself", "functions are put in where they are called: use a loop");
    return;
  }
  uses_->inlines.insert(callee->name);
  Open& open = Enter(Open::Kind::kCall);
  open.on_return = emitter_->NewLabel();
  open.result = result;
  const size_t depth = open_.size() - 1;
  Scope* const inner = NewScope(&symbols_->globals);
  for (size_t i = 0; i < callee->params.size(); ++i) {
    if (!BindParameter(callee->params[i], call.args[i], scope, inner)) return;
  }
  const bool of_prelude = symbols_->of_prelude.contains(callee);
  calls_.push_back(callee);
  const bool tasks_own = callee->name == decl_->name;  // nothing that the task's name does not say
  if (!tasks_own) functions_.push_back(callee->name);
  prelude_depth_ += of_prelude ? 1 : 0;
  guards_.emplace_back();
  Statement(callee->body, inner);
  guards_.pop_back();
  prelude_depth_ -= of_prelude ? 1 : 0;
  if (!tasks_own) functions_.pop_back();
  calls_.pop_back();
  if (Failed()) return;
  emitter_->Bind(*open_[depth].on_return);
  Close();
}

}  // namespace wakewatch::protocol
