// Why: expressions with C's operators and precedence, into trees no deeper than kNestingMax, so that everybody who
// walks over one later may do so by recursion.
#pragma once

#include <string_view>
#include <vector>

#include "analysis/protocol/language/ast.h"
#include "analysis/protocol/language/token_cursor.h"

namespace wakewatch::protocol {

// 1 (||) ... 10 (* / %): the higher binds the tighter; 0: not a binary operator.
int PrecedenceOf(std::string_view op);

class ExpressionParser {
 public:
  explicit ExpressionParser(TokenCursor* cursor) : cursor_(*cursor) {}

  Expr Parse() { return Binary(1).expr; }
  // A name, a field or a call: what a statement begins with where no keyword does.
  Expr Postfix() { return PostfixTree().expr; }
  // (e): of if, while and their like. An assignment in it is most likely meant to be a comparison.
  Expr Condition(std::string_view of);

 private:
  struct Tree {
    Expr expr;
    size_t depth = 1;
  };
  Tree Binary(int precedence_min);
  Tree Unary();
  Tree PostfixTree();
  Tree Primary();
  Tree Arguments(Expr call);
  // A node over `args`.
  Tree Node(Expr expr, std::vector<Tree> args);

  TokenCursor& cursor_;
};

}  // namespace wakewatch::protocol
