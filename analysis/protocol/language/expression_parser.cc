#include "analysis/protocol/language/expression_parser.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "analysis/protocol/language/parser.h"

namespace wakewatch::protocol {

namespace {

constexpr std::array<std::pair<std::string_view, int>, 18> kPrecedences = {{{"||", 1},
                                                                            {"&&", 2},
                                                                            {"|", 3},
                                                                            {"^", 4},
                                                                            {"&", 5},
                                                                            {"==", 6},
                                                                            {"!=", 6},
                                                                            {"<", 7},
                                                                            {"<=", 7},
                                                                            {">", 7},
                                                                            {">=", 7},
                                                                            {"<<", 8},
                                                                            {">>", 8},
                                                                            {"+", 9},
                                                                            {"-", 9},
                                                                            {"*", 10},
                                                                            {"/", 10},
                                                                            {"%", 10}}};

Expr Begin(ExprKind kind, Place place) {
  Expr expr;
  expr.kind = kind;
  expr.place = place;
  return expr;
}

}  // namespace

int PrecedenceOf(std::string_view op) {
  for (const auto& [known, precedence] : kPrecedences) {
    if (known == op) return precedence;
  }
  return 0;
}

ExpressionParser::Tree ExpressionParser::Node(Expr expr, std::vector<Tree> args) {
  size_t depth = 0;
  for (Tree& arg : args) {
    depth = std::max(depth, arg.depth);
    expr.args.push_back(std::move(arg.expr));
  }
  if (depth >= kNestingMax) {
    cursor_.Refuse(expr.place, "an expression of more than " + std::to_string(kNestingMax) + " levels",
                   "make an inline of a part of it", ErrorCode::kTooLarge);
  }
  return {std::move(expr), depth + 1};
}

ExpressionParser::Tree ExpressionParser::Binary(int precedence_min) {
  Tree left = Unary();
  while (!cursor_.failed() && cursor_.Peek().kind == TokenKind::kSign) {
    const int precedence = PrecedenceOf(cursor_.Peek().text);
    if (precedence == 0 || precedence < precedence_min) break;
    const Token op = cursor_.Take();
    Expr expr = Begin(ExprKind::kBinary, left.expr.place);
    expr.op = op.text;
    std::vector<Tree> args;
    args.push_back(std::move(left));
    args.push_back(Binary(precedence + 1));
    left = Node(std::move(expr), std::move(args));
  }
  return left;
}

ExpressionParser::Tree ExpressionParser::Unary() {
  const TokenCursor::Level level(&cursor_);
  // Objects are passed by reference here: &wq is wq.
  if (cursor_.At("&") && cursor_.AtName(1)) cursor_.Take();
  const bool unary = cursor_.At("!") || cursor_.At("-") || cursor_.At("~");
  if (!unary) return PostfixTree();
  const Token op = cursor_.Take();
  Expr expr = Begin(ExprKind::kUnary, op.place);
  expr.op = op.text;
  std::vector<Tree> args;
  args.push_back(Unary());
  return Node(std::move(expr), std::move(args));
}

ExpressionParser::Tree ExpressionParser::PostfixTree() {
  Tree tree = Primary();
  while (!cursor_.failed() && (cursor_.At(".") || cursor_.At("->") || cursor_.At("["))) {
    if (cursor_.At("[")) {
      cursor_.RefuseNext("an operator or the end of the expression",
                         "there are no arrays, and tasks that are alike are not told apart: a task that is meant has a "
                         "declaration of its own");
      break;
    }
    cursor_.Take();
    Expr expr = Begin(ExprKind::kField, tree.expr.place);
    expr.name = cursor_.ExpectName("a field's name behind '.'");
    std::vector<Tree> args;
    args.push_back(std::move(tree));
    tree = Node(std::move(expr), std::move(args));
  }
  return tree;
}

ExpressionParser::Tree ExpressionParser::Primary() {
  const Token token = cursor_.Peek();
  if (token.kind == TokenKind::kNumber) {
    Expr expr = Begin(ExprKind::kNumber, token.place);
    expr.number = cursor_.Take().number;
    return {std::move(expr)};
  }
  if (cursor_.TakeIf("(")) {
    Tree tree = Binary(1);
    cursor_.Expect(")", "behind the expression in parentheses",
                   cursor_.At("=") ? "compare with '=='; an assignment is a statement of its own" : "");
    return tree;
  }
  if (cursor_.AtName()) {
    Expr expr = Begin(cursor_.At("(", 1) ? ExprKind::kCall : ExprKind::kName, token.place);
    expr.name = cursor_.ExpectName("an expression");
    return expr.kind == ExprKind::kCall ? Arguments(std::move(expr)) : Tree{std::move(expr)};
  }
  std::string remedy;
  if (cursor_.At("*") && cursor_.AtName(1)) remedy = "there are no pointers: write the name without '*'";
  if (cursor_.At("++") || cursor_.At("--")) remedy = "an assignment is a statement of its own: x++; or x--;";
  cursor_.RefuseNext("an expression", std::move(remedy));
  return {Begin(ExprKind::kNumber, token.place)};
}

ExpressionParser::Tree ExpressionParser::Arguments(Expr call) {
  cursor_.Take();  // the parenthesis that made it a call
  std::vector<Tree> args;
  if (cursor_.TakeIf(")")) return Node(std::move(call), std::move(args));
  do {
    args.push_back(Binary(1));
  } while (cursor_.TakeIf(","));
  const std::string where = "or ',' behind an argument of " + call.name + "()";
  cursor_.Expect(")", where, cursor_.At("=") ? "compare with '=='; an assignment is a statement of its own" : "");
  return Node(std::move(call), std::move(args));
}

Expr ExpressionParser::Condition(std::string_view of) {
  const std::string name(of);
  cursor_.Expect("(", "behind " + name, "write " + name + " (condition)");
  Expr expr = Parse();
  cursor_.Expect(")", "behind the condition of " + name,
                 cursor_.At("=") ? "compare with '=='; an assignment is a statement of its own" : "");
  return expr;
}

}  // namespace wakewatch::protocol
