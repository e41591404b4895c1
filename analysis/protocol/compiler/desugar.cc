#include "analysis/protocol/compiler/desugar.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include "analysis/protocol/language/parser.h"
#include "analysis/protocol/program.h"

namespace wakewatch::protocol {

namespace {

constexpr size_t kSoftirqsMax = 32;  // the kernel has 10

// The call that stands for the body of a handler. Handlers are numbered, as their own names may be as long as names can
// be.
std::string Body(const ProtocolText& text, const HandlerDecl& handler) {
  return "handler_body_" + std::to_string(&handler - text.handlers.data());
}

std::string Softirqs(const ProtocolText& text) {
  std::string code;
  for (const HandlerDecl& handler : text.handlers) {
    if (handler.kind != "softirq") continue;
    code += "if (" + handler.name + ".pending) { softirq_take(" + handler.name + "); " + Body(text, handler) + "(); } ";
  }
  return code;
}

// A handler's body takes the place of the call that stands for it; everything made here stands where its declaration
// stands.
void PutBodies(const ProtocolText& text, Place place, Stmt* stmt) {
  if (stmt->kind == StmtKind::kExpr && stmt->expr && stmt->expr->kind == ExprKind::kCall) {
    for (const HandlerDecl& handler : text.handlers) {
      if (stmt->expr->name != Body(text, handler)) continue;
      *stmt = handler.body;
      return;
    }
  }
  stmt->place = place;
  for (Stmt& part : stmt->body) PutBodies(text, place, &part);
}

uint32_t Workers(const PoolDecl& pool) { return std::clamp(pool.workers, 1u, 8u); }

Result<TaskDecl> Made(const ProtocolText& text, const std::string& code, Place place) {
  Result<ProtocolText> parsed = Parse(code, "made");
  if (!parsed) return Fail(ErrorCode::kInternal, "a task that was made does not parse: " + parsed.error().cause);
  TaskDecl decl = std::move(parsed->tasks.at(0));
  decl.place = place;
  PutBodies(text, place, &decl.body);
  return decl;
}

// How much is to be made is known before it is made.
std::optional<Error> TooMany(const ProtocolText& text, const std::string& file) {
  size_t tasks = 0, softirqs = 0;
  for (const TaskDecl& decl : text.tasks) tasks += decl.kind == "companion" ? 0 : decl.count;
  for (const PoolDecl& pool : text.pools) tasks += Workers(pool);
  for (const HandlerDecl& handler : text.handlers) {
    if (handler.kind == "timer") ++tasks;
    if (handler.kind == "softirq") ++softirqs;
  }
  if (softirqs > 0) ++tasks;  // ksoftirqd
  const auto at_most = [&](const std::string& what, size_t limit) {
    return ErrorAt(file, {1, 1}, what + " are too many: at most " + std::to_string(limit),
                   "leave out what does not matter to the question");
  };
  if (tasks > kTasksMax) return at_most(std::to_string(tasks) + " tasks", kTasksMax);
  if (softirqs > kSoftirqsMax) return at_most(std::to_string(softirqs) + " softirqs", kSoftirqsMax);
  return {};
}

}  // namespace

Result<std::vector<TaskDecl>> TasksOf(const ProtocolText& text, const std::string& file) {
  if (std::optional<Error> error = TooMany(text, file)) return Fail(std::move(*error));
  std::vector<TaskDecl> tasks;
  std::copy_if(text.tasks.begin(), text.tasks.end(), std::back_inserter(tasks),
               [](const TaskDecl& decl) { return decl.kind != "companion"; });
  const std::string softirqs = Softirqs(text);
  for (TaskDecl& task : tasks) {
    if (task.kind != "interrupt" || softirqs.empty()) continue;
    Result<TaskDecl> exit = Made(text, "task irq_exit { " + softirqs + "}", task.place);
    if (!exit) return Fail(exit.error());
    task.body = Stmt{StmtKind::kBlock, task.place, false, "", "", "", "", 0, {}, {}, {}, {task.body, exit->body}};
  }
  for (const HandlerDecl& handler : text.handlers) {
    if (handler.kind != "timer") continue;
    Result<TaskDecl> task = Made(text,
                                 "task t { loop { rest: expire_timer(" + handler.name + "); " + Body(text, handler) +
                                     "(); timer_expired(" + handler.name + "); " + softirqs + "} }",
                                 handler.place);
    if (!task) return Fail(task.error());
    task->kind = "timer";
    task->name = handler.name;
    tasks.push_back(std::move(*task));
  }
  if (!softirqs.empty()) {
    std::string pending;
    Place place;
    for (const HandlerDecl& handler : text.handlers) {
      if (handler.kind != "softirq") continue;
      pending += (pending.empty() ? "" : " || ") + handler.name + ".pending";
      if (place.line == 0) place = handler.place;
    }
    Result<TaskDecl> task =
        Made(text,
             "kthread ksoftirqd { loop { set_current_state(TASK_INTERRUPTIBLE); if (!(" + pending +
                 ")) schedule() until (" + pending + "); __set_current_state(TASK_RUNNING); " + softirqs + "} }",
             place);
    if (!task) return Fail(task.error());
    tasks.push_back(std::move(*task));
  }
  for (const PoolDecl& pool : text.pools) {
    Result<TaskDecl> task = Made(text,
                                 "kthread w { loop { byte item = worker_next(" + pool.name + "); run_works " +
                                     pool.name + " item; worker_done(" + pool.name + "); } }",
                                 pool.place);
    if (!task) return Fail(task.error());
    task->kind = "kworker";
    task->name = "kworker/" + pool.name;
    task->count = Workers(pool);
    tasks.push_back(std::move(*task));
  }
  if (tasks.empty()) {
    return Fail(ErrorAt(file, {1, 1}, "there is no task in it", "kthread worker { ... }, and somebody who wakes it"));
  }
  return tasks;
}

}  // namespace wakewatch::protocol
