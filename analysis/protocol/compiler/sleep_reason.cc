// What a sleep waits for. Whoever sleeps in schedule() has looked at something first: the conditions under which the
// text reaches the call, since the innermost loop began. Were one of them otherwise, it would not sleep; so that one of
// them turns is what it sleeps for. What cannot be told from the text has to be said: schedule() until (condition).
#include <algorithm>

#include "analysis/protocol/compiler/codegen.h"
#include "analysis/protocol/language/parser.h"

namespace wakewatch::protocol {

namespace {

// Functions that sleep for what their caller looked at.
bool IsBareSleep(const std::string& name) {
  static const std::set<std::string> bare = {"schedule", "io_schedule", "schedule_timeout",
                                             "schedule_timeout_interruptible", "schedule_timeout_uninterruptible"};
  return bare.contains(name);
}

// Each of the alternatives of `expr` once.
void AddAlternatives(const Expr& expr, std::vector<Expr>* alternatives) {
  if (expr.kind == ExprKind::kBinary && expr.op == "||") {
    for (const Expr& part : expr.args) AddAlternatives(part, alternatives);
    return;
  }
  const auto same = [&](const Expr& other) { return TextOf(other) == TextOf(expr); };
  if (std::none_of(alternatives->begin(), alternatives->end(), same)) alternatives->push_back(expr);
}

}  // namespace

const Expr* Codegen::Keep(Expr expr) {
  kept_.push_back(std::move(expr));
  return &kept_.back();
}

Expr Codegen::Negated(const Expr& expr) {
  if (expr.kind == ExprKind::kUnary && expr.op == "!") return expr.args[0];
  static const std::map<std::string, std::string> opposites = {{"==", "!="}, {"!=", "=="}, {"<", ">="},
                                                               {">=", "<"},  {">", "<="},  {"<=", ">"}};
  if (expr.kind == ExprKind::kBinary) {
    const auto found = opposites.find(expr.op);
    if (found != opposites.end()) {
      Expr other = expr;
      other.op = found->second;
      return other;
    }
    if (expr.op == "&&" || expr.op == "||") {
      return {ExprKind::kBinary,
              expr.place,
              0,
              "",
              expr.op == "&&" ? "||" : "&&",
              {Negated(expr.args[0]), Negated(expr.args[1])}};
    }
  }
  return {ExprKind::kUnary, expr.place, 0, "", "!", {expr}};
}

bool Codegen::JumpsAway(const Stmt& stmt) {
  if (stmt.kind == StmtKind::kBlock) return !stmt.body.empty() && JumpsAway(stmt.body.back());
  return stmt.kind == StmtKind::kBreak || stmt.kind == StmtKind::kContinue || stmt.kind == StmtKind::kReturn ||
         stmt.kind == StmtKind::kGoto;
}

void Codegen::NoteAssignments(const Stmt& stmt) {
  if (stmt.kind == StmtKind::kLocal) {
    auto& values = assigned_[stmt.name];
    if (stmt.expr) values.push_back(&*stmt.expr);
  }
  if (stmt.kind == StmtKind::kAssign && stmt.target->kind == ExprKind::kName) {
    const auto found = assigned_.find(stmt.target->name);
    // A second one, or one that is no plain assignment, makes its value unknown: twice the same is as good as that.
    if (found != assigned_.end()) {
      found->second.push_back(&*stmt.expr);
      if (stmt.op != "=") found->second.push_back(&*stmt.expr);
    }
  }
  for (const Stmt& part : stmt.body) NoteAssignments(part);
}

Expr Codegen::AsCalled(const Expr& expr, const Scope* scope) {
  if (expr.kind == ExprKind::kName) {
    const Binding* const binding = scope->Find(expr.name);
    if (binding == nullptr) return expr;
    if (binding->kind == Binding::Kind::kMacro) return AsCalled(*binding->expr, binding->scope);
    const bool renamed = binding->kind == Binding::Kind::kRef && binding->ref.base == Ref::Base::kGlobal;
    return renamed ? Expr{ExprKind::kName, expr.place, 0, binding->ref.name, "", {}} : expr;
  }
  Expr called = expr;
  for (Expr& arg : called.args) arg = AsCalled(Expr(arg), scope);
  return called;
}

bool Codegen::Understood(const Expr& expr, Expr* resolved) const {
  if (expr.kind == ExprKind::kName) {
    const auto found = assigned_.find(expr.name);
    if (found == assigned_.end()) return true;
    if (found->second.size() != 1) return false;
    const Expr value = *found->second[0];
    *resolved = value;
    return Understood(value, resolved);
  }
  if (expr.kind == ExprKind::kCall) {
    // Of a read that also changes: what it reads.
    if ((expr.name == "test_and_clear_bit" || expr.name == "xchg") && !expr.args.empty()) {
      const Expr read = expr.args[0];
      *resolved = read;
      return Understood(read, resolved);
    }
    if (expr.name == "try_wait_for_completion") {
      resolved->name = "completion_done";
      return true;
    }
    if (!expr.name.starts_with("list_")) {
      const auto found = symbols_->inlines.find(expr.name);
      if (found == symbols_->inlines.end()) return false;
      const std::vector<Stmt>& body = found->second->body.body;
      if (body.size() != 1 || body[0].kind != StmtKind::kReturn) return false;
    }
  }
  for (size_t i = 0; i < expr.args.size(); ++i) {
    const Expr arg = expr.args[i];
    if (!Understood(arg, &resolved->args[i])) return false;
  }
  return true;
}

Codegen::SleepReason Codegen::ReasonFor(const Stmt& stmt, const Scope* scope) {
  if (stmt.until) return {SleepReason::Kind::kCondition, &*stmt.until, scope};
  if (!stmt.expr || stmt.expr->kind != ExprKind::kCall || !IsBareSleep(stmt.expr->name)) return {};
  if (decl_->until) return {SleepReason::Kind::kCondition, &*decl_->until, scope};
  return Guess(stmt, scope);
}

Codegen::SleepReason Codegen::Guess(const Stmt& stmt, const Scope* scope) {
  std::vector<Expr> turned;
  for (const Expr& guard : guards_.back().held) {
    if (ConstantOf(guard, scope)) continue;
    Expr resolved = guard;
    if (!Understood(guard, &resolved)) return {SleepReason::Kind::kNotKnown, nullptr, nullptr};
    AddAlternatives(Negated(resolved), &turned);
  }
  std::optional<Expr> reason;
  for (Expr& alternative : turned) {
    reason = reason ? Expr{ExprKind::kBinary, stmt.place, 0, "", "||", {std::move(*reason), std::move(alternative)}}
                    : std::move(alternative);
  }
  if (!reason) return {};
  return {SleepReason::Kind::kCondition, Keep(std::move(*reason)), scope};
}

}  // namespace wakewatch::protocol
