#include "tests/protocol/random_protocol.h"

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace wakewatch::protocol {

namespace {

// std::uniform_int_distribution differs between libraries; this does not (SplitMix64).
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Below(uint64_t n) {
    state_ += 0x9e3779b97f4a7c15;
    uint64_t value = state_;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    return (value ^ (value >> 31)) % n;
  }
  bool OneIn(uint64_t n) { return Below(n) == 0; }
  std::string_view OneOf(std::initializer_list<std::string_view> texts) { return texts.begin()[Below(texts.size())]; }

 private:
  uint64_t state_;
};

// What a channel between a waiter and a waker is made of.
enum class Way {
  kState,       // set_current_state(), a look, schedule(); wake_up_process()
  kWaitQueue,   // wait_event(); wake_up()
  kByHand,      // prepare_to_wait(), a look, schedule(), finish_wait(); wake_up()
  kAdded,       // add_wait_queue() and the state by hand
  kCompletion,  // wait_for_completion(); complete()
  kSpin,        // await; a store
  kLocked,      // both under a lock, nobody waits for the other
  kTwoLocks,    // both under two locks, perhaps not taken in the same order
  kStop,        // a kthread's loop; kthread_stop()
  kTimeout,     // wait_event_timeout() or schedule_timeout(); wake_up(), or nothing but the time
  kSignal,      // an interruptible wait; a signal
  kWork,        // a work on a pool wakes
  kTimer,       // a timer wakes
  kCount,
};

struct TaskText {
  std::string kind, name;
  unsigned count = 1;
  std::string body;
};

class Writer {
 public:
  explicit Writer(uint64_t seed) : random_(seed) {}
  std::string Text();

 private:
  std::string Wait(Way way, const std::string& n);
  std::string Wake(Way way, const std::string& n, const TaskText& waiter);
  std::string WaitByState(const std::string& flag, const std::string& prepare, bool several);
  std::string WakeOf(Way way, const std::string& n, const TaskText& waiter);
  std::string StoppedLoop(const std::string& flag);
  std::string ByHandler(Way way, const std::string& n, const TaskText& waiter);
  std::string Locked(const std::string& n);
  std::string TwoLocks(const std::string& first, const std::string& second);
  std::string Other();
  void Channel(unsigned number);
  void Put(TaskText* task, const std::string& statement);

  Random random_;
  std::vector<TaskText> tasks_;
  std::string declarations_, handlers_;
  bool wrong_ = false;  // this protocol may have a mistake
};

// In front or behind.
void Writer::Put(TaskText* task, const std::string& statement) {
  if (random_.OneIn(3)) {
    task->body = statement + task->body;
  } else {
    task->body += statement;
  }
}

// The loop that every kernel thread has, or one of the ways to get it wrong.
std::string Writer::WaitByState(const std::string& flag, const std::string& prepare, bool several) {
  const std::string set = prepare + "(TASK_INTERRUPTIBLE);\n";
  const std::string sleep = random_.OneIn(3) ? "schedule();\n" : "schedule() until (" + flag + ");\n";
  const std::string look = "if (!" + flag + ")\n" + sleep;
  const unsigned mistake = wrong_ && random_.OneIn(2) ? 1 + static_cast<unsigned>(random_.Below(4)) : 0;
  const std::string run = "__set_current_state(TASK_RUNNING);\n";
  if (mistake == 1) return "if (!" + flag + ") {\n" + set + "schedule() until (" + flag + ");\n}\n" + run;
  if (mistake == 2) return "__set_current_state(TASK_INTERRUPTIBLE);\n" + look + run;
  if (mistake == 3) return "if (!" + flag + ") {\n__set_current_state(TASK_INTERRUPTIBLE);\n" + look + "}\n" + run;
  if (mistake == 4) return "set_current_state(TASK_UNINTERRUPTIBLE);\n" + look + run;
  if (!several || random_.OneIn(2)) return set + look + run;
  return "while (!" + flag + ") {\n" + set + look + "}\n" + run;
}

std::string Writer::Wait(Way way, const std::string& n) {
  const std::string flag = "c" + n, queue = "q" + n, done = "d" + n;
  switch (way) {
    case Way::kState: return WaitByState(flag, "set_current_state", true);
    case Way::kWaitQueue:
      return std::string(
                 random_.OneOf({"wait_event(", "wait_event(", "wait_event_exclusive(", "wait_event_interruptible("})) +
             queue + ", " + flag + ");\n";
    case Way::kByHand: {
      const std::string prepare = "prepare_to_wait(" + queue + ", TASK_UNINTERRUPTIBLE);\n";
      const std::string look = "if (!" + flag + ")\nschedule() until (" + flag + ");\n";
      if (wrong_ && random_.OneIn(2))
        return "if (!" + flag + ") {\n" + prepare + "schedule() until (" + flag + ");\nfinish_wait(" + queue +
               ");\n}\n";
      return prepare + look + "finish_wait(" + queue + ");\n";
    }
    case Way::kAdded: {
      const std::string add = "add_wait_queue(" + queue + ");\n";
      const std::string wait = WaitByState(flag, random_.OneIn(4) ? "__set_current_state" : "set_current_state", false);
      return add + wait + "remove_wait_queue(" + queue + ");\n";
    }
    case Way::kCompletion:
      if (wrong_ && random_.OneIn(3)) return "reinit_completion(" + done + ");\nwait_for_completion(" + done + ");\n";
      return "wait_for_completion(" + done + ");\n";
    case Way::kSpin: return "await (" + flag + ");\n";
    case Way::kTwoLocks: return TwoLocks("l", "k");
    case Way::kStop: return StoppedLoop(flag);
    case Way::kTimeout:
      if (random_.OneIn(2)) return "wait_event_timeout(" + queue + ", " + flag + ");\n";
      return "set_current_state(TASK_INTERRUPTIBLE);\nif (!" + flag +
             ")\nschedule_timeout();\n__set_current_state(TASK_RUNNING);\n";
    case Way::kSignal:
      if (random_.OneIn(2)) return "wait_event_interruptible(" + queue + ", " + flag + ");\n";
      return WaitByState("signal_pending()", "set_current_state", false);
    case Way::kWork:
    case Way::kTimer: return Wait(random_.OneIn(2) ? Way::kCompletion : Way::kWaitQueue, n);
    case Way::kLocked:
    case Way::kCount: break;
  }
  return Locked(n) + (random_.OneIn(2) ? "" : Other());
}

std::string Writer::StoppedLoop(const std::string& flag) {
  const std::string set = wrong_ && random_.OneIn(2) ? "__set_current_state" : "set_current_state";
  const std::string look = random_.OneIn(2) ? "!kthread_should_stop()" : "!kthread_should_stop() && !" + flag;
  const std::string early = wrong_ && random_.OneIn(3) ? "schedule() until (kthread_should_stop());\n" : "";
  return "while (!kthread_should_stop()) {\n" + set + "(TASK_INTERRUPTIBLE);\n" +
         (early.empty() ? "if (" + look + ")\nschedule() until (kthread_should_stop());\n" : early) +
         "__set_current_state(TASK_RUNNING);\n" + flag + " = 0;\n}\n";
}

std::string Writer::WakeOf(Way way, const std::string& n, const TaskText& waiter) {
  const std::string queue = "q" + n;
  switch (way) {
    case Way::kState: return "wake_up_process(" + waiter.name + ");\n";
    case Way::kStop: return "kthread_stop(" + waiter.name + ");\n";
    case Way::kSignal: return "send_signal(" + waiter.name + ");\n";
    case Way::kWaitQueue:
    case Way::kByHand:
    case Way::kTimeout:
    case Way::kAdded: {
      const bool all = waiter.count > 1 && !random_.OneIn(4);
      const std::string wake = (all ? "wake_up_all(" : "wake_up(") + queue + ");\n";
      if (!random_.OneIn(4)) return wake;
      return (random_.OneIn(2) ? "smp_mb();\n" : "") + ("if (waitqueue_active(" + queue + "))\n") + wake;
    }
    case Way::kCompletion:
      return waiter.count > 1 && !random_.OneIn(4) ? "complete_all(d" + n + ");\n" : "complete(d" + n + ");\n";
    default: return {};
  }
}

std::string Writer::Wake(Way way, const std::string& n, const TaskText& waiter) {
  const std::string wake = WakeOf(way, n, waiter);
  if (way == Way::kLocked) return Locked(n);
  if (way == Way::kTwoLocks) return wrong_ ? TwoLocks("k", "l") : TwoLocks("l", "k");
  if (way == Way::kSpin && wrong_ && random_.OneIn(3)) return "if (x)\nc" + n + " = 1;\n";
  if (way == Way::kWork || way == Way::kTimer) return ByHandler(way, n, waiter);
  if (way == Way::kTimeout && random_.OneIn(2)) return "c" + n + " = 1;\n";
  if (way == Way::kSignal && random_.OneIn(2)) return wake;
  if (way == Way::kCompletion) return wrong_ && random_.OneIn(6) ? std::string() : wake;
  const std::string set = (random_.OneIn(6) ? "WRITE_ONCE(c" + n + ", 1)" : "c" + n + " = 1") + std::string(";\n");
  if (!wrong_ || !random_.OneIn(3)) return set + wake;
  if (random_.OneIn(3)) return set;
  if (random_.OneIn(4)) return "if (!c" + n + ") {\n" + set + wake + "}\n";
  return wake + set;
}

// Who wakes is not the task itself: it queues a work or starts a timer.
std::string Writer::ByHandler(Way way, const std::string& n, const TaskText& waiter) {
  const bool completes = waiter.body.find("wait_for_completion(d" + n) != std::string::npos;
  const std::string body = Wake(completes ? Way::kCompletion : Way::kWaitQueue, n, waiter);
  if (way == Way::kTimer) {
    handlers_ += "timer t" + n + " {\n" + body + "}\n";
    return "mod_timer(t" + n + ");\n" + (wrong_ && random_.OneIn(3) ? "del_timer(t" + n + ");\n" : "");
  }
  handlers_ += "pool p" + n + " workers 1;\nwork w" + n + " on p" + n + " {\n" + body + "}\n";
  return "queue_work(w" + n + ");\n" + (random_.OneIn(4) ? "flush_work(w" + n + ");\n" : "");
}

std::string Writer::Locked(const std::string& n) {
  const bool mutex = random_.OneIn(3);
  const std::string lock = mutex ? "mutex_lock(m);\n" : "spin_lock(l);\n";
  const std::string unlock = mutex ? "mutex_unlock(m);\n" : "spin_unlock(l);\n";
  return lock + "c" + n + std::string(random_.OneOf({" = !c", " = 1 - c"})) + n + ";\n" + unlock;
}

std::string Writer::TwoLocks(const std::string& first, const std::string& second) {
  return "spin_lock(" + first + ");\nspin_lock(" + second + ");\nx = !x;\nspin_unlock(" + second + ");\nspin_unlock(" +
         first + ");\n";
}

std::string Writer::Other() {
  switch (random_.Below(10)) {
    case 0: return "smp_mb();\n";
    case 1: return "x = 1;\n";
    case 2: return "y = 1;\n";
    case 3: return "choose {\nx = 1;\n} or {\ny = x;\n}\n";
    case 4: return "atomic {\nn = (n + 1) & 3;\n}\n";
    case 5: return "if (x)\ny = 1;\n";
    case 6: return "release y = 0;\n";
    case 7: return "n = x + y;\n";
    default: break;
  }
  return wrong_ ? std::string(random_.OneOf(
                      {"assert (!x || y);\n", "assert (!(x && y));\n", "assert (x == y);\n", "assert (!c0 || x);\n"}))
                : "assert (n <= 3);\n";
}

void Writer::Channel(unsigned number) {
  const std::string n = std::to_string(number);
  // The first task waits for the others in the first channel, so that it is the protocol's point; then anyone for
  // anyone.
  const size_t waiter = number == 0 ? 0 : random_.Below(tasks_.size());
  Way way = static_cast<Way>(random_.Below(static_cast<uint64_t>(Way::kCount)));
  // One of several that are alike cannot be named; handlers and time-outs bring tasks of their own.
  const bool simple = tasks_.size() > 2 || number > 0 || tasks_[0].count > 1 || tasks_[1].count > 1;
  if (simple && way >= Way::kTimeout && way != Way::kSignal) way = Way::kByHand;
  if (tasks_[waiter].count > 1 && (way == Way::kState || way == Way::kStop || way == Way::kSignal))
    way = Way::kWaitQueue;
  if (way == Way::kStop) tasks_[waiter].kind = "kthread";
  declarations_ += "flag c" + n + ";\nwait_queue q" + n + ";\ncompletion d" + n + ";\n";
  const size_t waker = (waiter + 1 + random_.Below(tasks_.size() - 1)) % tasks_.size();
  Put(&tasks_[waiter], Wait(way, n));
  Put(&tasks_[waker], Wake(way, n, tasks_[waiter]));
}

std::string Writer::Text() {
  wrong_ = !random_.OneIn(3);
  const size_t count = 2 + random_.Below(2);
  for (size_t i = 0; i < count; ++i) {
    tasks_.push_back(
        {std::string(random_.OneOf({"task", "task", "kthread"})), std::string(1, static_cast<char>('a' + i)), 1, {}});
  }
  // One of: three that differ, two that are alike, two channels. More would be too much for a slow checker.
  const bool alike = count == 2 && random_.OneIn(2);
  if (alike) tasks_[random_.Below(count)].count = 2;
  const bool twice = count == 2 && !alike && random_.OneIn(2);
  for (unsigned number = 0; number < (twice ? 2 : 1); ++number) Channel(number);
  for (TaskText& task : tasks_) {
    if (task.body.empty() || random_.OneIn(alike ? 6 : 3)) Put(&task, Other());
  }
  if (random_.OneIn(30)) {
    // What goes round for ever, and concerns nobody, must not keep the others from being tried.
    Put(&tasks_[1], "assert (!c0 || x);\n");
    tasks_[0].body += "loop {\nz = !z;\n}\n";
    declarations_ += "flag z;\n";
  }
  std::string text = "protocol random \"made up\";\nexpect safe;\nflag x, y;\ncounter n max 3;\n" + declarations_;
  std::string bodies;
  for (const TaskText& task : tasks_) {
    bodies += task.kind + " " + task.name + (task.count > 1 ? "[" + std::to_string(task.count) + "]" : "") + " {\n" +
              task.body + "}\n";
  }
  if (bodies.find("spin_lock") != std::string::npos) text += "spinlock l, k;\n";
  if (bodies.find("mutex_lock") != std::string::npos) text += "mutex m;\n";
  return text + handlers_ + bodies;
}

}  // namespace

std::string RandomProtocol(uint64_t seed) { return Writer(seed).Text(); }

}  // namespace wakewatch::protocol
