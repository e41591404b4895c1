#include <string>
#include <string_view>

#include "analysis/protocol/language/expression_parser.h"
#include "analysis/protocol/language/parser.h"

namespace wakewatch::protocol {

namespace {

constexpr int kUnaryPrecedence = 11, kPostfixPrecedence = 12;

int BindingOf(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kNumber:
    case ExprKind::kName:
    case ExprKind::kField:
    case ExprKind::kCall: return kPostfixPrecedence;
    case ExprKind::kUnary: return kUnaryPrecedence;
    case ExprKind::kBinary: break;
  }
  return PrecedenceOf(expr.op);
}

std::string Inside(const Expr& expr, int precedence_min) {
  return BindingOf(expr) < precedence_min ? "(" + TextOf(expr) + ")" : TextOf(expr);
}

std::string CallText(const Expr& call) {
  std::string text = call.name + "(";
  for (size_t i = 0; i < call.args.size(); ++i) text += (i == 0 ? "" : ", ") + TextOf(call.args[i]);
  return text + ")";
}

std::string Quoted(std::string_view value) {
  std::string text = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text + "\"";
}

std::string UntilText(const Stmt& stmt) { return stmt.until ? " until (" + TextOf(*stmt.until) + ")" : ""; }

std::string AssignmentText(const Stmt& stmt) {
  const bool step = stmt.expr->kind == ExprKind::kNumber && stmt.expr->number == 1;
  if (step && stmt.op == "+=") return TextOf(*stmt.target) + "++";
  if (step && stmt.op == "-=") return TextOf(*stmt.target) + "--";
  return TextOf(*stmt.target) + " " + stmt.op + " " + TextOf(*stmt.expr) + UntilText(stmt);
}

// atomic { x = 1; y = 2; } where that is short: these are one step, and "atomic" alone would not say which.
std::string OneStepText(std::string_view word, const Stmt& stmt) {
  constexpr size_t kTextMax = 100;
  std::string text(word);
  const Stmt& body = stmt.body.front();
  if (body.kind != StmtKind::kBlock) return text + " " + TextOf(body);
  std::string inside;
  for (const Stmt& part : body.body) {
    if (part.kind == StmtKind::kNote || part.kind == StmtKind::kTrace) continue;
    if (!part.body.empty() || inside.size() > kTextMax) return text + " { ... }";
    inside += TextOf(part) + "; ";
  }
  return inside.size() > kTextMax ? text + " { ... }" : text + " { " + inside + "}";
}

}  // namespace

std::string TextOf(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kNumber: return std::to_string(expr.number);
    case ExprKind::kName: return expr.name;
    case ExprKind::kField: return Inside(expr.args[0], kPostfixPrecedence) + "." + expr.name;
    case ExprKind::kCall: return CallText(expr);
    case ExprKind::kUnary: {
      const Expr& arg = expr.args[0];
      const bool twice = expr.op == "-" && arg.kind == ExprKind::kUnary && arg.op == "-";  // -- is another operator
      return expr.op + (twice ? "(" + TextOf(arg) + ")" : Inside(arg, kUnaryPrecedence));
    }
    case ExprKind::kBinary: break;
  }
  const int precedence = BindingOf(expr);
  return Inside(expr.args[0], precedence) + " " + expr.op + " " + Inside(expr.args[1], precedence + 1);
}

std::string TextOf(const Stmt& stmt) {
  const auto condition = [&] { return "(" + TextOf(*stmt.expr) + ")"; };
  switch (stmt.kind) {
    case StmtKind::kBlock: return "{ ... }";
    case StmtKind::kExpr: return TextOf(*stmt.expr) + UntilText(stmt);
    case StmtKind::kAssign: return AssignmentText(stmt);
    case StmtKind::kLocal:
      return (stmt.type == "task" ? "taskref" : stmt.type) + " " + stmt.name +
             (stmt.expr ? " = " + TextOf(*stmt.expr) : "") + UntilText(stmt);
    case StmtKind::kIf: return "if " + condition();
    case StmtKind::kWhile: return "while " + condition();
    case StmtKind::kDo: return "do ... while " + condition();
    case StmtKind::kRepeat: return "repeat (" + std::to_string(stmt.number) + ")";
    case StmtKind::kChoose: return "choose";
    case StmtKind::kBreak: return "break";
    case StmtKind::kContinue: return "continue";
    case StmtKind::kReturn: return stmt.expr ? "return " + TextOf(*stmt.expr) : "return";
    case StmtKind::kGoto: return "goto " + stmt.name;
    case StmtKind::kLabel: return stmt.name + ":";
    case StmtKind::kAtomic: return OneStepText("atomic", stmt);
    case StmtKind::kGuarded: return OneStepText("guarded", stmt);
    case StmtKind::kRelease: return "release " + TextOf(*stmt.target) + " = " + TextOf(*stmt.expr);
    case StmtKind::kAwait: return "await " + condition();
    case StmtKind::kSleep: return "sleep " + condition();
    case StmtKind::kAssert: return "assert " + condition();
    case StmtKind::kTrace: return "trace E" + std::to_string(stmt.number) + " " + CallText(*stmt.expr);
    case StmtKind::kNote: return "note " + Quoted(stmt.text);
    case StmtKind::kCompanion: return "with " + stmt.name;
  }
  return {};
}

}  // namespace wakewatch::protocol
