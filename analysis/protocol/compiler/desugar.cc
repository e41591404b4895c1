#include "analysis/protocol/compiler/desugar.h"

#include <optional>
#include <utility>

#include "analysis/protocol/language/parser.h"
#include "analysis/protocol/program.h"

namespace wakewatch::protocol {

namespace {

constexpr size_t kSoftirqsMax = 32;  // the kernel has 10
constexpr size_t kWorksMax = 31;     // what a list can hold

// How much is to be made is known before it is made.
std::optional<Error> TooMany(const ProtocolText& text, const std::string& file) {
  size_t tasks = 0, softirqs = 0, works = 0;
  for (const TaskDecl& decl : text.tasks) tasks += decl.kind == "companion" ? 0 : decl.count;
  for (const PoolDecl& pool : text.pools) tasks += pool.workers;
  for (const HandlerDecl& handler : text.handlers) {
    tasks += handler.kind == "timer" || handler.delayed ? 1 : 0;
    softirqs += handler.kind == "softirq" ? 1 : 0;
    works += handler.kind == "work" ? 1 : 0;
  }
  if (softirqs > 0) ++tasks;  // ksoftirqd
  const std::pair<std::pair<size_t, size_t>, const char*> limits[] = {
      {{tasks, kTasksMax}, " tasks"}, {{softirqs, kSoftirqsMax}, " softirqs"}, {{works, kWorksMax}, " works"}};
  for (const auto& [number, what] : limits) {
    if (number.first <= number.second) continue;
    return ErrorAt(file, {1, 1},
                   std::to_string(number.first) + what + " are too many: at most " + std::to_string(number.second),
                   "leave out what does not matter to the question");
  }
  return {};
}

void PutAt(Place place, Stmt* stmt) {
  stmt->place = place;
  for (Stmt& part : stmt->body) PutAt(place, &part);
}

class Desugarer {
 public:
  explicit Desugarer(const ProtocolText& text) : text_(text) {}

  Result<Desugared> Run();

 private:
  // The call of a body, for what is made.
  std::string Call(Place place, const std::string& name, const Stmt& body);
  std::string Softirqs();
  void Interrupt(const TaskDecl& decl);
  void Kthread(const TaskDecl& decl);
  void Timer(const HandlerDecl& handler);
  void DelayedWork(const HandlerDecl& handler);
  void Ksoftirqd();
  void Pool(const PoolDecl& pool);
  // Everything that is made stands where its declaration stands.
  void Make(const std::string& code, Place place, const std::string& kind, const std::string& name, uint32_t count = 1);

  const ProtocolText& text_;
  std::string softirqs_;
  Desugared made_;
  std::optional<Error> error_;
};

// Bodies are numbered, as names may be as long as names can be.
std::string Desugarer::Call(Place place, const std::string& name, const Stmt& body) {
  std::string key = "__body_" + std::to_string(made_.bodies.size());
  made_.bodies[key] = InlineDecl{place, name, {}, body};
  return key + "(); ";
}

std::string Desugarer::Softirqs() {
  std::string code;
  for (const HandlerDecl& handler : text_.handlers) {
    if (handler.kind != "softirq") continue;
    code += "if (" + handler.name + ".pending) { softirq_take(" + handler.name + "); " +
            Call(handler.place, handler.name, handler.body) + "} ";
  }
  return code;
}

void Desugarer::Make(const std::string& code, Place place, const std::string& kind, const std::string& name,
                     uint32_t count) {
  Result<ProtocolText> parsed = Parse("task t { " + code + "}", "made");
  if (!parsed) {
    error_ = Error{ErrorCode::kInternal, "a task that was made does not parse: " + parsed.error().cause};
    return;
  }
  TaskDecl decl = std::move(parsed->tasks.at(0));
  decl.place = place;
  decl.kind = kind;
  decl.name = name;
  decl.count = count;
  PutAt(place, &decl.body);
  made_.tasks.push_back(std::move(decl));
}

void Desugarer::Interrupt(const TaskDecl& decl) {
  Make(Call(decl.place, decl.name, decl.body) + softirqs_, decl.place, decl.kind, decl.name, decl.count);
  made_.tasks.back().dormant = decl.dormant;
}

void Desugarer::Kthread(const TaskDecl& decl) {
  Make("if (kthread_begins()) " + Call(decl.place, decl.name, decl.body), decl.place, decl.kind, decl.name, decl.count);
  made_.tasks.back().dormant = decl.dormant;
  made_.tasks.back().until = decl.until;
}

void Desugarer::Timer(const HandlerDecl& handler) {
  Make("loop { rest: expire_timer(" + handler.name + "); " + Call(handler.place, handler.name, handler.body) +
           "timer_expired(" + handler.name + "); " + softirqs_ + "} ",
       handler.place, "timer", handler.name);
}

void Desugarer::DelayedWork(const HandlerDecl& handler) {
  const std::string number = std::to_string(NumberOfWork(text_, handler.name));
  Make("run_delayed_work_timer(" + handler.pool + ", " + handler.name + ", " + number + "); ", handler.place, "timer",
       "timer/" + handler.name);
}

void Desugarer::Ksoftirqd() {
  std::string pending;
  Place place;
  for (const HandlerDecl& handler : text_.handlers) {
    if (handler.kind != "softirq") continue;
    pending += (pending.empty() ? "" : " || ") + handler.name + ".pending";
    if (place.line == 0) place = handler.place;
  }
  Make("loop { set_current_state(TASK_INTERRUPTIBLE); if (!(" + pending + ")) schedule() until (" + pending +
           "); __set_current_state(TASK_RUNNING); " + softirqs_ + "} ",
       place, "kthread", "ksoftirqd");
}

void Desugarer::Pool(const PoolDecl& pool) {
  std::string run;
  for (const HandlerDecl& handler : text_.handlers) {
    if (handler.kind != "work" || handler.pool != pool.name) continue;
    run += "if (item == " + std::to_string(NumberOfWork(text_, handler.name)) + " && start_work(" + handler.name +
           ")) { do { " + Call(handler.place, handler.name, handler.body) + "} while (end_work(" + handler.name +
           ")); } ";
  }
  Make("loop { byte item = worker_next(" + pool.name + "); " + run + "worker_done(" + pool.name + "); } ", pool.place,
       "kworker", "kworker/" + pool.name, pool.workers);
}

Result<Desugared> Desugarer::Run() {
  softirqs_ = Softirqs();
  for (const TaskDecl& decl : text_.tasks) {
    if (decl.kind == "companion") continue;
    if (decl.kind == "interrupt" && !softirqs_.empty()) {
      Interrupt(decl);
    } else if (decl.kind == "kthread" && decl.dormant) {
      Kthread(decl);
    } else {
      made_.tasks.push_back(decl);
    }
  }
  for (const HandlerDecl& handler : text_.handlers) {
    if (handler.kind == "timer") Timer(handler);
  }
  for (const HandlerDecl& handler : text_.handlers) {
    if (handler.delayed) DelayedWork(handler);
  }
  if (!softirqs_.empty()) Ksoftirqd();
  for (const PoolDecl& pool : text_.pools) Pool(pool);
  if (error_) return Fail(std::move(*error_));
  return std::move(made_);
}

}  // namespace

int64_t NumberOfWork(const ProtocolText& text, const std::string& name) {
  int64_t number = 0;
  for (const HandlerDecl& handler : text.handlers) {
    if (handler.kind != "work") continue;
    ++number;
    if (handler.name == name) return number;
  }
  return 0;
}

Result<Desugared> Desugar(const ProtocolText& text, const std::string& file) {
  if (std::optional<Error> error = TooMany(text, file)) return Fail(std::move(*error));
  Result<Desugared> made = Desugarer(text).Run();
  if (made && made->tasks.empty()) {
    return Fail(ErrorAt(file, {1, 1}, "there is no task in it", "kthread worker { ... }, and somebody who wakes it"));
  }
  return made;
}

}  // namespace wakewatch::protocol
