// Statements: control flow, and where steps begin.
#include <algorithm>
#include <utility>

#include "analysis/protocol/compiler/codegen.h"
#include "analysis/protocol/compiler/compiler.h"
#include "analysis/protocol/language/parser.h"

namespace wakewatch::protocol {

Emitter::TaskCode Codegen::Generate(const TaskDecl& decl, const Scope& scope) {
  decl_ = &decl;
  assigned_.clear();
  sleeps_.clear();
  gotos_.clear();
  open_.clear();
  uses_->companions.clear();
  guards_.assign(1, {});
  reasons_.assign(1, {});
  functions_.assign(1, decl.name);
  place_ = decl.place;
  statement_ = decl.name;
  prelude_depth_ = 0;
  NoteAssignments(decl.body);
  Scope* const own = NewScope(&scope);
  Point start;
  start.place = decl.place;
  start.statement = emitter_->String(decl.name + " begins");
  start.function = emitter_->String(decl.name);
  emitter_->BeginTask(start);
  Enter(Open::Kind::kCall).on_return = emitter_->NewLabel();
  if (decl.dormant) {
    // It is not there before kthread_create(), and sleeps then until it is woken.
    statement_ = "kthread " + decl.name;
    const Expr current{ExprKind::kName, decl.place, 0, "current", "", {}};
    const Expr on_rq{ExprKind::kField, decl.place, 0, "on_rq", "", {current}};
    const SleepReason reason{SleepReason::Kind::kCondition,
                             Keep({ExprKind::kCall, decl.place, 0, "was_created", "", {}}), own};
    const uint32_t point = Step(PointKind::kSleep);
    sleeps_.emplace_back(point, reason);
    emitter_->EnterStep(false);
    Value(on_rq, own);
    emitter_->LeaveStep(false);
    emitter_->Emit(Op::kAwait);
  }
  Statement(decl.body, own);
  if (Failed()) return {};
  emitter_->Bind(*open_.back().on_return);
  Close();
  place_ = decl.place;
  statement_ = decl.name + " ends";
  if (decl.kind == "kthread" && symbols_->globals.Find("stops")->value != 0) {
    Stmt exit;
    exit.kind = StmtKind::kExpr;
    exit.place = decl.place;
    exit.expr = Expr{ExprKind::kCall, decl.place, 0, "kthread_exit", "", {}};
    ++prelude_depth_;
    Enter(Open::Kind::kBlock);
    CallStatement(exit, own);
    Close();
    --prelude_depth_;
  }
  for (const auto& [label, name, place] : gotos_) {
    if (!emitter_->IsBound(label)) Fail(place, "there is no label " + name);
  }
  if (Failed()) return {};
  Step(PointKind::kEnd);
  emitter_->Emit(Op::kEnd);
  return emitter_->EndTask();
}

void Codegen::GenerateConditions() {
  for (const auto& [point, reason] : sleeps_) {
    if (Failed()) return;
    if (reason.kind != SleepReason::Kind::kCondition) continue;
    program_->points[point].condition = static_cast<int32_t>(program_->code.size());
    program_->points[point].condition_text =
        reason.expr->name == "was_created" ? 0 : emitter_->String(TextOf(AsCalled(*reason.expr, reason.scope)));
    emitter_->EnterStep(false);
    Node node = Build(*reason.expr, reason.scope);
    if (!Failed() && Calls(node) > 0) {
      Fail(reason.expr->place, "what is slept for may not call a function that does more than give a value");
      return;
    }
    Push(node);
    emitter_->LeaveStep(false);
    emitter_->Emit(Op::kResult);
  }
}

uint32_t Codegen::Step(PointKind kind) {
  Point point;
  point.kind = kind;
  point.rest = rest_ > 0;
  point.place = place_;
  point.statement = emitter_->String(statement_);
  point.function = emitter_->String(functions_.back());
  stored_in_step_ = false;
  return emitter_->EmitPoint(point);
}

void Codegen::Fail(Place place, std::string cause, std::string remedy) {
  if (error_) return;
  // Of a text that is ours the user sees where it was used.
  error_ =
      ErrorAt(symbols_->file, InPrelude() || place.line == 0 ? place_ : place, std::move(cause), std::move(remedy));
}

Scope* Codegen::NewScope(const Scope* outer) {
  scopes_.push_back({outer});
  return &scopes_.back();
}

Codegen::Open& Codegen::Enter(Open::Kind kind) {
  Open open;
  open.kind = kind;
  open.atomic_depth = emitter_->atomic_depth();
  open_.push_back(std::move(open));
  return open_.back();
}

void Codegen::Close() {
  for (const Slot& slot : open_.back().slots) {
    emitter_->ClearLocal(slot);
    emitter_->Free(slot);
  }
  open_.pop_back();
}

// Code for leaving everything from the innermost out to and with `depth`; the text goes on where it is.
void Codegen::UnwindTo(size_t depth) {
  for (size_t i = open_.size(); i-- > depth;) {
    for (const Slot& slot : open_[i].slots) emitter_->ClearLocal(slot);
  }
  if (emitter_->atomic_depth() > 0 && open_[depth].atomic_depth == 0) emitter_->Emit(Op::kAtomicEnd);
}

bool Codegen::Spend() {
  constexpr uint64_t kWorkMax = 200'000;
  if (++work_ <= kWorkMax && program_->code.size() <= kCodeMax) return true;
  Fail(place_, "this protocol grows too large when its functions are put in where they are called",
       "leave out what does not matter to the question");
  if (error_) error_->code = ErrorCode::kTooLarge;
  return false;
}

void Codegen::Statement(const Stmt& stmt, Scope* scope) {
  if (Failed() || !Spend()) return;
  if (!InPrelude() && stmt.kind != StmtKind::kBlock) {
    place_ = stmt.place;
    statement_ = TextOf(stmt);
  }
  rest_ += stmt.rest ? 1 : 0;
  const bool calls =
      (stmt.kind == StmtKind::kExpr || stmt.kind == StmtKind::kAssign || stmt.kind == StmtKind::kLocal) &&
      (!InPrelude() || stmt.until);
  if (calls) reasons_.push_back(ReasonFor(stmt, scope));
  Plain(stmt, scope);
  if (calls) reasons_.pop_back();
  rest_ -= stmt.rest ? 1 : 0;
}

void Codegen::Plain(const Stmt& stmt, Scope* scope) {
  switch (stmt.kind) {
    case StmtKind::kBlock: return Block(stmt, *scope);
    case StmtKind::kExpr: {
      Enter(Open::Kind::kBlock);
      CallStatement(stmt, scope);
      if (!Failed()) Close();
      return;
    }
    case StmtKind::kAssign: return Assign(stmt, scope);
    case StmtKind::kLocal: return Local(stmt, scope);
    case StmtKind::kIf: return If(stmt, scope);
    case StmtKind::kWhile:
    case StmtKind::kDo: return Loop(stmt, scope);
    case StmtKind::kRepeat: return Repeat(stmt, scope);
    case StmtKind::kChoose: return Choose(stmt, scope);
    case StmtKind::kBreak:
    case StmtKind::kContinue:
    case StmtKind::kReturn: return Leave(stmt, scope);
    case StmtKind::kGoto: return Goto(stmt);
    case StmtKind::kLabel: {
      for (size_t i = open_.size(); i-- > 0;) {
        if (open_[i].kind != Open::Kind::kCall) continue;
        const auto [at, made] = open_[i].labels.try_emplace(stmt.name, emitter_->NewLabel());
        emitter_->Bind(at->second);
        break;
      }
      // Whoever jumps here begins a step, so that a loop made of jumps is one of steps.
      if (!emitter_->in_step()) Step();
      return;
    }
    case StmtKind::kAtomic: return Atomic(stmt, scope);
    case StmtKind::kGuarded: return Guarded(stmt, scope);
    case StmtKind::kRelease: return Assign(stmt, scope);
    case StmtKind::kAwait: return Await(stmt, scope);
    case StmtKind::kSleep: return Sleep(stmt, scope);
    case StmtKind::kAssert: return Assert(stmt, scope);
    case StmtKind::kTrace: return TraceEvent(stmt, scope);
    case StmtKind::kNote: return emitter_->Emit(Op::kNote, static_cast<int32_t>(emitter_->String(stmt.text)));
    case StmtKind::kCompanion:
      if (!symbols_->companions.contains(stmt.name)) Fail(stmt.place, "there is no companion " + stmt.name);
      uses_->companions.insert(stmt.name);
      return;
  }
}

void Codegen::Block(const Stmt& stmt, const Scope& scope) {
  Scope* const inner = NewScope(&scope);
  Enter(Open::Kind::kBlock);
  const size_t guards = guards_.back().held.size();
  for (const Stmt& part : stmt.body) {
    Statement(part, inner);
    if (Failed()) return;
    // Behind `if (c) break;` c does not hold.
    if (part.kind == StmtKind::kIf && part.body.size() == 1 && JumpsAway(part.body[0]) && !InPrelude()) {
      guards_.back().held.push_back(Negated(*part.expr));
    }
  }
  guards_.back().held.resize(guards);
  Close();
}

void Codegen::If(const Stmt& stmt, Scope* scope) {
  const Node node = Build(*stmt.expr, scope);
  if (Failed()) return;
  const bool known = node.kind == Node::Kind::kConst;
  const size_t guards = guards_.back().held.size();
  const Label otherwise = emitter_->NewLabel(), out = emitter_->NewLabel();
  if (!known) Branch(node, otherwise);
  if (!known || node.value != 0) {
    if (!InPrelude()) guards_.back().held.push_back(*stmt.expr);
    Statement(stmt.body[0], scope);
    guards_.back().held.resize(guards);
  }
  if (Failed()) return;
  const bool both = stmt.body.size() > 1;
  if (!known && both) emitter_->Jump(Op::kJump, out);
  emitter_->Bind(otherwise);
  if (both && (!known || node.value == 0)) {
    if (!InPrelude()) guards_.back().held.push_back(Negated(*stmt.expr));
    Statement(stmt.body[1], scope);
    guards_.back().held.resize(guards);
  }
  emitter_->Bind(out);
}

void Codegen::Loop(const Stmt& stmt, Scope* scope) {
  Open& open = Enter(Open::Kind::kLoop);
  const Label head = emitter_->NewLabel(), again = emitter_->NewLabel(), out = emitter_->NewLabel();
  open.on_break = out;
  open.on_continue = again;
  if (!InPrelude()) guards_.push_back({{*stmt.expr}});
  emitter_->Bind(head);
  if (stmt.kind == StmtKind::kWhile) {
    emitter_->Bind(again);
    const Node condition = Build(*stmt.expr, scope);
    const bool endless = condition.kind == Node::Kind::kConst && condition.value != 0;
    if (!endless) Branch(condition, out);
  }
  const Place place = place_;
  const std::string statement = statement_;
  Statement(stmt.body[0], scope);
  if (Failed()) return;
  if (!InPrelude()) {
    place_ = place;
    statement_ = statement;
  }
  if (stmt.kind == StmtKind::kDo) {
    emitter_->Bind(again);
    BranchIfTrue(Build(*stmt.expr, scope), head);
  } else {
    emitter_->Jump(Op::kJump, head);
  }
  emitter_->Bind(out);
  if (!InPrelude()) guards_.pop_back();
  if (!Failed()) Close();
}

void Codegen::Repeat(const Stmt& stmt, Scope* scope) {
  if (stmt.number < 1 || stmt.number > 200) {
    Fail(stmt.place, "repeat takes a number from 1 to 200");
    return;
  }
  Enter(Open::Kind::kBlock);
  const Slot left = emitter_->Allocate({TypeKind::kValue, 0, static_cast<uint8_t>(stmt.number)});
  open_.back().slots.push_back(left);
  emitter_->Emit(Op::kConst, static_cast<int32_t>(stmt.number));
  emitter_->StoreLocal(left);
  const Label head = emitter_->NewLabel(), again = emitter_->NewLabel(), out = emitter_->NewLabel();
  Open& open = Enter(Open::Kind::kLoop);
  open.on_break = out;
  open.on_continue = again;
  if (!InPrelude()) guards_.push_back({});
  emitter_->Bind(head);
  Statement(stmt.body[0], scope);
  if (Failed()) return;
  emitter_->Bind(again);
  emitter_->LoadLocal(left);
  emitter_->Emit(Op::kConst, 1);
  emitter_->Emit(Op::kSub);
  emitter_->StoreLocal(left);
  emitter_->LoadLocal(left);
  emitter_->Jump(Op::kJumpIfZero, out);
  emitter_->Jump(Op::kJump, head);
  emitter_->Bind(out);
  if (!InPrelude()) guards_.pop_back();
  Close();
  Close();
}

void Codegen::Choose(const Stmt& stmt, Scope* scope) {
  if (emitter_->in_step()) {
    Fail(stmt.place, "choose is a step of its own, and cannot stand in an atomic block");
    return;
  }
  Step();
  Enter(Open::Kind::kBlock);
  const Slot chosen = emitter_->Allocate({TypeKind::kValue, 0, 255});
  emitter_->Emit(Op::kChoose, static_cast<int32_t>(stmt.body.size()));
  emitter_->StoreLocal(chosen);
  const Label out = emitter_->NewLabel();
  for (size_t i = 0; i < stmt.body.size(); ++i) {
    const Label next = emitter_->NewLabel();
    emitter_->LoadLocal(chosen);
    emitter_->Emit(Op::kConst, static_cast<int32_t>(i));
    emitter_->Emit(Op::kEq);
    emitter_->Jump(Op::kJumpIfZero, next);
    emitter_->ClearLocal(chosen);
    Statement(stmt.body[i], scope);
    if (Failed()) return;
    emitter_->Jump(Op::kJump, out);
    emitter_->Bind(next);
  }
  emitter_->Bind(out);
  emitter_->Free(chosen);
  Close();
}

void Codegen::Local(const Stmt& stmt, Scope* scope) {
  Type type;
  if (!symbols_->layout->TypeNamed(stmt.type, &type) ||
      (type.kind != TypeKind::kValue && type.kind != TypeKind::kTask)) {
    Fail(stmt.place, "a local is a bit, a byte or a taskref");
    return;
  }
  const Slot slot = emitter_->Allocate(type);
  if (stmt.expr) {
    Value(*stmt.expr, scope);
    if (type.max == 1) {
      emitter_->Emit(Op::kNot);
      emitter_->Emit(Op::kNot);
    }
    emitter_->StoreLocal(slot);
  } else {
    emitter_->ClearLocal(slot);
  }
  open_.back().slots.push_back(slot);
  Binding binding;
  binding.kind = Binding::Kind::kLocal;
  binding.slot = slot;
  scope->names[stmt.name] = binding;
}

void Codegen::Assign(const Stmt& stmt, Scope* scope) {
  const Expr* target = &*stmt.target;
  const Scope* where = scope;
  const Binding* binding = nullptr;
  while (target->kind == ExprKind::kName && (binding = where->Find(target->name)) != nullptr &&
         binding->kind == Binding::Kind::kMacro) {
    target = binding->expr;
    where = binding->scope;
  }
  // x += y is x = x + y: a load and a store.
  Expr value = *stmt.expr;
  const bool compound = stmt.op.size() == 2;
  if (target->kind == ExprKind::kName && binding != nullptr && binding->kind == Binding::Kind::kLocal) {
    if (compound) value = {ExprKind::kBinary, stmt.place, 0, "", stmt.op.substr(0, 1), {*stmt.target, *stmt.expr}};
    Value(*Keep(std::move(value)), scope);
    if (binding->slot.type.max == 1) {
      emitter_->Emit(Op::kNot);
      emitter_->Emit(Op::kNot);
    }
    emitter_->StoreLocal(binding->slot);
    return;
  }
  const std::optional<Ref> ref = RefOf(*target, where, false);
  if (!ref) return;
  if (ref->type.kind != TypeKind::kValue && ref->type.kind != TypeKind::kTask) {
    Fail(stmt.place, TextOf(*target) + " cannot be assigned to");
    return;
  }
  if (compound) value = {ExprKind::kBinary, stmt.place, 0, "", stmt.op.substr(0, 1), {*stmt.target, *stmt.expr}};
  Node node = Build(*Keep(std::move(value)), scope);
  if (!emitter_->in_step()) {
    if (Loads(node) > 0 || Calls(node) > 0) HoistAll(&node);
    Step();
  } else {
    Hoist(&node);
  }
  Push(node);
  StoreTo(*ref, stmt.kind == StmtKind::kRelease);
  FreeTemporaries(node, true);
}

void Codegen::Leave(const Stmt& stmt, Scope* scope) {
  const bool returns = stmt.kind == StmtKind::kReturn;
  for (size_t i = open_.size(); i-- > 0;) {
    const Open open = open_[i];
    if (open.kind != (returns ? Open::Kind::kCall : Open::Kind::kLoop)) {
      if (open.kind == Open::Kind::kCall) break;
      continue;
    }
    if (returns && stmt.expr && open.result) {
      const Slot result = *open.result;
      Value(*stmt.expr, scope);
      emitter_->StoreLocal(result);
    }
    if (returns && stmt.expr && !open.result) {
      // Nobody asks for the value: what it does is done all the same.
      Node node = Build(*stmt.expr, scope);
      if (Calls(node) > 0) HoistAll(&node);
      FreeTemporaries(node, true);
    }
    if (returns && !stmt.expr && open.result) {
      Fail(stmt.place, functions_.back() + " is asked for a value and returns none");
      return;
    }
    // What belongs to the loop or call itself is cleared where it ends.
    UnwindTo(i + 1 < open_.size() ? i + 1 : i);
    emitter_->Jump(Op::kJump, stmt.kind == StmtKind::kBreak      ? *open.on_break
                              : stmt.kind == StmtKind::kContinue ? *open.on_continue
                                                                 : *open.on_return);
    return;
  }
  Fail(stmt.place, TextOf(stmt) + " stands in no loop");
}

void Codegen::Goto(const Stmt& stmt) {
  if (emitter_->in_step()) {
    Fail(stmt.place, "goto cannot leave an atomic block");
    return;
  }
  for (size_t i = open_.size(); i-- > 0;) {
    if (open_[i].kind != Open::Kind::kCall) continue;
    const auto [at, made] = open_[i].labels.try_emplace(stmt.name, emitter_->NewLabel());
    emitter_->Jump(Op::kJump, at->second);
    gotos_.push_back({at->second, stmt.name, stmt.place});
    return;
  }
}

}  // namespace wakewatch::protocol
