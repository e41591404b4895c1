#include "analysis/protocol/compiler/desugar.h"

#include <algorithm>
#include <iterator>

#include "analysis/protocol/language/parser.h"

namespace wakewatch::protocol {

namespace {

constexpr const char* kBody = "handler_body";

std::string Softirqs(const ProtocolText& text) {
  std::string code;
  for (const HandlerDecl& handler : text.handlers) {
    if (handler.kind != "softirq") continue;
    code += "if (" + handler.name + ".pending) { softirq_take(" + handler.name + "); " + kBody + "_" + handler.name +
            "(); } ";
  }
  return code;
}

// `handler_body_x();` becomes the body of x; everything made here stands where its declaration stands.
void PutBodies(const ProtocolText& text, Place place, Stmt* stmt) {
  if (stmt->kind == StmtKind::kExpr && stmt->expr && stmt->expr->kind == ExprKind::kCall) {
    for (const HandlerDecl& handler : text.handlers) {
      if (stmt->expr->name != std::string(kBody) + "_" + handler.name) continue;
      *stmt = handler.body;
      return;
    }
  }
  stmt->place = place;
  for (Stmt& part : stmt->body) PutBodies(text, place, &part);
}

Result<TaskDecl> Made(const ProtocolText& text, const std::string& code, Place place) {
  Result<ProtocolText> parsed = Parse(code, "made");
  if (!parsed) return Fail(ErrorCode::kInternal, "a task that was made does not parse: " + parsed.error().cause);
  TaskDecl decl = std::move(parsed->tasks.at(0));
  decl.place = place;
  PutBodies(text, place, &decl.body);
  return decl;
}

}  // namespace

Result<std::vector<TaskDecl>> TasksOf(const ProtocolText& text, const std::string& file) {
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
                                 "task t { loop { rest: expire_timer(" + handler.name + "); " + kBody + "_" +
                                     handler.name + "(); timer_expired(" + handler.name + "); " + softirqs + "} }",
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
    task->count = std::clamp(pool.workers, 1u, 8u);
    tasks.push_back(std::move(*task));
  }
  if (tasks.empty()) {
    return Fail(ErrorAt(file, {1, 1}, "there is no task in it", "kthread worker { ... }, and somebody who wakes it"));
  }
  return tasks;
}

}  // namespace wakewatch::protocol
