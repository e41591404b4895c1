// Values: names to what they stand for, and the shared loads of an expression to a step each.
#include <algorithm>

#include "analysis/protocol/compiler/codegen.h"
#include "analysis/protocol/language/parser.h"

namespace wakewatch::protocol {

namespace {

std::optional<Op> BinaryOp(const std::string& op) {
  static const std::map<std::string, Op> ops = {{"|", Op::kOr},  {"^", Op::kXor},  {"&", Op::kAnd},  {"==", Op::kEq},
                                                {"!=", Op::kNe}, {"<", Op::kLt},   {"<=", Op::kLe},  {">", Op::kGt},
                                                {">=", Op::kGe}, {"<<", Op::kShl}, {">>", Op::kShr}, {"+", Op::kAdd},
                                                {"-", Op::kSub}, {"*", Op::kMul},  {"/", Op::kDiv},  {"%", Op::kMod}};
  const auto found = ops.find(op);
  if (found == ops.end()) return std::nullopt;
  return found->second;
}

Node Const(int64_t value) {
  Node node;
  node.value = value;
  return node;
}

}  // namespace

Node Codegen::Build(const Expr& expr, const Scope* scope) {
  if (Failed()) return {};
  if (!Spend()) return {};
  switch (expr.kind) {
    case ExprKind::kNumber: return Const(expr.number);
    case ExprKind::kName: return BuildName(expr, scope);
    case ExprKind::kField: {
      const std::optional<Ref> ref = RefOf(expr, scope, false);
      Node node;
      if (!ref) return node;
      node.kind = Node::Kind::kLoad;
      node.ref = *ref;
      node.type = ref->type.kind;
      return node;
    }
    case ExprKind::kCall: return BuildCall(expr, scope);
    case ExprKind::kUnary: {
      Node node;
      node.kind = Node::Kind::kUnary;
      node.op = expr.op == "!" ? Op::kNot : expr.op == "-" ? Op::kNegate : Op::kInvert;
      node.args.push_back(Build(expr.args[0], scope));
      if (node.args[0].kind != Node::Kind::kConst) return node;
      const int64_t value = node.args[0].value;
      return Const(node.op == Op::kNot ? value == 0 : node.op == Op::kNegate ? -value : ~value);
    }
    case ExprKind::kBinary: return BuildBinary(expr, scope);
  }
  return {};
}

Node Codegen::BuildBinary(const Expr& expr, const Scope* scope) {
  Node node;
  node.kind = Node::Kind::kBinary;
  node.logical = expr.op == "&&" || expr.op == "||";
  node.is_and = expr.op == "&&";
  node.args.push_back(Build(expr.args[0], scope));
  // What cannot matter is not looked at: it may not even be declared in this context.
  if (node.logical && node.args[0].kind == Node::Kind::kConst && (node.args[0].value != 0) != node.is_and) {
    return Const(!node.is_and);
  }
  node.args.push_back(Build(expr.args[1], scope));
  const bool both = node.args[0].kind == Node::Kind::kConst && node.args[1].kind == Node::Kind::kConst;
  int64_t value = 0;
  if (both && Calculate(expr.op, node.args[0].value, node.args[1].value, &value)) return Const(value);
  if (!node.logical) {
    const std::optional<Op> op = BinaryOp(expr.op);
    if (!op) Fail(expr.place, "there is no operator " + expr.op);
    node.op = op.value_or(Op::kAdd);
  }
  return node;
}

Node Codegen::BuildName(const Expr& expr, const Scope* scope) {
  Node node;
  const Binding* const binding = scope->Find(expr.name);
  if (binding == nullptr) {
    Fail(expr.place, expr.name + " is not declared", "declare it: flag " + expr.name + ";");
    return node;
  }
  switch (binding->kind) {
    case Binding::Kind::kConst: return Const(binding->value);
    case Binding::Kind::kMacro: return Build(*binding->expr, binding->scope);
    case Binding::Kind::kMany:
      Fail(expr.place, expr.name + " stands for several tasks", "give the one that is meant a declaration of its own");
      return node;
    case Binding::Kind::kTask:
      node.value = binding->task + 1;
      node.type = TypeKind::kTask;
      return node;
    case Binding::Kind::kCurrent:
      node.kind = Node::Kind::kCurrent;
      node.type = TypeKind::kTask;
      return node;
    case Binding::Kind::kLocal:
      node.kind = Node::Kind::kLocal;
      node.slot = binding->slot;
      node.type = binding->slot.type.kind;
      return node;
    case Binding::Kind::kRef:
      if (binding->ref.type.kind != TypeKind::kValue && binding->ref.type.kind != TypeKind::kTask) {
        Fail(expr.place, expr.name + " is no value", "name one of its fields, or use a function on it");
        return node;
      }
      node.kind = Node::Kind::kLoad;
      node.ref = binding->ref;
      node.type = binding->ref.type.kind;
      return node;
  }
  return node;
}

Node Codegen::BuildList(const Expr& expr, const Scope* scope) {
  static const std::map<std::string, std::pair<Op, size_t>> looks = {{"list_empty", {Op::kListLen, 1}},
                                                                     {"list_len", {Op::kListLen, 1}},
                                                                     {"list_at", {Op::kListAt, 2}},
                                                                     {"list_flags", {Op::kListFlags, 2}},
                                                                     {"list_has", {Op::kListHas, 2}}};
  const auto& [op, arguments] = looks.at(expr.name);
  Node node;
  if (expr.args.size() != arguments) {
    Fail(expr.place, expr.name + " takes " + std::to_string(arguments) + (arguments == 1 ? " argument" : " arguments"));
    return node;
  }
  const std::optional<Ref> ref = RefOf(expr.args[0], scope, false);
  if (!ref) return node;
  if (ref->type.kind != TypeKind::kList && ref->type.kind != TypeKind::kTaskList) {
    Fail(expr.args[0].place, TextOf(expr.args[0]) + " is no list");
    return node;
  }
  node.kind = Node::Kind::kList;
  node.op = op;
  node.ref = *ref;
  if (arguments == 2) node.args.push_back(Build(expr.args[1], scope));
  if (op == Op::kListAt && ref->type.kind == TypeKind::kTaskList) node.type = TypeKind::kTask;
  if (expr.name != "list_empty") return node;
  Node empty;
  empty.kind = Node::Kind::kUnary;
  empty.op = Op::kNot;
  empty.args.push_back(std::move(node));
  return empty;
}

Node Codegen::BuildCall(const Expr& written, const Scope* scope) {
  const Expr& expr = *Rewritten(written, scope);
  if (expr.name.starts_with("list_")) {
    static const std::set<std::string> looks = {"list_empty", "list_len", "list_at", "list_flags", "list_has"};
    if (looks.contains(expr.name)) return BuildList(expr, scope);
  }
  const InlineDecl* const callee = InlineNamed(expr);
  if (callee == nullptr) return {};
  Node node;
  // `return expression;` and nothing else: the expression in its place.
  const std::vector<Stmt>& body = callee->body.body;
  const bool alone = body.size() == 1 && body[0].kind == StmtKind::kReturn && body[0].expr.has_value();
  const bool plain = alone && std::all_of(callee->params.begin(), callee->params.end(), [&](const Param& param) {
                       return param.type != "value" ||
                              ConstantOf(expr.args[static_cast<size_t>(&param - callee->params.data())], scope);
                     });
  const std::vector<Stmt>* const single = plain ? &body : nullptr;
  const bool calls_on =
      single != nullptr && (*single)[0].expr->kind == ExprKind::kCall && !(*single)[0].expr->name.starts_with("list_");
  if (single != nullptr && !calls_on && calls_.size() < 40) {
    Scope* const inner = NewScope(&symbols_->globals);
    for (size_t i = 0; i < callee->params.size(); ++i) {
      if (!BindParameter(callee->params[i], expr.args[i], scope, inner)) return {};
    }
    uses_->inlines.insert(callee->name);
    calls_.push_back(callee);
    node = Build(*(*single)[0].expr, inner);
    calls_.pop_back();
    return node;
  }
  node.kind = Node::Kind::kCall;
  node.call = &expr;
  node.scope = scope;
  return node;
}

std::optional<int64_t> Codegen::ConstantOf(const Expr& expr, const Scope* scope) {
  switch (expr.kind) {
    case ExprKind::kNumber: return expr.number;
    case ExprKind::kName: {
      const Binding* const binding = scope->Find(expr.name);
      if (binding == nullptr) return std::nullopt;
      if (binding->kind == Binding::Kind::kConst) return binding->value;
      if (binding->kind == Binding::Kind::kMacro) return ConstantOf(*binding->expr, binding->scope);
      return std::nullopt;
    }
    case ExprKind::kUnary: {
      const auto value = ConstantOf(expr.args[0], scope);
      if (!value) return std::nullopt;
      return expr.op == "!" ? *value == 0 : expr.op == "-" ? -*value : ~*value;
    }
    case ExprKind::kBinary: {
      const auto left = ConstantOf(expr.args[0], scope), right = ConstantOf(expr.args[1], scope);
      int64_t value = 0;
      if (!left || !right || !Calculate(expr.op, *left, *right, &value)) return std::nullopt;
      return value;
    }
    default: return std::nullopt;
  }
}

std::optional<Ref> Codegen::RefOfTask(const Binding& binding, const std::string& name) {
  Ref ref;
  ref.type = symbols_->task_struct;
  ref.name = name;
  if (binding.kind == Binding::Kind::kTask) {
    ref.base = Ref::Base::kTask;
    ref.index = binding.task;
    ref.name = symbols_->task_names[binding.task];
  } else if (binding.kind == Binding::Kind::kCurrent) {
    ref.base = Ref::Base::kCurrent;
    ref.name = "";
  } else if (binding.kind == Binding::Kind::kLocal && binding.slot.type.kind == TypeKind::kTask) {
    ref.base = Ref::Base::kSlot;
    ref.slot = binding.slot;
    ref.name = "";
  } else {
    return std::nullopt;
  }
  return ref;
}

std::optional<Ref> Codegen::RefOf(const Expr& expr, const Scope* scope, bool quiet) {
  if (Failed()) return std::nullopt;
  if (expr.kind == ExprKind::kName) {
    const Binding* const binding = scope->Find(expr.name);
    if (binding == nullptr) {
      if (!quiet) Fail(expr.place, expr.name + " is not declared", "declare it at the top: flag " + expr.name + ";");
      return std::nullopt;
    }
    if (binding->kind == Binding::Kind::kMacro) return RefOf(*binding->expr, binding->scope, quiet);
    if (binding->kind == Binding::Kind::kRef) return binding->ref;
    if (const auto ref = RefOfTask(*binding, expr.name)) return ref;
    if (!quiet) Fail(expr.place, expr.name + " is not a variable that tasks share");
    return std::nullopt;
  }
  if (expr.kind != ExprKind::kField) {
    if (!quiet) Fail(expr.place, TextOf(expr) + " is not a variable");
    return std::nullopt;
  }
  std::optional<Ref> ref = RefOf(expr.args[0], scope, quiet);
  if (!ref) return std::nullopt;
  if (ref->type.kind != TypeKind::kStruct) {
    if (!quiet) {
      Fail(expr.place, TextOf(expr.args[0]) + " has no fields",
           ref->type.kind == TypeKind::kTask ? "copy it to a local first: taskref t = " + TextOf(expr.args[0]) + ";"
                                             : "");
    }
    return std::nullopt;
  }
  const StructLayout& layout = symbols_->layout->structs()[ref->type.structure];
  const Field* const field = layout.Named(expr.name);
  if (field == nullptr) {
    if (!quiet) Fail(expr.place, "a " + layout.name + " has no field " + expr.name);
    return std::nullopt;
  }
  uses_->fields.insert(layout.name + "." + field->name);
  ref->offset += field->offset;
  ref->type = field->type;
  ref->initial = field->initial;
  ref->name += "." + field->name;
  return ref;
}

size_t Codegen::Loads(const Node& node) {
  size_t n = node.kind == Node::Kind::kLoad || node.kind == Node::Kind::kList ? 1 : 0;
  for (const Node& arg : node.args) n += Loads(arg);
  return n;
}
size_t Codegen::Calls(const Node& node) {
  size_t n = node.kind == Node::Kind::kCall ? 1 : 0;
  for (const Node& arg : node.args) n += Calls(arg);
  return n;
}

void Codegen::Hoist(Node* node) {
  if (emitter_->in_step()) {
    if (Calls(*node) > 0) HoistAll(node);
    return;
  }
  if (Calls(*node) == 0 && Loads(*node) <= 1) {
    if (Loads(*node) == 1) Step();
    return;
  }
  HoistAll(node);
}

void Codegen::HoistAll(Node* node) {
  if (Failed()) return;
  if (node->kind == Node::Kind::kBinary && node->logical && (Loads(*node) > 0 || Calls(*node) > 0)) {
    const Slot result = emitter_->Allocate({TypeKind::kValue, 0, 1});
    const Label out = emitter_->NewLabel();
    emitter_->ClearLocal(result);
    Branch(*node, out);
    emitter_->Emit(Op::kConst, 1);
    emitter_->StoreLocal(result);
    emitter_->Bind(out);
    *node = {};
    node->kind = Node::Kind::kLocal;
    node->slot = result;
    node->temporary = true;
    return;
  }
  for (Node& arg : node->args) HoistAll(&arg);
  const bool loads = node->kind == Node::Kind::kLoad || node->kind == Node::Kind::kList;
  if (node->kind != Node::Kind::kCall && (!loads || emitter_->in_step())) return;
  Type type{TypeKind::kValue, 0, 255};
  if (node->kind == Node::Kind::kLoad) type.max = node->ref.type.max;
  if (node->type == TypeKind::kTask) type = {TypeKind::kTask, 0, 255};
  const Slot slot = emitter_->Allocate(type);
  if (node->kind == Node::Kind::kCall) {
    emitter_->ClearLocal(slot);
    Call(*node->call, node->scope, slot);
  } else {
    Step();
    Push(*node);
    for (const Node& arg : node->args) FreeTemporaries(arg, true);
    emitter_->StoreLocal(slot);
  }
  const TypeKind kind = node->type;
  *node = {};
  node->kind = Node::Kind::kLocal;
  node->slot = slot;
  node->type = kind;
  node->temporary = true;
}

void Codegen::FreeTemporaries(const Node& node, bool clear) {
  if (node.temporary) {
    if (clear) emitter_->ClearLocal(node.slot);
    emitter_->Free(node.slot);
  }
  for (const Node& arg : node.args) FreeTemporaries(arg, clear);
}

TypeKind Codegen::Value(const Expr& expr, const Scope* scope) {
  Node node = Build(expr, scope);
  Hoist(&node);
  Push(node);
  FreeTemporaries(node, true);
  return node.type;
}

void Codegen::Branch(const Node& node, Label if_false) {
  if (Failed()) return;
  if (node.kind == Node::Kind::kBinary && node.logical) {
    if (node.is_and) {
      Branch(node.args[0], if_false);
      Branch(node.args[1], if_false);
    } else {
      const Label is_true = emitter_->NewLabel();
      BranchIfTrue(node.args[0], is_true);
      Branch(node.args[1], if_false);
      emitter_->Bind(is_true);
    }
    return;
  }
  if (node.kind == Node::Kind::kUnary && node.op == Op::kNot) return BranchIfTrue(node.args[0], if_false);
  Node value = node;
  Hoist(&value);
  Push(value);
  FreeTemporaries(value, true);
  emitter_->Jump(Op::kJumpIfZero, if_false);
}

void Codegen::BranchIfTrue(const Node& node, Label if_true) {
  if (Failed()) return;
  if (node.kind == Node::Kind::kBinary && node.logical) {
    if (node.is_and) {
      const Label is_false = emitter_->NewLabel();
      Branch(node.args[0], is_false);
      BranchIfTrue(node.args[1], if_true);
      emitter_->Bind(is_false);
    } else {
      BranchIfTrue(node.args[0], if_true);
      BranchIfTrue(node.args[1], if_true);
    }
    return;
  }
  if (node.kind == Node::Kind::kUnary && node.op == Op::kNot) return Branch(node.args[0], if_true);
  Node value = node;
  Hoist(&value);
  Push(value);
  FreeTemporaries(value, true);
  emitter_->Emit(Op::kNot);
  emitter_->Jump(Op::kJumpIfZero, if_true);
}

}  // namespace wakewatch::protocol
