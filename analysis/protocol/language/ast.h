// Why: what a protocol's text says, before anything is made of it. The parser makes these trees and knows no names; the
// compiler gives them their meaning. Grammar: ../README.md.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace wakewatch::protocol {

// Of a token in the text; both count from 1. Line 0: not from a text of the user's.
struct Place {
  uint32_t line = 0, column = 0;
  auto operator<=>(const Place&) const = default;
};

enum class ExprKind : uint8_t {
  kNumber,  // number
  kName,    // name
  kField,   // args[0].name
  kCall,    // name(args...)
  kUnary,   // op args[0]: "!", "-", "~"
  kBinary,  // args[0] op args[1]: || && | ^ & == != < <= > >= << >> + - * / %
};
struct Expr {
  ExprKind kind = ExprKind::kNumber;
  Place place;
  int64_t number = 0;
  std::string name;  // of a name, field or call
  std::string op;    // of a unary or binary expression
  std::vector<Expr> args;
};

enum class StmtKind : uint8_t {
  kBlock,     // { body }
  kExpr,      // expr; (a call)
  kAssign,    // target op expr; op is "=", "+=", "-=", "|=" or "&="; x++ and x-- are += 1 and -= 1
  kLocal,     // byte name = expr;  (type in `type`; expr may be missing)
  kIf,        // if (expr) body[0] else body[1]; the else may be missing
  kWhile,     // while (expr) body[0]; for (;;) and loop are while (1)
  kDo,        // do body[0] while (expr);
  kRepeat,    // repeat (number) body[0]
  kChoose,    // choose { ... } or { ... }: one of body, whichever
  kBreak,
  kContinue,
  kReturn,    // return; or return expr;
  kGoto,      // goto name;
  kLabel,     // name:  (the label `rest:` belongs to the statement behind it instead: see `rest`)
  kAtomic,    // atomic body[0]: one step, with a full barrier
  kGuarded,   // guarded body[0]: no step of its own, since a lock that is held keeps others away
  kRelease,   // release target = expr; a store that unlocks
  kAwait,     // await (expr); spins until it holds
  kSleep,     // sleep (expr); off the run queue until it holds
  kAssert,    // assert (expr);
  kTrace,     // trace E0 name(args...); an event that this step emits: name, level, args in expr.args
  kNote,      // note "..."; a sentence about the step, in `text`
  kCompanion, // companion name; the task `name` comes to be for each task that gets here
};
struct Stmt {
  StmtKind kind = StmtKind::kBlock;
  Place place;
  bool rest = false;  // rest: in front of it: to stay here for ever is legal
  std::string name;   // of a local, label, goto, trace or companion
  std::string type;   // of a local: "bit", "byte", "task"
  std::string op;     // of an assignment
  std::string text;   // of a note
  int64_t number = 0; // of repeat: how often; of trace: the evidence level, 0 or 1
  std::optional<Expr> target, expr;
  std::optional<Expr> until;  // schedule() until (expr), also of an assignment: what is slept for
  std::vector<Stmt> body;
};

// byte done max 7 = 0; in a struct or at the top. Types: bit (also written flag), byte (also counter), task, list,
// task_list, or the name of a struct.
struct VarDecl {
  Place place;
  std::string type, name;
  std::optional<Expr> max;      // largest value, a constant
  std::optional<Expr> initial;  // a constant
};
struct StructDecl {
  Place place;
  std::string name;
  std::vector<VarDecl> fields;
};
struct ConstDecl {
  Place place;
  std::string name;
  Expr value;
};
struct Param {
  Place place;
  std::string type;  // a struct's name (by reference), "task", "value" (evaluated once), "expr" (put in as it stands)
  std::string name;
};
// A function of the kernel, or of the protocol's author, that is put in where it is called.
struct InlineDecl {
  Place place;
  std::string name;
  std::vector<Param> params;
  Stmt body;
};
// What runs by itself. Of kind "companion": one for each task that needs it, which is its parameter.
struct TaskDecl {
  Place place;
  std::string kind;  // "task", "kthread", "interrupt", "companion"
  std::string name;
  std::vector<Param> params;  // of a companion
  uint32_t count = 1;         // name[count]: as many that are alike
  bool dormant = false;       // does not run before kthread_create() and a wake
  std::optional<Expr> until;  // what its schedule() calls sleep for, where it is not to be guessed
  Stmt body;
};
// work w on p { ... }, timer t { ... }, softirq s { ... }
struct HandlerDecl {
  Place place;
  std::string kind, name;
  std::string pool;      // of a work
  bool delayed = false;  // a work with a timer
  Stmt body;
};
struct PoolDecl {
  Place place;
  std::string name;
  uint32_t workers = 1;
};
// expect safe;  expect loses;  expect sc safe, tso loses;
struct Expectation {
  Place place;
  std::string memory;   // "sc", "tso", or empty: both
  std::string verdict;  // "safe", "loses"
};

struct ProtocolText {
  std::string name, title;  // protocol name "title";  the file's name and nothing where it does not say
  std::vector<std::string> explains;  // explains check-before-sleep, kthread-stop;
  std::vector<Expectation> expect;
  std::vector<ConstDecl> constants;
  std::vector<StructDecl> structs;
  std::vector<VarDecl> vars;
  std::vector<InlineDecl> inlines;
  std::vector<TaskDecl> tasks;
  std::vector<HandlerDecl> handlers;
  std::vector<PoolDecl> pools;
};

}  // namespace wakewatch::protocol
