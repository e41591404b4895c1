// Statements that decide what is one step: atomic blocks, waits, assertions.
#include "analysis/protocol/compiler/codegen.h"
#include "analysis/protocol/language/parser.h"

namespace wakewatch::protocol {

void Codegen::Atomic(const Stmt& stmt, Scope* scope) {
  if (!emitter_->in_step()) {
    const Stmt* first = &stmt.body[0];
    while (first->kind == StmtKind::kBlock && !first->body.empty()) first = &first->body[0];
    Step(first->kind == StmtKind::kAwait ? PointKind::kSpin : PointKind::kStep);
  }
  emitter_->EnterStep(true);
  Statement(stmt.body[0], scope);
  emitter_->LeaveStep(true);
}

void Codegen::Guarded(const Stmt& stmt, Scope* scope) {
  emitter_->EnterStep(false);
  Statement(stmt.body[0], scope);
  emitter_->LeaveStep(false);
}

void Codegen::Await(const Stmt& stmt, Scope* scope) {
  if (emitter_->in_step() && stored_in_step_) {
    Fail(stmt.place,
         "await can only stand at the start of an atomic block: later it would have to take back what was done");
    return;
  }
  if (!emitter_->in_step()) Step(PointKind::kSpin);
  emitter_->EnterStep(false);
  Value(*stmt.expr, scope);
  emitter_->LeaveStep(false);
  emitter_->Emit(Op::kAwait);
}

void Codegen::Sleep(const Stmt& stmt, Scope* scope) {
  const bool handler = decl_->kind == "interrupt" || decl_->kind == "timer";
  if (emitter_->in_step() || handler) {
    Fail(stmt.place, handler
                         ? (decl_->kind == "timer" ? "a timer's function cannot sleep" : "an interrupt cannot sleep")
                         : "an atomic block cannot sleep");
    return;
  }
  const SleepReason& reason = reasons_.back();
  if (reason.kind == SleepReason::Kind::kNotKnown && rest_ == 0) {
    Fail(place_, "it cannot be told from the text what " + decl_->name + " sleeps for",
         "say it: schedule() until (condition);");
    return;
  }
  const uint32_t point = Step(PointKind::kSleep);
  sleeps_.emplace_back(point, reason);
  emitter_->EnterStep(false);
  Value(*stmt.expr, scope);
  emitter_->LeaveStep(false);
  emitter_->Emit(Op::kAwait);
}

void Codegen::Assert(const Stmt& stmt, Scope* scope) {
  Node node = Build(*stmt.expr, scope);
  if (Failed()) return;
  if (!emitter_->in_step()) Step();
  emitter_->EnterStep(false);
  Hoist(&node);
  Push(node);
  FreeTemporaries(node, true);
  emitter_->LeaveStep(false);
  emitter_->Emit(Op::kAssert, static_cast<int32_t>(program_->points.size() - 1));
}

}  // namespace wakewatch::protocol
