#include "analysis/protocol/language/parser.h"

#include <gtest/gtest.h>

#include <span>
#include <string>
#include <vector>

#include "analysis/protocol/compiler/compiler.h"
#include "analysis/protocol/shipped.h"

namespace wakewatch::protocol {
namespace {

// The statement as a text again, in one line and with every brace: what the tree is, whatever the text looked like.
std::string Source(const Stmt& stmt) {
  std::string inside;
  for (const Stmt& part : stmt.body) inside += (inside.empty() ? "" : " ") + Source(part);
  const std::string rest = stmt.rest ? "rest: " : "";
  switch (stmt.kind) {
    case StmtKind::kBlock: return rest + "{" + inside + "}";
    case StmtKind::kIf:
      return rest + TextOf(stmt) + " " + Source(stmt.body[0]) +
             (stmt.body.size() > 1 ? " else " + Source(stmt.body[1]) : "");
    case StmtKind::kWhile:
    case StmtKind::kRepeat: return rest + TextOf(stmt) + " " + inside;
    case StmtKind::kDo: return rest + "do " + inside + " while (" + TextOf(*stmt.expr) + ");";
    case StmtKind::kChoose: {
      std::string ways = rest + "choose " + Source(stmt.body[0]);
      for (size_t i = 1; i < stmt.body.size(); ++i) ways += " or " + Source(stmt.body[i]);
      return ways;
    }
    case StmtKind::kLabel: return stmt.name + ":";
    case StmtKind::kAtomic: return rest + "atomic " + inside;
    case StmtKind::kGuarded: return rest + "guarded " + inside;
    default: return rest + TextOf(stmt) + ";";
  }
}

Result<ProtocolText> ParseBody(const std::string& body) { return Parse("task t {" + body + "}", "t.wake"); }

TEST(Parser, EveryStatement) {
  struct Row {
    std::string text, source;
  };
  const Row rows[] = {
      {"", "{}"},
      {";;", "{}"},
      {"{ ; }", "{{}}"},
      {"schedule();", "{schedule();}"},
      {"schedule() until (a || b);", "{schedule() until (a || b);}"},
      {"left = schedule_timeout() until (a);", "{left = schedule_timeout() until (a);}"},
      {"byte left = schedule_timeout() until (a);", "{byte left = schedule_timeout() until (a);}"},
      {"if (x) schedule() until (y); else f(1, g(2), h.i);", "{if (x) schedule() until (y); else f(1, g(2), h.i);}"},
      {"if (a) if (b) c(); else d();", "{if (a) if (b) c(); else d();}"},
      {"if (a) { if (b) c(); } else d();", "{if (a) {if (b) c();} else d();}"},
      {"if (a) b(); else if (c) d(); else { e(); f(); }", "{if (a) b(); else if (c) d(); else {e(); f();}}"},
      {"while (a) { b(); }", "{while (a) {b();}}"},
      {"while (a);", "{while (a) {}}"},
      {"do a++; while (a < 3);", "{do a++; while (a < 3);}"},
      {"for (;;) { break; }", "{while (1) {break;}}"},
      {"loop continue;", "{while (1) continue;}"},
      {"repeat (255) x--;", "{repeat (255) x--;}"},
      {"choose {} or {} or {}", "{choose {} or {} or {}}"},
      {"choose a(); or b();", "{choose a(); or b();}"},
      {"return; return a + 1;", "{return; return a + 1;}"},
      {"goto out; out: ;", "{goto out; out:}"},
      {"out: more: f();", "{out: more: f();}"},
      {"out:", "{out:}"},
      {"sleep: sleep (a);", "{sleep: sleep (a);}"},
      {"if (a) out: f();", "{if (a) {out: f();}}"},
      {"rest: schedule();", "{rest: schedule();}"},
      {"rest: out: rest: { schedule(); }", "{out: rest: {schedule();}}"},
      {"rest: while (1) schedule();", "{rest: while (1) schedule();}"},
      {"atomic { a = 1; b = 2; }", "{atomic {a = 1; b = 2;}}"},
      {"guarded a = 1;", "{guarded a = 1;}"},
      {"release lock.held = 0;", "{release lock.held = 0;}"},
      {"await (!lock); sleep (on_rq); assert (a == 1);", "{await (!lock); sleep (on_rq); assert (a == 1);}"},
      {"trace E1 ttwu(p, p.state); trace E0 idle();", "{trace E1 ttwu(p, p.state); trace E0 idle();}"},
      {"note \"a \\\"b\\\" \\\\\";", "{note \"a \\\"b\\\" \\\\\";}"},
      {"with helper;", "{with helper;}"},
      {"byte r = cond; bit q; taskref t = current; task u;", "{byte r = cond; bit q; taskref t = current; taskref u;}"},
      {"byte a, b = 2;", "{byte a; byte b = 2;}"},
      {"a = 1; a.b.c += 2; a -= 3; a |= 4; a &= ~5;", "{a = 1; a.b.c += 2; a -= 3; a |= 4; a &= ~5;}"},
      {"a++; a.b--; a += 1;", "{a++; a.b--; a++;}"},
      {"list_at(l, 0).state = 1;", "{list_at(l, 0).state = 1;}"},
      {"byte = 1;", ""},  // a word of the language
  };
  for (const Row& row : rows) {
    const auto text = ParseBody(row.text);
    if (row.source.empty()) {
      EXPECT_FALSE(text) << row.text;
      continue;
    }
    ASSERT_TRUE(text) << row.text << ": " << text.error().Text();
    const std::string source = Source(text->tasks[0].body);
    EXPECT_EQ(source, row.source) << row.text;
    const auto again = ParseBody(source.substr(1, source.size() - 2));
    ASSERT_TRUE(again) << source << ": " << again.error().Text();
    EXPECT_EQ(Source(again->tasks[0].body), source);
  }
}

TEST(Parser, ExpressionsBindAsInC) {
  struct Row {
    std::string text, full, shown;  // `full` has the parentheses that C's precedence implies
  };
  const Row rows[] = {
      {"a || b && c", "a || (b && c)", "a || b && c"},
      {"(a || b) && c", "(a || b) && c", "(a || b) && c"},
      {"a | b ^ c & d", "a | (b ^ (c & d))", "a | b ^ c & d"},
      {"a & b == c", "a & (b == c)", "a & b == c"},
      {"(a & b) == c", "(a & b) == c", "(a & b) == c"},
      {"a == b < c", "a == (b < c)", "a == b < c"},
      {"a < b << c + d * e", "a < (b << (c + (d * e)))", "a < b << c + d * e"},
      {"a - b - c", "(a - b) - c", "a - b - c"},
      {"a - (b - c)", "a - (b - c)", "a - (b - c)"},
      {"a / b % c * d", "((a / b) % c) * d", "a / b % c * d"},
      {"!a == b", "(!a) == b", "!a == b"},
      {"!(a == b)", "!(a == b)", "!(a == b)"},
      {"!!a", "!(!a)", "!!a"},
      {"- -a", "-(-a)", "-(-a)"},
      {"~a.b + -1", "(~(a.b)) + (-1)", "~a.b + -1"},
      {"a >= b != c <= d", "(a >= b) != (c <= d)", "a >= b != c <= d"},
      {"((a))", "a", "a"},
      {"f(a, b || c).d >> 0x10", "(f(a, (b || c)).d) >> 16", "f(a, b || c).d >> 16"},
      {"(f)", "f", "f"},
  };
  for (const Row& row : rows) {
    const auto text = ParseBody("x = " + row.text + ";"), full = ParseBody("x = " + row.full + ";");
    ASSERT_TRUE(text) << row.text << ": " << text.error().Text();
    ASSERT_TRUE(full) << row.full << ": " << full.error().Text();
    EXPECT_EQ(TextOf(*text->tasks[0].body.body[0].expr), row.shown) << row.text;
    EXPECT_EQ(TextOf(*full->tasks[0].body.body[0].expr), row.shown) << row.full;
  }
}

TEST(Parser, ShortAtomicBlocksAreShownWhole) {
  struct Row {
    std::string text, shown;
  };
  const Row rows[] = {
      {"atomic { note \"both\"; a = 1; b++; }", "atomic { a = 1; b++; }"},
      {"atomic f();", "atomic f()"},
      {"atomic {}", "atomic { }"},
      {"guarded { if (a) b(); }", "guarded { ... }"},
      {"atomic { f(" + std::string(60, 'a') + "); f(" + std::string(60, 'b') + "); }", "atomic { ... }"},
  };
  for (const Row& row : rows) {
    const auto text = ParseBody(row.text);
    ASSERT_TRUE(text) << text.error().Text();
    EXPECT_EQ(TextOf(text->tasks[0].body.body[0]), row.shown);
  }
}

std::string Shown(const VarDecl& var) {
  return var.type + " " + var.name + (var.max ? " max " + TextOf(*var.max) : "") +
         (var.initial ? " = " + TextOf(*var.initial) : "");
}

TEST(Parser, EveryDeclaration) {
  const auto text = Parse(R"(
protocol kthread_loop "a loop";
explains check-before-sleep, kthread-stop;
explains wait;
expect sc safe, tso loses;
const LIMIT = 1 << 2;
struct queue { task_list waiters max 4; bit held; byte n; counter m max 3 = 1; list l; task owner; mutex m2, m3; flag f = 1; };
flag cond, other = 1;
bit b;
byte n max LIMIT = 2, m max 3;
counter c max 7;
taskref who;
wait_queue wq, wq2;
inline f(queue q, task p, value v, expr e) { return v; }
inline g() {}
task waker[16] { }
task late dormant until (cond) { }
kthread worker until (b) { schedule(); }
interrupt irq { }
companion helper(task p) { }
pool events workers 2;
work w on events { n++; }
timer t { } ;
softirq s { }
)",
                          "dir/x.wake");
  ASSERT_TRUE(text) << text.error().Text();
  EXPECT_EQ(text->name, "kthread_loop");
  EXPECT_EQ(text->title, "a loop");
  EXPECT_EQ(text->explains, (std::vector<std::string>{"check-before-sleep", "kthread-stop", "wait"}));
  ASSERT_EQ(text->expect.size(), 2u);
  EXPECT_EQ(text->expect[0].memory + " " + text->expect[0].verdict, "sc safe");
  EXPECT_EQ(text->expect[1].memory + " " + text->expect[1].verdict, "tso loses");
  EXPECT_EQ(text->expect[1].place, (Place{5, 17}));
  EXPECT_EQ(text->constants[0].name + " " + TextOf(text->constants[0].value), "LIMIT 1 << 2");
  std::string fields, vars;
  for (const VarDecl& field : text->structs[0].fields) fields += Shown(field) + "; ";
  for (const VarDecl& var : text->vars) vars += Shown(var) + "; ";
  EXPECT_EQ(fields,
            "task_list waiters max 4; bit held max 1; byte n max 255; byte m max 3 = 1; list l; task owner; mutex m2; "
            "mutex m3; bit f max 1 = 1; ");
  EXPECT_EQ(
      vars,
      "bit cond max 1; bit other max 1 = 1; bit b max 1; byte n max LIMIT = 2; byte m max 3; byte c max 7; task who; "
      "wait_queue wq; wait_queue wq2; ");
  ASSERT_EQ(text->inlines.size(), 2u);
  EXPECT_EQ(text->inlines[0].params[3].type + " " + text->inlines[0].params[3].name, "expr e");
  EXPECT_TRUE(text->inlines[1].params.empty());
  std::string tasks;
  for (const TaskDecl& task : text->tasks) {
    tasks += task.kind + " " + task.name + "[" + std::to_string(task.count) + "]" + (task.dormant ? " dormant" : "") +
             (task.until ? " until " + TextOf(*task.until) : "") + (task.params.empty() ? "" : " of a task") + "; ";
  }
  EXPECT_EQ(tasks,
            "task waker[16]; task late[1] dormant until cond; kthread worker[1] until b; interrupt irq[1]; "
            "companion helper[1] of a task; ");
  EXPECT_EQ(text->pools[0].workers, 2u);
  EXPECT_EQ(text->handlers[0].kind + text->handlers[0].name + text->handlers[0].pool, "workwevents");
  EXPECT_EQ(text->handlers.size(), 3u);
}

TEST(Parser, TheKernelsOwnWaysOfWritingAreUnderstood) {
  const auto parsed = Parse(
      "struct completion done; wait_queue_head_t wq; spinlock_t lock; bool ready;"
      "task t { wake_up(&wq); a = p->state; if (!&done) return; }",
      "t.wake");
  ASSERT_TRUE(parsed) << parsed.error().Text();
  std::string types;
  for (const VarDecl& var : parsed->vars) types += var.type + " " + var.name + "; ";
  EXPECT_EQ(types, "completion done; wait_queue wq; spinlock lock; bit ready; ");
  EXPECT_EQ(TextOf(parsed->tasks[0].body.body[0]), "wake_up(wq)");
  EXPECT_EQ(TextOf(parsed->tasks[0].body.body[1]), "a = p.state");
}

TEST(Parser, AProtocolIsNamedAfterItsFileWhereItDoesNotSay) {
  const auto text = Parse("", "/home/me/my_loop.wake");
  ASSERT_TRUE(text);
  EXPECT_EQ(text->name, "my_loop");
  EXPECT_EQ(text->title, "");
}

struct ErrorRow {
  std::string text, error;
};

void ExpectErrors(std::span<const ErrorRow> rows, const std::string& before, const std::string& after) {
  for (const ErrorRow& row : rows) {
    const auto text = Parse(before + row.text + after, "t.wake");
    ASSERT_FALSE(text) << row.text;
    EXPECT_EQ(text.error().Text(), "t.wake: line " + row.error) << row.text;
    EXPECT_EQ(text.error().file, "t.wake");
    EXPECT_EQ(text.error().code, ErrorCode::kInvalidArgument);
  }
}

const ErrorRow kStatementErrors[] = {
    {"schedule()\nx = 1;", "2, column 11: expected ';' behind schedule(), found 'x' (a statement ends with ';')"},
    {"cond = 1", "2, column 9: expected ';' behind cond = 1, found '}' (a statement ends with ';')"},
    {"if (a = 1) f();",
     "2, column 7: expected ')' behind the condition of if, found '=' (compare with '=='; an assignment is a "
     "statement "
     "of its own)"},
    {"while ((a = 1)) f();",
     "2, column 11: expected ')' behind the expression in parentheses, found '=' (compare with '=='; an assignment "
     "is a "
     "statement of its own)"},
    {"f(a = 1);",
     "2, column 5: expected ')' or ',' behind an argument of f(), found '=' (compare with '=='; an assignment is a "
     "statement of its own)"},
    {"a = b until (c);", "2, column 6: expected ';' behind a = b, found 'until' (a statement ends with ';')"},
    {"a = b = 1;", "2, column 6: expected ';' behind a = b, found '=' (one assignment a statement)"},
    {"whlie (a) { }", "2, column 10: expected ';' behind whlie(a), found '{' (did you mean 'while'?)"},
    {"lop { }", "2, column 5: expected '(' or '=' behind lop, found '{' (did you mean 'loop'?)"},
    {"retrun x;", "2, column 1: expected a statement, found 'retrun' (did you mean 'return'?)"},
    {"int x;",
     "2, column 1: expected a statement, found 'int' (a local is bit, byte or taskref; a call has parentheses)"},
    {"switch x;",
     "2, column 1: expected a statement, found 'switch' (a local is bit, byte or taskref; a call has parentheses)"},
    {"f(); g(); else h();",
     "2, column 11: expected a statement, found 'else' ('else' has no 'if' in front of it: put several statements of "
     "an "
     "if into { })"},
    {"or { }", "2, column 1: expected a statement, found 'or' ('or' has no 'choose' in front of it)"},
    {"schedule;",
     "2, column 9: expected '(' or '=' behind schedule, found ';' (a statement is a call, f(x);, or an assignment, x "
     "= "
     "1;)"},
    {"a == 1;", "2, column 3: expected '(' or '=' behind a, found '==' (assign with '=')"},
    {"a *= 2;", "2, column 3: expected '(' or '=' behind a, found '*=' (write a = a * ...)"},
    {"++a;", "2, column 1: expected a statement, found '++' (write x++;)"},
    {"a = ++b;",
     "2, column 5: expected an expression, found '++' (an assignment is a statement of its own: x++; or x--;)"},
    {"f(x) = 1;", "2, column 1: nothing can be assigned to f(x)"},
    {"release f(x) = 1;", "2, column 9: nothing can be assigned to f(x)"},
    {"release a += 1;", "2, column 11: expected '=' behind release, found '+=' (write release lock = 0;)"},
    {"for (i = 0; i < 3; i++) f();",
     "2, column 6: expected ';' in for (;;), found 'i' (only for (;;) exists: write while (condition) or repeat "
     "(2))"},
    {"if a { }", "2, column 4: expected '(' behind if, found 'a' (write if (condition))"},
    {"repeat 3 f();", "2, column 8: expected '(' behind repeat, found '3' (write repeat (2) { ... })"},
    {"repeat (n) f();", "2, column 9: expected how often to repeat, a number of 1 to 255, found 'n'"},
    {"repeat (0) f();", "2, column 9: how often to repeat is 0, and may be 1 to 255"},
    {"choose { } f();",
     "2, column 12: expected 'or' and another way behind choose, found 'f' (write choose { ... } or { ... })"},
    {"do f(); until (a);", "2, column 9: expected 'while' behind the body of do, found 'until'"},
    {"rest: }", "2, column 1: 'rest:' has no statement behind it (it says where a task may stay)"},
    {"rest: ;", "2, column 1: 'rest:' has no statement behind it (it says where a task may stay)"},
    {"else: f();", "2, column 1: 'else' is no label"},
    {"goto 3;", "2, column 6: expected a label behind goto, found '3'"},
    {"byte if;", "2, column 6: expected a name for the local, found 'if' ('if' is a word of the language)"},
    {"byte a max 3;", "2, column 8: expected '=' or ';', found 'max' (locals have no bound of their own)"},
    {"trace ttwu(p);",
     "2, column 7: expected E0 or E1 behind trace, found 'ttwu' (the evidence level that shows the event)"},
    {"trace E0 ttwu;",
     "2, column 10: expected an event behind trace E0, found 'ttwu' (write trace E0 sched_waking(task);)"},
    {"note hello;", "2, column 6: expected a sentence in quotes behind note, found 'hello'"},
    {"with 3;", "2, column 6: expected a companion's name behind with, found '3'"},
    {"f(a, );", "2, column 6: expected an expression, found ')'"},
    {"f(a b);", "2, column 5: expected ')' or ',' behind an argument of f(), found 'b'"},
    {"f(a", "2, column 4: expected ')' or ',' behind an argument of f(), found '}'"},
    {"a = (1;", "2, column 7: expected ')' behind the expression in parentheses, found ';'"},
    {"a = ;", "2, column 5: expected an expression, found ';'"},
    {"wake_up_process(a[2]);",
     "2, column 18: expected an operator or the end of the expression, found '[' (there are no arrays, and tasks that "
     "are "
     "alike are not told apart: a task that is meant has a declaration of its own)"},
    {"if (a)", "2, column 7: expected a statement behind if, found '}'"},
    {"while (max) f();", "2, column 8: expected an expression, found 'max' ('max' is a word of the language)"},
    {"f(\"text\");", "2, column 3: expected an expression, found a string"},
    {"3 = a;", "2, column 1: expected a statement, found '3'"},
    {"if (a) {",
     "2, column 10: expected '}', found the end of the text (the block that begins in line 1 is not closed)"},
    {"if (a) {\ntask b { }", "3, column 1: expected '}', found 'task' (the block that begins in line 2 is not closed)"},
};

TEST(Parser, ErrorsInStatementsNameWhatToWrite) { ExpectErrors(kStatementErrors, "task t {\n", "}"); }

TEST(Parser, ErrorsInDeclarationsNameWhatToWrite) {
  const ErrorRow rows[] = {
      {"counter n;", "1, column 9: counter n has no bound (write counter n max N)"},
      {"byte a max 2, b;", "1, column 15: byte b has no bound (write byte b max N)"},
      {"flga cond;", "1, column 6: 'flga' in front of cond is no type (did you mean 'flag'?)"},
      {"tsak t { }", "1, column 1: expected a declaration, found 'tsak' (did you mean 'task'?)"},
      {"kthraed t[2] { }", "1, column 1: expected a declaration, found 'kthraed' (did you mean 'kthread'?)"},
      {"expct safe;", "1, column 7: 'expct' in front of safe is no type (did you mean 'expect'?)"},
      {"exspect sc safe;", "1, column 1: expected a declaration, found 'exspect' (did you mean 'expect'?)"},
      {"cond = 1;",
       "1, column 1: expected a declaration, found 'cond' (a file holds declarations: flag, counter, task, kthread "
       "...; "
       "statements stand in a task)"},
      {"if (a) f();",
       "1, column 1: expected a declaration, found 'if' (a file holds declarations: flag, counter, task, kthread ...; "
       "statements stand in a task)"},
      {"task t { } }", "1, column 12: expected a declaration, found '}' (this '}' closes nothing)"},
      {"task t;", "1, column 7: expected '{' behind task t, found ';' (a variable that holds a task is 'taskref t;')"},
      {"task t[0] { }", "1, column 8: how many there are of t is 0, and may be 1 to 16"},
      {"task t[17] { }", "1, column 8: how many there are of t is 17, and may be 1 to 16"},
      {"task t[N] { }", "1, column 8: expected how many there are of t, a number of 1 to 16, found 'N'"},
      {"task { }", "1, column 6: expected a name for the task, found '{'"},
      {"task if { }", "1, column 6: expected a name for the task, found 'if' ('if' is a word of the language)"},
      {"companion c { }", "1, column 13: expected '(', found '{'"},
      {"companion c(value v) { }",
       "1, column 11: a companion has one parameter, the task that it belongs to (write companion c(task p) { ... })"},
      {"flag a\nflag b;", "1, column 7: expected ';' behind flag a, found 'flag' (a statement ends with ';')"},
      {"completion done\ntask t { }",
       "1, column 16: expected ';' behind completion done, found 'task' (a statement ends with ';')"},
      {"flag a max 2;",
       "1, column 8: expected '=' or ';' behind flag a, found 'max' (only byte, counter and lists have a bound)"},
      {"mutex m max 2;",
       "1, column 9: expected '=' or ';' behind mutex m, found 'max' (only byte, counter and lists have a bound)"},
      {"mutex m = 1;", "1, column 9: expected ';' behind m, found '=' (a mutex begins as its fields do)"},
      {"flag a[2];", "1, column 7: expected ';' behind a, found '[' (there are no arrays: only tasks come in numbers)"},
      {"protocol \"title\";", "1, column 10: expected a name for the protocol, found a string"},
      {"protocol a \"b\"\nflag c;",
       "1, column 15: expected ';' behind the protocol's name and title, found 'flag' (write protocol name "
       "\"title\";)"},
      {"protocol a;\nprotocol b;",
       "2, column 1: a second protocol line; the first is in line 1 (a file holds one protocol)"},
      {"expect maybe;",
       "1, column 8: expected 'safe' or 'loses', found 'maybe' (write expect safe; or expect loses; or expect sc safe, "
       "tso "
       "loses;)"},
      {"expect sc safe, sc loses;",
       "1, column 17: a second expectation of the same (write expect safe; or expect loses; or expect sc safe, tso "
       "loses;)"},
      {"expect safe; expect tso loses;",
       "1, column 21: a second expectation of the same (write expect safe; or expect loses; or expect sc safe, tso "
       "loses;)"},
      {"explains a-;", "1, column 12: expected the rest of the class's name behind '-', found ';'"},
      {"explains 3;", "1, column 10: expected a class of lost wakeups behind explains, found '3'"},
      {"const A 3;", "1, column 9: expected '=' behind const A, found '3' (write const NAME = 1;)"},
      {"inline f { }", "1, column 10: expected '(', found '{'"},
      {"inline f(p) { }", "1, column 11: expected a name behind p, found ')'"},
      {"inline f(task p task q) { }", "1, column 17: expected ')' or ',' behind the parameter p, found 'task'"},
      {"inline f(task p);", "1, column 17: expected '{' behind inline f, found ';'"},
      {"pool p 3;", "1, column 8: expected 'workers' behind pool p, found '3' (write pool p workers 1;)"},
      {"pool p workers 0;", "1, column 16: the number of workers is 0, and may be 1 to 8"},
      {"work w { }", "1, column 8: expected 'on' behind work w, found '{' (write work w on POOL { ... })"},
      {"struct s { byte }", "1, column 17: expected a name behind byte, found '}'"},
      {"struct s { flag a;", "1, column 19: expected '}' behind the fields of struct s, found the end of the text"},
      {"struct s { 3 }", "1, column 12: expected a type and a name, found '3'"},
      {"task t {\n",
       "2, column 1: expected '}', found the end of the text (the block that begins in line 1 is not closed)"},
  };
  ExpectErrors(rows, "", "");
}

TEST(Parser, NeitherDeepNorLongTextsAreTooMuch) {
  const auto repeated = [](const std::string& part, size_t n) {
    std::string all;
    for (size_t i = 0; i < n; ++i) all += part;
    return all;
  };
  const std::string bodies[] = {
      repeated("{", 40'000),
      repeated("if (a) ", 8'000),
      repeated("if (a) b(); else ", 4'000) + "c();",
      repeated("do ", 40'000),
      "x = " + repeated("(", 40'000),
      "x = " + repeated("!", 40'000) + "a;",
      "x = a" + repeated(" + a", 20'000) + ";",
      "x = a" + repeated(".b", 20'000) + ";",
      "x = " + repeated("f(", 20'000),
      repeated("atomic ", 40'000),
      repeated("choose ", 40'000),
  };
  for (const std::string& body : bodies) {
    const auto text = ParseBody(body);
    ASSERT_FALSE(text) << body.substr(0, 20);
    EXPECT_EQ(text.error().code, ErrorCode::kTooLarge) << text.error().Text();
  }
  const std::string fitting[] = {
      repeated("{", 55) + repeated("}", 55), "x = " + repeated("(", 55) + "a" + repeated(")", 55) + ";",
      "x = a" + repeated(" + a", 55) + ";",  repeated("a: ", 10'000),
      repeated("f(a, b);", 5'000),           "f(a" + repeated(", a", 20'000) + ");",
  };
  for (const std::string& body : fitting) {
    const auto text = ParseBody(body);
    EXPECT_TRUE(text) << text.error().Text();
  }
}

// Cut anywhere, or with one byte changed, a protocol is read or refused; under a sanitizer that says more.
TEST(Parser, DamagedTextsEndInAnError) {
  const std::string whole = "flag a; task t[2] until (a) { if (a == 1) { f(a, b) ; } else x++; rest: schedule(); }";
  size_t refused = 0;
  for (size_t cut = 9; cut < whole.size(); ++cut) refused += Parse(whole.substr(0, cut), "t.wake") ? 0 : 1;
  EXPECT_EQ(refused, whole.size() - 9);
  for (size_t at = 0; at < whole.size(); ++at) {
    for (const char c : {'\0', '{', '(', ';', '"', 'x', '9', '\xff'}) {
      std::string damaged = whole;
      damaged[at] = c;
      const auto text = Parse(damaged, "t.wake");
      if (!text) {
        EXPECT_NE(text.error().cause.find("line 1, column "), std::string::npos) << text.error().Text();
      }
    }
  }
}

TEST(Parser, ErrorsWithoutAPlaceNameNone) {
  EXPECT_EQ(ErrorAt("t.wake", {3, 7}, "cause", "remedy").Text(), "t.wake: line 3, column 7: cause (remedy)");
  EXPECT_EQ(ErrorAt("t.wake", {}, "cause").Text(), "t.wake: cause");
}

TEST(Parser, ShippedTextsAreRead) {
  const auto prelude = Parse(PreludeText(), "prelude");
  ASSERT_TRUE(prelude) << prelude.error().Text();
  EXPECT_FALSE(prelude->constants.empty());
  for (const ShippedProtocol& shipped : ShippedProtocols()) {
    const auto text = Parse(shipped.text, std::string(shipped.name));
    ASSERT_TRUE(text) << text.error().Text();
    EXPECT_EQ(text->name, shipped.name);
    EXPECT_FALSE(text->title.empty()) << shipped.name;
    EXPECT_FALSE(text->expect.empty()) << shipped.name;
  }
}

}  // namespace
}  // namespace wakewatch::protocol
