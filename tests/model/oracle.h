// Why: the conformance check follows sets of states through a table. This says the same in the plainest words: for each
// task, every situation it could be in as a handful of yes and no, and for each event an if. Slow, and written without
// a look at the table. Copies go on from where they are.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "analysis/trace/event.h"
#include "analysis/trace/format.h"

namespace wakewatch {

class Oracle {
 public:
  // `strict`: what is heard of for the first time must be explained (a task without its fork, a death without its
  // exit).
  Oracle(const PrevStates& prev_states, bool strict) : prev_states_(prev_states), strict_(strict) {}

  // Index of the first event from `begin` on that cannot be, after what this was shown so far.
  std::optional<size_t> FirstForbidden(const std::vector<Event>& events, size_t begin) {
    for (size_t i = begin; i < events.size(); ++i) {
      if (!Allows(events[i])) return i;
    }
    return std::nullopt;
  }
  void Show(const Event& event) { (void)Allows(event); }
  // Nothing is learnt but that events of this type are recorded.
  void Hear(EventType type) { recorded_.insert(type); }

 private:
  // One way how a task may be.
  struct Situation {
    bool unborn = false, dead = false;
    bool on_cpu = false, queued = false;
    bool running_state = false;  // TASK_RUNNING for sure: queued by a wakeup
    bool wake_under_way = false;
    auto operator<=>(const Situation&) const = default;
  };
  using Situations = std::set<Situation>;
  struct Task {
    Situations situations = All();
    std::optional<int64_t> cpu;  // of its run queue
    bool forked = false, exited = false;
    std::optional<uint64_t> work;
    bool work_known = false;
  };
  struct Cpu {
    std::optional<int32_t> current;
    // By kind of handler: nothing: not known; 0: closed; else 1 + id.
    std::map<int, uint64_t> handlers;
  };

  static Situations All() {
    Situations all = {{.unborn = true}, {.dead = true}, {.queued = true, .running_state = true}};
    for (const bool woken : {false, true}) {
      all.insert({.on_cpu = true, .wake_under_way = woken});
      all.insert({.queued = true, .wake_under_way = woken});
      all.insert({.wake_under_way = woken});
    }
    return all;
  }

  // Keeps the situations in which `becomes` answers something. False: there is none.
  template <typename Becomes>
  static bool Follow(Task* task, Becomes becomes) {
    Situations next;
    for (const Situation& now : task->situations) {
      if (const std::optional<Situation> then = becomes(now)) next.insert(*then);
    }
    task->situations = next;
    return !next.empty();
  }

  bool Allows(const Event& event) {
    const int32_t actor = event.type == EventType::kSchedSwitch ? event.sw.prev_pid : event.pid;
    Cpu& cpu = cpus_[event.cpu];
    Hear(event.type);
    if (event.pid != actor) return false;
    if (Acts(event.type)) {
      if (cpu.current && *cpu.current != actor) return false;
      cpu.current = actor;
    }
    switch (event.type) {
      case EventType::kSchedSwitch: return Switch(event, &cpu);
      case EventType::kSchedWaking: return event.wake.pid == 0 || Waking(event, &tasks_[event.wake.pid]);
      case EventType::kSchedWakeup: return event.wake.pid == 0 || Wakeup(event, &tasks_[event.wake.pid]);
      case EventType::kSchedWakeupNew: return event.wake.pid == 0 || FirstWakeup(event);
      case EventType::kSchedMigrateTask: return event.migrate.pid == 0 || Migrate(event, &tasks_[event.migrate.pid]);
      case EventType::kSchedProcessFork:
        tasks_[event.fork.child_pid] = Task{.situations = {{.unborn = true}}, .cpu = {}, .forked = true};
        return true;
      case EventType::kSchedProcessExit: {
        Task& task = tasks_[event.task.pid];
        if (task.exited) return false;
        task.exited = true;
        return Follow(&task, [](Situation s) { return s.on_cpu ? std::optional(s) : std::nullopt; });
      }
      case EventType::kIrqEntry:
        return !Both(EventType::kIrqExit, 0, &cpu) || Open(&cpu, 0, static_cast<uint32_t>(event.irq.irq));
      case EventType::kIrqExit:
        return !Both(EventType::kIrqEntry, 0, &cpu) || Close(&cpu, 0, static_cast<uint32_t>(event.irq.irq));
      case EventType::kSoftirqEntry: return !Both(EventType::kSoftirqExit, 1, &cpu) || Open(&cpu, 1, event.softirq.vec);
      case EventType::kSoftirqExit:
        return !Both(EventType::kSoftirqEntry, 1, &cpu) || Close(&cpu, 1, event.softirq.vec);
      case EventType::kTimerExpireEntry:
        return !Both(EventType::kTimerExpireExit, 2, &cpu) || Open(&cpu, 2, event.timer.timer);
      case EventType::kTimerExpireExit:
        return !Both(EventType::kTimerExpireEntry, 2, &cpu) || Close(&cpu, 2, event.timer.timer);
      case EventType::kHrtimerExpireEntry:
        return !Both(EventType::kHrtimerExpireExit, event.InHardirq() ? 3 : 4, &cpu) ||
               Open(&cpu, event.InHardirq() ? 3 : 4, event.timer.timer);
      case EventType::kHrtimerExpireExit:
        return !Both(EventType::kHrtimerExpireEntry, event.InHardirq() ? 3 : 4, &cpu) ||
               Close(&cpu, event.InHardirq() ? 3 : 4, event.timer.timer);
      case EventType::kTaskletEntry:
        return !Both(EventType::kTaskletExit, 5, &cpu) || Open(&cpu, 5, event.tasklet.tasklet);
      case EventType::kTaskletExit:
        return !Both(EventType::kTaskletEntry, 5, &cpu) || Close(&cpu, 5, event.tasklet.tasklet);
      case EventType::kWorkStart: return Work(event, event.work.work, true, Recorded(EventType::kWorkEnd));
      case EventType::kWorkEnd: return Work(event, event.work.work, false, Recorded(EventType::kWorkStart));
      case EventType::kKthreadWorkStart:
        return Work(event, event.kwork.work, true, Recorded(EventType::kKthreadWorkEnd));
      case EventType::kKthreadWorkEnd:
        return Work(event, event.kwork.work, false, Recorded(EventType::kKthreadWorkStart));
      default: return true;
    }
  }

  // Events that only the task on the CPU can record.
  static bool Acts(EventType type) {
    switch (type) {
      case EventType::kSchedSwitch:
      case EventType::kSchedWaking:
      case EventType::kSchedWakeup:
      case EventType::kSchedWakeupNew:
      case EventType::kSchedMigrateTask:
      case EventType::kSchedProcessFork:
      case EventType::kSchedProcessExit:
      case EventType::kIrqEntry:
      case EventType::kIrqExit:
      case EventType::kSoftirqEntry:
      case EventType::kSoftirqExit:
      case EventType::kTimerExpireEntry:
      case EventType::kTimerExpireExit:
      case EventType::kHrtimerExpireEntry:
      case EventType::kHrtimerExpireExit:
      case EventType::kTaskletEntry:
      case EventType::kTaskletExit:
      case EventType::kWorkStart:
      case EventType::kWorkEnd:
      case EventType::kKthreadWorkStart:
      case EventType::kKthreadWorkEnd: return true;
      default: return false;
    }
  }

  // A tracer's events are enabled one after the other, so one may be recorded already and another not yet. Whether that
  // is so is only known once there was one. Who is `strict` takes all of them to be recorded from the start.
  bool Recorded(EventType type) const { return strict_ || recorded_.contains(type); }

  // `other` is the other half of an event of handlers of `kind`; while that is not recorded nothing is known of them.
  bool Both(EventType other, int kind, Cpu* cpu) const {
    if (Recorded(other)) return true;
    cpu->handlers.erase(kind);
    return false;
  }

  // Without sched_migrate_task tasks change their run queues unseen.
  void Place(Task* task, int64_t cpu) const {
    task->cpu = Recorded(EventType::kSchedMigrateTask) ? std::optional(cpu) : std::nullopt;
  }

  bool Switch(const Event& event, Cpu* cpu) {
    for (const auto& [kind, open] : cpu->handlers) {
      if (open != 0) return false;
    }
    for (int kind = 0; kind <= 5; ++kind) cpu->handlers[kind] = 0;
    cpu->current = event.sw.next_pid;
    const bool runnable = prev_states_.Runnable(event.sw.prev_state);
    const char letter = prev_states_.Letter(event.sw.prev_state);
    const bool dies = letter == 'X' || letter == 'Z';
    if (event.sw.prev_pid != 0) {
      Task& task = tasks_[event.sw.prev_pid];
      Place(&task, event.cpu);
      if (dies && strict_ && task.forked && !task.exited) return false;
      const bool left = Follow(&task, [&](Situation s) -> std::optional<Situation> {
        if (!s.on_cpu || (dies && s.wake_under_way)) return std::nullopt;
        s.on_cpu = false;
        s.queued = runnable;
        s.dead = dies;
        return s;
      });
      if (!left) return false;
    }
    if (event.sw.next_pid == 0) return true;
    Task& task = tasks_[event.sw.next_pid];
    if (task.cpu && *task.cpu != event.cpu) return false;
    Place(&task, event.cpu);
    return Follow(&task, [](Situation s) -> std::optional<Situation> {
      if (!s.queued) return std::nullopt;
      s.queued = s.running_state = false;
      s.on_cpu = true;
      return s;
    });
  }

  bool Waking(const Event& event, Task* task) const {
    if (task->cpu && *task->cpu != event.wake.target_cpu) return false;
    Place(task, event.wake.target_cpu);
    return Follow(task, [](Situation s) -> std::optional<Situation> {
      if (s.dead || s.unborn || s.running_state || s.wake_under_way) return std::nullopt;
      s.wake_under_way = true;
      return s;
    });
  }
  bool Wakeup(const Event& event, Task* task) const {
    if (task->cpu && *task->cpu != event.wake.target_cpu) return false;
    Place(task, event.wake.target_cpu);
    return Follow(task, [](Situation s) -> std::optional<Situation> {
      if (!s.wake_under_way) return std::nullopt;
      s.wake_under_way = false;
      s.queued = s.running_state = !s.on_cpu;
      return s;
    });
  }
  bool FirstWakeup(const Event& event) {
    const bool heard_of = tasks_.contains(event.wake.pid);
    Task& task = tasks_[event.wake.pid];
    Place(&task, event.wake.target_cpu);
    if (strict_ && (!heard_of || task.situations == Situations{{.dead = true}})) return false;
    return Follow(&task, [](Situation s) -> std::optional<Situation> {
      if (!s.unborn && !s.dead) return std::nullopt;
      return Situation{.queued = true, .running_state = true};
    });
  }
  bool Migrate(const Event& event, Task* task) const {
    if (task->cpu && *task->cpu != event.migrate.orig_cpu) return false;
    Place(task, event.migrate.dest_cpu);
    return Follow(task, [](Situation s) { return s.on_cpu || s.dead ? std::nullopt : std::optional(s); });
  }

  static bool Open(Cpu* cpu, int kind, uint64_t id) {
    const auto at = cpu->handlers.find(kind);
    const bool free = at == cpu->handlers.end() || at->second == 0;
    cpu->handlers[kind] = id + 1;
    return free;
  }
  static bool Close(Cpu* cpu, int kind, uint64_t id) {
    const auto at = cpu->handlers.find(kind);
    const bool fits = at == cpu->handlers.end() || at->second == id + 1;
    cpu->handlers[kind] = 0;
    return fits;
  }
  // `paired`: the other half of the pair is recorded, too.
  bool Work(const Event& event, uint64_t work, bool start, bool paired) {
    Task& worker = tasks_[event.pid];
    if (!paired) {
      worker.work_known = false;
      return true;
    }
    const bool fits = !worker.work_known || (start ? !worker.work : worker.work && *worker.work == work);
    worker.work_known = true;
    worker.work = start ? std::optional(work) : std::nullopt;
    return fits;
  }

  const PrevStates& prev_states_;
  bool strict_;
  std::set<EventType> recorded_;
  std::map<int32_t, Task> tasks_;
  std::map<uint32_t, Cpu> cpus_;
};

}  // namespace wakewatch
