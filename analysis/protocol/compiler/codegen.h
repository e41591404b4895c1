// Why: turns one task's text into code. The first error ends it: nothing is emitted behind it, and the compiler asks
// for it at the end.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/protocol/compiler/scope.h"

namespace wakewatch::protocol {

// What the code of a whole protocol has in common.
struct Symbols {
  const Layout* layout = nullptr;
  Memory memory = Memory::kSc;
  std::string file;
  Scope globals;
  std::map<std::string, const InlineDecl*> inlines;
  std::set<const InlineDecl*> of_prelude;
  std::map<std::string, const TaskDecl*> companions;
  struct Work {
    std::string name, pool;
    bool delayed;
    int64_t number;  // of the item in its pool's list; from 1
  };
  std::vector<Work> works;
  std::vector<std::string> task_names;
  Type task_struct;
};

// What the code turned out to use.
struct Uses {
  FieldUse fields;
  std::set<std::string> inlines;
  std::set<std::string> companions;  // of the declaration whose code was made last
};

// A value on its way onto the stack.
struct Node {
  enum class Kind : uint8_t {
    kConst,
    kLocal,
    kLoad,
    kCurrent,  // the running task's number + 1
    kUnary,
    kBinary,
    kList,  // a look at a list
    kCall,  // of an inline that does more than give a value
  };
  Kind kind = Kind::kConst;
  int64_t value = 0;
  Slot slot;
  Ref ref;               // of kLoad and kList
  Op op = Op::kConst;    // of kUnary, kBinary, kList
  bool logical = false;  // of kBinary: && or ||
  bool is_and = false;
  const Expr* call = nullptr;
  const Scope* scope = nullptr;
  TypeKind type = TypeKind::kValue;
  bool temporary = false;  // of kLocal: it was made for this expression
  std::vector<Node> args;
};

class Codegen {
 public:
  Codegen(Symbols* symbols, Program* program, Emitter* emitter, Uses* uses)
      : symbols_(symbols), program_(program), emitter_(emitter), uses_(uses) {}

  // The code of one declaration.
  Emitter::TaskCode Generate(const TaskDecl& decl, const Scope& scope);
  // Code that gives the value of what a task sleeps for; where each sleeping point's condition begins is set in the
  // program. For the declaration generated last.
  void GenerateConditions();

  const std::optional<Error>& error() const { return error_; }

 private:
  // What a sleep waits for.
  struct SleepReason {
    enum class Kind : uint8_t { kAlways, kCondition, kNotKnown } kind = Kind::kAlways;
    const Expr* expr = nullptr;
    const Scope* scope = nullptr;
  };
  // Conditions that held where a statement is reached, since the innermost loop began.
  struct Guards {
    std::vector<Expr> held;
  };
  struct Open {  // a block, loop or call that a jump can leave
    enum class Kind : uint8_t { kBlock, kLoop, kCall } kind = Kind::kBlock;
    std::vector<Slot> slots;
    uint32_t atomic_depth = 0;
    std::optional<Label> on_break, on_continue, on_return;
    std::optional<Slot> result;
    std::map<std::string, Label> labels;  // of a call, or of the task's body
  };

  // ---- statements (codegen_stmt.cc, codegen_step.cc, codegen_event.cc)
  void Statement(const Stmt& stmt, Scope* scope);
  void Plain(const Stmt& stmt, Scope* scope);
  void Block(const Stmt& stmt, const Scope& scope);
  void If(const Stmt& stmt, Scope* scope);
  void Loop(const Stmt& stmt, Scope* scope);
  void Repeat(const Stmt& stmt, Scope* scope);
  void Choose(const Stmt& stmt, Scope* scope);
  void Atomic(const Stmt& stmt, Scope* scope);
  void Guarded(const Stmt& stmt, Scope* scope);
  void Await(const Stmt& stmt, Scope* scope);
  void Sleep(const Stmt& stmt, Scope* scope);
  void Assert(const Stmt& stmt, Scope* scope);
  void Local(const Stmt& stmt, Scope* scope);
  void Assign(const Stmt& stmt, Scope* scope);
  void TraceEvent(const Stmt& stmt, Scope* scope);
  void PushObject(const Ref& ref);
  void Leave(const Stmt& stmt, Scope* scope);
  void Goto(const Stmt& stmt);
  void UnwindTo(size_t depth);
  Open& Enter(Open::Kind kind);
  void Close();

  // ---- calls (codegen_call.cc)
  void CallStatement(const Stmt& stmt, Scope* scope);
  // Where `result` is set, the value goes there.
  void Call(const Expr& call, const Scope* scope, std::optional<Slot> result);
  bool BindParameter(const Param& param, const Expr& arg, const Scope* scope, Scope* inner);
  bool ListStatement(const Expr& call, const Scope* scope);
  const InlineDecl* InlineNamed(const Expr& call);
  // queue_work(w), queue_work(wq, w) is queue_work_on(its pool, w, its number); so with others that take a work.
  const Expr* Rewritten(const Expr& call, const Scope* scope);

  // ---- values (codegen_expr.cc, codegen_access.cc)
  Node Build(const Expr& expr, const Scope* scope);
  Node BuildName(const Expr& expr, const Scope* scope);
  Node BuildCall(const Expr& expr, const Scope* scope);
  Node BuildList(const Expr& expr, const Scope* scope);
  Node BuildBinary(const Expr& expr, const Scope* scope);
  // A variable of the state; nullopt, and an error unless `quiet`, where the expression is none.
  std::optional<Ref> RefOf(const Expr& expr, const Scope* scope, bool quiet);
  std::optional<Ref> RefOfTask(const Binding& binding, const std::string& name);
  // Takes what others see, and calls, out of a value, a step each; what is left can be pushed at once.
  void Hoist(Node* node);
  void HoistAll(Node* node);
  void Push(const Node& node);
  void PushAddress(const Ref& ref);
  void FreeTemporaries(const Node& node, bool clear);
  // Pushes the value of `expr`, with the points that it takes.
  TypeKind Value(const Expr& expr, const Scope* scope);
  void Branch(const Node& node, Label if_false);
  void BranchIfTrue(const Node& node, Label if_true);
  void StoreTo(const Ref& ref, bool release);
  Touch TouchOf(const Ref& ref, bool reads, bool writes) const;
  static size_t Loads(const Node& node);
  static size_t Calls(const Node& node);
  std::optional<int64_t> ConstantOf(const Expr& expr, const Scope* scope);

  // ---- what is slept for (sleep_reason.cc)
  SleepReason ReasonFor(const Stmt& stmt, const Scope* scope);
  SleepReason Guess(const Stmt& stmt, const Scope* scope);
  bool Understood(const Expr& expr, Expr* resolved) const;
  // With what the caller named in the place of a function's parameters.
  static Expr AsCalled(const Expr& expr, const Scope* scope);
  const Expr* Keep(Expr expr);
  static Expr Negated(const Expr& expr);
  static bool JumpsAway(const Stmt& stmt);
  void NoteAssignments(const Stmt& stmt);

  // One more statement or expression; false, with an error, where there are too many.
  bool Spend();
  // A step begins here.
  uint32_t Step(PointKind kind = PointKind::kStep);
  bool Failed() const { return error_.has_value(); }
  void Fail(Place place, std::string cause, std::string remedy = {});
  Scope* NewScope(const Scope* outer);
  bool InPrelude() const { return prelude_depth_ > 0; }

  Symbols* const symbols_;
  Program* const program_;
  Emitter* const emitter_;
  Uses* const uses_;
  std::optional<Error> error_;

  const TaskDecl* decl_ = nullptr;
  std::deque<Scope> scopes_;
  std::deque<Expr> kept_;
  std::vector<Open> open_;
  std::vector<std::string> functions_;  // whose code is put in, the innermost last
  std::vector<const InlineDecl*> calls_;
  std::vector<Guards> guards_;  // one a loop
  std::vector<SleepReason> reasons_;
  std::map<std::string, std::vector<const Expr*>> assigned_;  // to locals of the user's text
  std::vector<std::pair<uint32_t, SleepReason>> sleeps_;      // points whose condition is to be made
  struct Jump {
    Label label;
    std::string name;
    Place place;
  };
  std::vector<Jump> gotos_;
  Place place_;  // of the user's statement
  std::string statement_;
  uint32_t prelude_depth_ = 0;
  uint32_t rest_ = 0;
  uint64_t work_ = 0;  // statements and expressions put in: calls of calls of calls may be many
  bool stored_in_step_ = false;
};

}  // namespace wakewatch::protocol
