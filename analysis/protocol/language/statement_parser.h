// Why: statements, and what a beginner writes instead of them.
#pragma once

#include <string_view>
#include <vector>

#include "analysis/protocol/language/ast.h"
#include "analysis/protocol/language/expression_parser.h"
#include "analysis/protocol/language/token_cursor.h"

namespace wakewatch::protocol {

class StatementParser {
 public:
  explicit StatementParser(TokenCursor* cursor) : cursor_(*cursor), expressions_(cursor) {}

  // { ... } of `what`, which stands in errors.
  Stmt Block(std::string_view what);

 private:
  // A statement with the labels in front of it; a list of locals is several. Appends them.
  void Items(std::vector<Stmt>* items);
  Stmt Body(std::string_view of);  // what if, while and their like hold
  bool Simple(Stmt* stmt);         // a statement of a keyword; false where there is none
  bool Compound(Stmt* stmt);
  void Locals(std::vector<Stmt>* items);
  Stmt CallOrAssignment();
  void Assignment(Stmt* stmt);
  void Until(Stmt* stmt);
  void If(Stmt* stmt);
  void For(Stmt* stmt);
  void Choose(Stmt* stmt);
  void Trace(Stmt* stmt);
  void Note(Stmt* stmt);
  void Release(Stmt* stmt);
  void RefuseStray();
  // The ';' behind `stmt`, whose text stands in the error.
  void End(const Stmt& stmt);

  TokenCursor& cursor_;
  ExpressionParser expressions_;
  Place block_;  // where the innermost block begins
};

// The words that begin a declaration.
std::vector<std::string_view> DeclarationWords();

}  // namespace wakewatch::protocol
