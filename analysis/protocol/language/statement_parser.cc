#include "analysis/protocol/language/statement_parser.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "analysis/protocol/language/parser.h"
#include "analysis/protocol/language/spelling.h"

namespace wakewatch::protocol {

namespace {

constexpr std::array<std::string_view, 15> kRoutineWords = {
    "protocol",  "explains",  "expect", "const", "struct",       "inline", "task",   "kthread",
    "interrupt", "companion", "pool",   "work",  "delayed_work", "timer",  "softirq"};
constexpr std::array<std::string_view, 7> kTypeWords = {"flag",    "bit",  "byte",     "counter",
                                                        "taskref", "list", "task_list"};

// For an error's sentence.
std::string Shortened(std::string text) {
  constexpr size_t kMax = 60;
  if (text.size() <= kMax) return text;
  size_t cut = kMax - 3;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xc0) == 0x80) --cut;
  return text.substr(0, cut) + "...";
}

bool BeginsLocal(const TokenCursor& cursor) {
  if (!cursor.AtName(1)) return false;
  return cursor.At("byte") || cursor.At("bit") || cursor.At("taskref") || cursor.At("task");
}

// task NAME {, inline NAME( and their like: a declaration, so that a brace is missing in front of it.
bool BeginsDeclaration(const TokenCursor& cursor) {
  if (!cursor.AtName(1)) return false;
  if (std::find(kRoutineWords.begin(), kRoutineWords.end(), cursor.Peek().text) == kRoutineWords.end()) return false;
  return !cursor.At("task") || cursor.At("{", 2) || cursor.At("[", 2) || cursor.At("until", 2) ||
         cursor.At("dormant", 2);
}

// "did you mean 'while'?", or nothing.
std::string MeantStatement(std::string_view word) {
  std::vector<std::string_view> words = StatementWords();
  words.insert(words.end(), {"taskref", "else"});
  const std::string_view meant = NearestWord(word, words);
  return meant.empty() ? std::string() : "did you mean '" + std::string(meant) + "'?";
}

}  // namespace

std::vector<std::string_view> DeclarationWords() {
  std::vector<std::string_view> words(kRoutineWords.begin(), kRoutineWords.end());
  words.insert(words.end(), kTypeWords.begin(), kTypeWords.end());
  return words;
}

void StatementParser::End(const Stmt& stmt) {
  if (cursor_.At(";") || cursor_.failed()) return static_cast<void>(cursor_.TakeIf(";"));
  std::string remedy;
  if (cursor_.At("=")) remedy = "one assignment a statement";
  if (cursor_.At("{") && stmt.kind == StmtKind::kExpr && stmt.expr) remedy = MeantStatement(stmt.expr->name);
  cursor_.ExpectSemicolon(Shortened(TextOf(stmt)), std::move(remedy));
}

Stmt StatementParser::Block(std::string_view what) {
  Stmt block;
  block.place = cursor_.Peek().place;
  if (!cursor_.Expect("{", what.empty() ? "" : "behind " + std::string(what))) return block;
  const Place outer = std::exchange(block_, block.place);
  while (!cursor_.At("}") && !cursor_.AtEnd()) Items(&block.body);
  cursor_.Expect("}", {}, "the block that begins in line " + std::to_string(block_.line) + " is not closed");
  block_ = outer;
  return block;
}

Stmt StatementParser::Body(std::string_view of) {
  if (cursor_.At("{")) return Block({});
  if (cursor_.At("}") || cursor_.AtEnd()) cursor_.RefuseNext("a statement behind " + std::string(of));
  Stmt block;
  block.place = cursor_.Peek().place;
  Items(&block.body);
  if (block.body.size() != 1) return block;
  Stmt only = std::move(block.body.front());
  return only;
}

void StatementParser::Items(std::vector<Stmt>* items) {
  const TokenCursor::Level level(&cursor_);
  Place rest;
  while (cursor_.AtName() && cursor_.At(":", 1)) {
    const Token name = cursor_.Take();
    cursor_.Take();
    if (name.text == "rest") {
      rest = name.place;
      continue;
    }
    if (name.text == "else" || name.text == "or")
      return cursor_.Refuse(name.place, "'" + std::string(name.text) + "' is no label");
    Stmt label;
    label.kind = StmtKind::kLabel;
    label.place = name.place;
    label.name = name.text;
    items->push_back(std::move(label));
  }
  const bool none = cursor_.At("}") || cursor_.TakeIf(";");
  if (none && rest.line != 0)
    cursor_.Refuse(rest, "'rest:' has no statement behind it", "it says where a task may stay");
  if (none || cursor_.failed()) return;
  const size_t begin = items->size();
  if (BeginsLocal(cursor_) && !BeginsDeclaration(cursor_)) {
    Locals(items);
  } else {
    Stmt stmt;
    stmt.place = cursor_.Peek().place;
    if (cursor_.At("{")) {
      stmt = Block({});
    } else if (!Simple(&stmt) && !Compound(&stmt)) {
      stmt = CallOrAssignment();
    }
    items->push_back(std::move(stmt));
  }
  if (rest.line != 0 && begin < items->size()) (*items)[begin].rest = true;
}

void StatementParser::Locals(std::vector<Stmt>* items) {
  const Token type = cursor_.Take();
  const size_t begin = items->size();
  do {
    Stmt local;
    local.kind = StmtKind::kLocal;
    local.place = items->size() == begin ? type.place : cursor_.Peek().place;
    local.type = type.text == "taskref" ? "task" : type.text;
    local.name = cursor_.ExpectName("a name for the local");
    if (cursor_.At("max")) cursor_.RefuseNext("'=' or ';'", "locals have no bound of their own");
    if (cursor_.TakeIf("=")) local.expr = expressions_.Parse();
    Until(&local);
    items->push_back(std::move(local));
  } while (cursor_.TakeIf(","));
  End(items->back());
}

bool StatementParser::Simple(Stmt* stmt) {
  const std::string word(cursor_.Peek().text);
  const auto take = [&](StmtKind kind) {
    stmt->kind = kind;
    cursor_.Take();
  };
  if (!cursor_.AtName()) return false;
  if (word == "break") {
    take(StmtKind::kBreak);
  } else if (word == "continue") {
    take(StmtKind::kContinue);
  } else if (word == "return") {
    take(StmtKind::kReturn);
    if (!cursor_.At(";")) stmt->expr = expressions_.Parse();
  } else if (word == "goto") {
    take(StmtKind::kGoto);
    if (!cursor_.AtName()) cursor_.RefuseNext("a label behind goto");
    stmt->name = cursor_.Take().text;
  } else if (word == "release") {
    Release(stmt);
  } else if (word == "await" || word == "sleep" || word == "assert") {
    take(word == "await" ? StmtKind::kAwait : word == "sleep" ? StmtKind::kSleep : StmtKind::kAssert);
    stmt->expr = expressions_.Condition(word);
  } else if (word == "trace") {
    Trace(stmt);
  } else if (word == "note") {
    Note(stmt);
  } else if (word == "with") {
    take(StmtKind::kCompanion);
    stmt->name = cursor_.ExpectName("a companion's name behind with");
  } else {
    return false;
  }
  End(*stmt);
  return true;
}

bool StatementParser::Compound(Stmt* stmt) {
  const std::string word(cursor_.Peek().text);
  const auto take = [&](StmtKind kind) {
    stmt->kind = kind;
    cursor_.Take();
  };
  if (!cursor_.AtName()) return false;
  if (word == "if") {
    If(stmt);
  } else if (word == "while") {
    take(StmtKind::kWhile);
    stmt->expr = expressions_.Condition(word);
    stmt->body.push_back(Body(word));
  } else if (word == "for" || word == "loop") {
    For(stmt);
  } else if (word == "do") {
    take(StmtKind::kDo);
    stmt->body.push_back(Body(word));
    cursor_.Expect("while", "behind the body of do");
    stmt->expr = expressions_.Condition("while");
    End(*stmt);
  } else if (word == "repeat") {
    take(StmtKind::kRepeat);
    cursor_.Expect("(", "behind repeat", "write repeat (2) { ... }");
    stmt->number = cursor_.ExpectNumber("how often to repeat", 1, 255);
    cursor_.Expect(")", "behind the number of repeat");
    stmt->body.push_back(Body(word));
  } else if (word == "choose") {
    Choose(stmt);
  } else if (word == "atomic" || word == "guarded") {
    take(word == "atomic" ? StmtKind::kAtomic : StmtKind::kGuarded);
    stmt->body.push_back(Body(word));
  } else {
    return false;
  }
  return true;
}

void StatementParser::If(Stmt* stmt) {
  stmt->kind = StmtKind::kIf;
  cursor_.Take();
  stmt->expr = expressions_.Condition("if");
  stmt->body.push_back(Body("if"));
  if (cursor_.TakeIf("else")) stmt->body.push_back(Body("else"));
}

void StatementParser::For(Stmt* stmt) {
  stmt->kind = StmtKind::kWhile;
  const Token word = cursor_.Take();
  stmt->expr = Expr{.place = word.place, .number = 1};
  if (word.text == "for") {
    const std::string remedy = "only for (;;) exists: write while (condition) or repeat (2)";
    cursor_.Expect("(", "behind for", remedy);
    cursor_.Expect(";", "in for (;;)", remedy);
    cursor_.Expect(";", "in for (;;)", remedy);
    cursor_.Expect(")", "in for (;;)", remedy);
  }
  stmt->body.push_back(Body(word.text));
}

void StatementParser::Choose(Stmt* stmt) {
  stmt->kind = StmtKind::kChoose;
  cursor_.Take();
  stmt->body.push_back(Body("choose"));
  if (!cursor_.At("or")) cursor_.RefuseNext("'or' and another way behind choose", "write choose { ... } or { ... }");
  while (cursor_.TakeIf("or")) stmt->body.push_back(Body("or"));
}

void StatementParser::Trace(Stmt* stmt) {
  stmt->kind = StmtKind::kTrace;
  cursor_.Take();
  if (!cursor_.At("E0") && !cursor_.At("E1")) {
    return cursor_.RefuseNext("E0 or E1 behind trace", "the evidence level that shows the event");
  }
  stmt->number = cursor_.Take().text == "E1" ? 1 : 0;
  if (!cursor_.AtName() || !cursor_.At("(", 1)) {
    return cursor_.RefuseNext("an event behind trace E" + std::to_string(stmt->number),
                              "write trace E0 sched_waking(task);");
  }
  stmt->expr = expressions_.Postfix();
  stmt->name = stmt->expr->name;
  if (stmt->expr->kind != ExprKind::kCall) cursor_.RefuseNext("';' behind the event");
}

void StatementParser::Note(Stmt* stmt) {
  stmt->kind = StmtKind::kNote;
  cursor_.Take();
  if (cursor_.Peek().kind != TokenKind::kString) return cursor_.RefuseNext("a sentence in quotes behind note");
  stmt->text = StringOf(cursor_.Take());
}

void StatementParser::Release(Stmt* stmt) {
  cursor_.Take();
  stmt->target = expressions_.Postfix();
  if (!cursor_.failed() && !cursor_.At("=")) return cursor_.RefuseNext("'=' behind release", "write release lock = 0;");
  Assignment(stmt);
  stmt->kind = StmtKind::kRelease;
}

// `stmt` has its target; the next token is an assignment's sign.
void StatementParser::Assignment(Stmt* stmt) {
  const Expr& target = *stmt->target;
  const bool assignable = target.kind == ExprKind::kName || target.kind == ExprKind::kField;
  if (!assignable) return cursor_.Refuse(target.place, "nothing can be assigned to " + Shortened(TextOf(target)));
  stmt->kind = StmtKind::kAssign;
  const Token op = cursor_.Take();
  if (op.text == "++" || op.text == "--") {
    stmt->op = op.text == "++" ? "+=" : "-=";
    stmt->expr = Expr{.place = op.place, .number = 1};
    return;
  }
  stmt->op = op.text;
  stmt->expr = expressions_.Parse();
  Until(stmt);
}

// schedule() until (e), also where its value is kept: left = schedule_timeout() until (e).
void StatementParser::Until(Stmt* stmt) {
  if (!stmt->expr || stmt->expr->kind != ExprKind::kCall || !cursor_.TakeIf("until")) return;
  stmt->until = expressions_.Condition("until");
}

// What stands where a statement should begin, and cannot.
void StatementParser::RefuseStray() {
  const std::string word(cursor_.Peek().text);
  if (cursor_.At("else")) {
    return cursor_.RefuseNext("a statement",
                              "'else' has no 'if' in front of it: put several statements of an if into { }");
  }
  if (cursor_.At("or")) return cursor_.RefuseNext("a statement", "'or' has no 'choose' in front of it");
  if (cursor_.At("++") || cursor_.At("--")) return cursor_.RefuseNext("a statement", "write x" + word + ";");
  if (BeginsDeclaration(cursor_)) {
    return cursor_.RefuseNext("'}'", "the block that begins in line " + std::to_string(block_.line) + " is not closed");
  }
  if (!cursor_.AtName() || IsReserved(word)) return cursor_.RefuseNext("a statement");
  std::string remedy = MeantStatement(word);
  if (remedy.empty()) remedy = "a local is bit, byte or taskref; a call has parentheses";
  cursor_.RefuseNext("a statement", std::move(remedy));
}

Stmt StatementParser::CallOrAssignment() {
  Stmt stmt;
  stmt.place = cursor_.Peek().place;
  const bool stray = !cursor_.AtName() || IsReserved(cursor_.Peek().text) || cursor_.AtName(1) ||
                     cursor_.Peek(1).kind == TokenKind::kNumber || cursor_.Peek(1).kind == TokenKind::kString;
  if (stray) {
    RefuseStray();
    return stmt;
  }
  Expr first = expressions_.Postfix();
  constexpr std::array<std::string_view, 7> kAssigns = {"=", "+=", "-=", "|=", "&=", "++", "--"};
  if (std::any_of(kAssigns.begin(), kAssigns.end(), [&](std::string_view op) { return cursor_.At(op); })) {
    stmt.target = std::move(first);
    Assignment(&stmt);
  } else if (first.kind == ExprKind::kCall) {
    stmt.kind = StmtKind::kExpr;
    stmt.expr = std::move(first);
    Until(&stmt);
  } else {
    std::string remedy = "a statement is a call, f(x);, or an assignment, x = 1;";
    const std::string next(cursor_.Peek().text);
    if (next == "==") remedy = "assign with '='";
    if (next == "{" && !MeantStatement(first.name).empty()) remedy = MeantStatement(first.name);
    const bool missing = next == "*=" || next == "/=" || next == "%=" || next == "^=" || next == "<<=" || next == ">>=";
    const std::string name = Shortened(TextOf(first));
    if (missing) remedy = "write " + name + " = " + name + " " + next.substr(0, next.size() - 1) + " ...";
    cursor_.RefuseNext("'(' or '=' behind " + name, std::move(remedy));
  }
  End(stmt);
  return stmt;
}

}  // namespace wakewatch::protocol
