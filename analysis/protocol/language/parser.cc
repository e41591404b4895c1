#include "analysis/protocol/language/parser.h"

#include <algorithm>
#include <string>
#include <utility>

#include "analysis/protocol/language/expression_parser.h"
#include "analysis/protocol/language/lexer.h"
#include "analysis/protocol/language/spelling.h"
#include "analysis/protocol/language/statement_parser.h"
#include "analysis/protocol/language/token_cursor.h"

namespace wakewatch::protocol {

namespace {

constexpr int64_t kCopiesMax = 16;  // of a task
constexpr int64_t kWorkersMax = 8;  // of a pool

// "/home/me/kthread_loop.wake": kthread_loop
std::string NameOfFile(const std::string& file) {
  std::string name = file.substr(file.find_last_of('/') + 1);
  if (name.ends_with(".wake") && name.size() > 5) name.resize(name.size() - 5);
  return name;
}

Expr Number(Place place, int64_t number) { return Expr{.place = place, .number = number}; }

bool IsPlainType(std::string_view type) {
  return type == "bit" || type == "byte" || type == "task" || type == "list" || type == "task_list";
}

// The type as the compiler knows it. The kernel's own names are welcome.
std::string TypeOf(std::string_view word) {
  if (word == "flag" || word == "bool") return "bit";
  if (word == "counter") return "byte";
  if (word == "taskref") return "task";
  if (word == "wait_queue_head_t" || word == "wait_queue_head") return "wait_queue";
  if (word == "spinlock_t" || word == "raw_spinlock_t") return "spinlock";
  return std::string(word);
}

class DeclarationParser {
 public:
  DeclarationParser(std::vector<Token> tokens, const std::string& file)
      : cursor_(std::move(tokens), file), expressions_(&cursor_), statements_(&cursor_) {
    text_.name = NameOfFile(file);
  }
  Result<ProtocolText> Run();

 private:
  void Declaration();
  void Protocol();
  void Explains();
  void Expect();
  void Const();
  void Struct();
  void Inline();
  void Task(const std::string& kind);
  void Pool();
  void Handler(const std::string& kind);
  std::vector<Param> Params();
  // type a, b max 3 = 1;
  void Variables(bool in_struct, std::vector<VarDecl>* vars);
  void Bound(std::string_view word, bool in_struct, VarDecl* var);
  void RefuseStray();
  void CheckTypes();

  TokenCursor cursor_;
  ExpressionParser expressions_;
  StatementParser statements_;
  ProtocolText text_;
  Place protocol_;  // of the protocol line
};

void DeclarationParser::Protocol() {
  const Place place = cursor_.Take().place;
  if (protocol_.line != 0) {
    return cursor_.Refuse(place, "a second protocol line; the first is in line " + std::to_string(protocol_.line),
                          "a file holds one protocol");
  }
  protocol_ = place;
  text_.name = cursor_.ExpectName("a name for the protocol");
  if (cursor_.Peek().kind == TokenKind::kString) text_.title = StringOf(cursor_.Take());
  cursor_.ExpectSemicolon("the protocol's name and title", "write protocol name \"title\";");
}

// Classes are written with dashes, which are tokens of their own.
void DeclarationParser::Explains() {
  cursor_.Take();
  do {
    if (!cursor_.AtName()) return cursor_.RefuseNext("a class of lost wakeups behind explains");
    std::string name(cursor_.Take().text);
    while (cursor_.TakeIf("-")) {
      if (!cursor_.AtName()) return cursor_.RefuseNext("the rest of the class's name behind '-'");
      name += "-" + std::string(cursor_.Take().text);
    }
    text_.explains.push_back(std::move(name));
  } while (cursor_.TakeIf(","));
  cursor_.ExpectSemicolon("the classes");
}

void DeclarationParser::Expect() {
  const std::string remedy = "write expect safe; or expect loses; or expect sc safe, tso loses;";
  cursor_.Take();
  do {
    Expectation expectation;
    expectation.place = cursor_.Peek().place;
    if (cursor_.At("sc") || cursor_.At("tso")) expectation.memory = cursor_.Take().text;
    if (!cursor_.At("safe") && !cursor_.At("loses")) return cursor_.RefuseNext("'safe' or 'loses'", remedy);
    expectation.verdict = cursor_.Take().text;
    for (const Expectation& other : text_.expect) {
      if (other.memory != expectation.memory && !other.memory.empty() && !expectation.memory.empty()) continue;
      return cursor_.Refuse(expectation.place, "a second expectation of the same", remedy);
    }
    text_.expect.push_back(std::move(expectation));
  } while (cursor_.TakeIf(","));
  cursor_.ExpectSemicolon("what is expected", remedy);
}

void DeclarationParser::Const() {
  cursor_.Take();
  ConstDecl constant;
  constant.place = cursor_.Peek().place;
  constant.name = cursor_.ExpectName("a name for the constant");
  cursor_.Expect("=", "behind const " + constant.name, "write const NAME = 1;");
  constant.value = expressions_.Parse();
  cursor_.ExpectSemicolon("const " + constant.name);
  text_.constants.push_back(std::move(constant));
}

void DeclarationParser::Struct() {
  cursor_.Take();
  StructDecl declared;
  declared.place = cursor_.Peek().place;
  declared.name = cursor_.ExpectName("a name for the struct");
  cursor_.Expect("{", "behind struct " + declared.name);
  while (!cursor_.At("}") && !cursor_.AtEnd()) Variables(true, &declared.fields);
  cursor_.Expect("}", "behind the fields of struct " + declared.name);
  cursor_.TakeIf(";");
  text_.structs.push_back(std::move(declared));
}

void DeclarationParser::Bound(std::string_view word, bool in_struct, VarDecl* var) {
  const bool yes_no = var->type == "bit", number = var->type == "byte";
  const bool list = var->type == "list" || var->type == "task_list";
  if (cursor_.At("max")) {
    if (!number && !list) {
      cursor_.RefuseNext("'=' or ';' behind " + std::string(word) + " " + var->name,
                         "only byte, counter and lists have a bound");
    }
    cursor_.Take();
    var->max = expressions_.Parse();
  } else if (yes_no) {
    var->max = Number(var->place, 1);
  } else if (number && in_struct) {
    var->max = Number(var->place, 255);
  } else if (number) {
    cursor_.Refuse(var->place, std::string(word) + " " + var->name + " has no bound",
                   "write " + std::string(word) + " " + var->name + " max N");
  }
}

void DeclarationParser::Variables(bool in_struct, std::vector<VarDecl>* vars) {
  if (!cursor_.AtName() || (IsReserved(cursor_.Peek().text) && !cursor_.At("bit") && !cursor_.At("byte"))) {
    return cursor_.RefuseNext("a type and a name");
  }
  const Token word = cursor_.Take();
  do {
    VarDecl var;
    var.place = cursor_.Peek().place;
    var.type = TypeOf(word.text);
    var.name = cursor_.ExpectName("a name behind " + std::string(word.text));
    if (cursor_.At("["))
      cursor_.RefuseNext("';' behind " + var.name, "there are no arrays: only tasks come in numbers");
    Bound(word.text, in_struct, &var);
    if (cursor_.At("=") && !IsPlainType(var.type)) {
      cursor_.RefuseNext("';' behind " + var.name, "a " + var.type + " begins as its fields do");
    }
    if (cursor_.TakeIf("=")) var.initial = expressions_.Parse();
    vars->push_back(std::move(var));
  } while (cursor_.TakeIf(","));
  cursor_.ExpectSemicolon(std::string(word.text) + " " + vars->back().name);
}

std::vector<Param> DeclarationParser::Params() {
  std::vector<Param> params;
  cursor_.Expect("(");
  if (cursor_.TakeIf(")")) return params;
  do {
    Param param;
    param.place = cursor_.Peek().place;
    param.type = cursor_.ExpectName("a parameter's type: task, value, expr or a struct");
    param.name = cursor_.ExpectName("a name behind " + param.type);
    params.push_back(std::move(param));
  } while (cursor_.TakeIf(","));
  cursor_.Expect(")", "or ',' behind the parameter " + params.back().name);
  return params;
}

void DeclarationParser::Inline() {
  cursor_.Take();
  InlineDecl declared;
  declared.place = cursor_.Peek().place;
  declared.name = cursor_.ExpectName("a name for the inline");
  declared.params = Params();
  declared.body = statements_.Block("inline " + declared.name);
  text_.inlines.push_back(std::move(declared));
}

void DeclarationParser::Task(const std::string& kind) {
  cursor_.Take();
  TaskDecl task;
  task.place = cursor_.Peek().place;
  task.kind = kind;
  task.name = cursor_.ExpectName("a name for the " + kind);
  if (kind == "companion") {
    task.params = Params();
    if (task.params.size() != 1 || task.params[0].type != "task") {
      cursor_.Refuse(task.place, "a companion has one parameter, the task that it belongs to",
                     "write companion " + task.name + "(task p) { ... }");
    }
  } else if (cursor_.TakeIf("[")) {
    task.count = static_cast<uint32_t>(cursor_.ExpectNumber("how many there are of " + task.name, 1, kCopiesMax));
    cursor_.Expect("]", "behind the number of " + task.name);
  }
  if (kind == "task" && (cursor_.At(";") || cursor_.At("=") || cursor_.At(","))) {
    return cursor_.RefuseNext("'{' behind task " + task.name,
                              "a variable that holds a task is 'taskref " + task.name + ";'");
  }
  task.dormant = cursor_.TakeIf("dormant");
  if (cursor_.TakeIf("until")) task.until = expressions_.Condition("until");
  task.body = statements_.Block(kind + " " + task.name);
  text_.tasks.push_back(std::move(task));
}

void DeclarationParser::Pool() {
  cursor_.Take();
  PoolDecl pool;
  pool.place = cursor_.Peek().place;
  pool.name = cursor_.ExpectName("a name for the pool");
  cursor_.Expect("workers", "behind pool " + pool.name, "write pool " + pool.name + " workers 1;");
  pool.workers = static_cast<uint32_t>(cursor_.ExpectNumber("the number of workers", 1, kWorkersMax));
  cursor_.ExpectSemicolon("the number of workers");
  text_.pools.push_back(std::move(pool));
}

void DeclarationParser::Handler(const std::string& kind) {
  cursor_.Take();
  HandlerDecl handler;
  handler.place = cursor_.Peek().place;
  handler.kind = kind == "delayed_work" ? "work" : kind;
  handler.delayed = kind == "delayed_work";
  handler.name = cursor_.ExpectName("a name for the " + kind);
  if (handler.kind == "work") {
    cursor_.Expect("on", "behind " + kind + " " + handler.name,
                   "write " + kind + " " + handler.name + " on POOL { ... }");
    handler.pool = cursor_.ExpectName("a pool's name behind on");
  }
  handler.body = statements_.Block(kind + " " + handler.name);
  text_.handlers.push_back(std::move(handler));
}

// What stands at the top and begins nothing.
void DeclarationParser::RefuseStray() {
  if (cursor_.At("}")) return cursor_.RefuseNext("a declaration", "this '}' closes nothing");
  std::string remedy = "a file holds declarations: flag, counter, task, kthread ...; statements stand in a task";
  const std::vector<std::string_view> words = DeclarationWords();
  const std::string_view meant = cursor_.AtName() ? NearestWord(cursor_.Peek().text, words) : std::string_view();
  if (!meant.empty()) remedy = "did you mean '" + std::string(meant) + "'?";
  cursor_.RefuseNext("a declaration", std::move(remedy));
}

void DeclarationParser::Declaration() {
  const std::string word(cursor_.Peek().text);
  if (cursor_.TakeIf(";")) return;  // behind a body, as in C
  if (!cursor_.AtName()) return RefuseStray();
  if (word == "protocol") return Protocol();
  if (word == "explains") return Explains();
  if (word == "expect") return Expect();
  if (word == "const") return Const();
  // struct completion done; declares a variable, as in C.
  const bool of_struct = word == "struct" && cursor_.AtName(1) && cursor_.AtName(2);
  if (of_struct) cursor_.Take();
  if (word == "struct" && !of_struct) return Struct();
  if (of_struct) return Variables(false, &text_.vars);
  if (word == "inline") return Inline();
  if (word == "task" || word == "kthread" || word == "interrupt" || word == "companion") return Task(word);
  if (word == "pool") return Pool();
  if (word == "work" || word == "delayed_work" || word == "timer" || word == "softirq") return Handler(word);
  const bool end = cursor_.At(";", 2) || cursor_.At(",", 2) || cursor_.At("=", 2) || cursor_.At("max", 2);
  const std::string type = TypeOf(word);
  if (IsPlainType(type) || (cursor_.AtName(1) && end && !IsReserved(word))) return Variables(false, &text_.vars);
  // "completion done" with its ';' forgotten: what follows is a declaration of its own.
  const std::vector<std::string_view> words = DeclarationWords();
  const bool next_begins = std::find(words.begin(), words.end(), cursor_.Peek(2).text) != words.end();
  if (cursor_.AtName(1) && (next_begins || cursor_.Peek(2).kind == TokenKind::kEnd) &&
      NearestWord(word, words).empty()) {
    return Variables(false, &text_.vars);
  }
  RefuseStray();
}

// A type that is no struct of this text may be one of the prelude's, or a misspelt word.
void DeclarationParser::CheckTypes() {
  const std::vector<std::string_view> words = DeclarationWords();
  for (const VarDecl& var : text_.vars) {
    const bool known = IsPlainType(var.type) || std::find(words.begin(), words.end(), var.type) != words.end();
    const bool own = std::any_of(text_.structs.begin(), text_.structs.end(),
                                 [&](const StructDecl& declared) { return declared.name == var.type; });
    const std::string_view meant = known || own ? std::string_view() : NearestWord(var.type, words);
    if (meant.empty()) continue;
    return cursor_.Refuse(var.place, "'" + var.type + "' in front of " + var.name + " is no type",
                          "did you mean '" + std::string(meant) + "'?");
  }
}

Result<ProtocolText> DeclarationParser::Run() {
  while (!cursor_.AtEnd()) Declaration();
  if (!cursor_.failed()) CheckTypes();
  if (cursor_.error()) return Fail(*cursor_.error());
  return std::move(text_);
}

}  // namespace

Result<ProtocolText> Parse(std::string_view text, const std::string& file) {
  auto tokens = Lex(text, file);
  if (!tokens) return Fail(std::move(tokens.error()));
  return DeclarationParser(std::move(*tokens), file).Run();
}

Error ErrorAt(const std::string& file, Place place, std::string cause, std::string remedy) {
  Error error{ErrorCode::kInvalidArgument, std::move(cause), file, {}, std::move(remedy)};
  if (place.line != 0) {
    error.cause =
        "line " + std::to_string(place.line) + ", column " + std::to_string(place.column) + ": " + error.cause;
  }
  return error;
}

}  // namespace wakewatch::protocol
