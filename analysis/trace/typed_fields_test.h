// Why: two tests ask what a decoder made of a record's fields. Here an Event's typed fields go by the kernel's own
// names. For tests only.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "analysis/trace/event.h"

namespace wakewatch::typed_fields_test {

struct TypedFields {
  std::map<std::string, int64_t> numbers;
  std::map<std::string, std::string> texts;
};

inline int64_t Number(uint64_t value) { return static_cast<int64_t>(value); }

inline TypedFields OfTask(const Event& e, const std::string& prio, const std::string& value) {
  TypedFields fields;
  fields.numbers = {{"pid", e.task.pid}, {prio, e.task.prio}};
  if (!value.empty()) fields.numbers[value] = Number(e.task.value);
  if (e.type != EventType::kSchedProcessExec) fields.texts["comm"] = e.Text(e.task.comm);
  return fields;
}

inline TypedFields OfSched(const Event& e) {
  const auto text = [&](TextRef ref) { return std::string(e.Text(ref)); };
  switch (e.type) {
    case EventType::kSchedSwitch:
      return {{{"prev_pid", e.sw.prev_pid},
               {"next_pid", e.sw.next_pid},
               {"prev_prio", e.sw.prev_prio},
               {"next_prio", e.sw.next_prio},
               {"prev_state", e.sw.prev_state}},
              {{"prev_comm", text(e.sw.prev_comm)}, {"next_comm", text(e.sw.next_comm)}}};
    case EventType::kSchedWaking:
    case EventType::kSchedWakeup:
    case EventType::kSchedWakeupNew:
      return {{{"pid", e.wake.pid}, {"prio", e.wake.prio}, {"target_cpu", e.wake.target_cpu}},
              {{"comm", text(e.wake.comm)}}};
    case EventType::kSchedMigrateTask:
      return {{{"pid", e.migrate.pid},
               {"prio", e.migrate.prio},
               {"orig_cpu", e.migrate.orig_cpu},
               {"dest_cpu", e.migrate.dest_cpu}},
              {{"comm", text(e.migrate.comm)}}};
    case EventType::kSchedProcessFork:
      return {{{"parent_pid", e.fork.parent_pid}, {"child_pid", e.fork.child_pid}},
              {{"parent_comm", text(e.fork.parent_comm)}, {"child_comm", text(e.fork.child_comm)}}};
    case EventType::kSchedProcessExec: return OfTask(e, "prio", "old_pid");
    case EventType::kSchedPiSetprio: return OfTask(e, "oldprio", "newprio");
    case EventType::kSchedStatRuntime: return OfTask(e, "prio", "runtime");
    case EventType::kSchedProcessExit:
    case EventType::kSchedProcessFree:
    case EventType::kSchedKthreadStop: return OfTask(e, "prio", "");
    case EventType::kSchedKthreadStopRet: return {{{"ret", e.stop_ret.ret}}, {}};
    case EventType::kKthreadWorkQueue:
    case EventType::kKthreadWorkStart:
    case EventType::kKthreadWorkEnd:
      return {
          {{"work", Number(e.kwork.work)}, {"function", Number(e.kwork.function)}, {"worker", Number(e.kwork.worker)}},
          {}};
    default: return {};
  }
}

// That of a field which the kernel's format does not have.
inline int64_t AbsentValue(std::string_view name) {
  if (name.ends_with("prio")) return kPrioUnknown;
  return name.ends_with("pid") || name.ends_with("cpu") ? -1 : 0;
}

inline TypedFields OfTimer(const Event& e, const std::string& timer) {
  return {{{timer, Number(e.timer.timer)},
           {"function", Number(e.timer.function)},
           {"expires", Number(e.timer.expires)},
           {"now", Number(e.timer.now)}},
          {}};
}

inline TypedFields Of(const Event& e) {
  const auto text = [&](TextRef ref) { return std::string(e.Text(ref)); };
  switch (e.type) {
    case EventType::kIrqEntry:
    case EventType::kIrqExit: return {{{"irq", e.irq.irq}, {"ret", e.irq.ret}}, {{"name", text(e.irq.name)}}};
    case EventType::kSoftirqRaise:
    case EventType::kSoftirqEntry:
    case EventType::kSoftirqExit: return {{{"vec", e.softirq.vec}}, {}};
    case EventType::kTaskletEntry:
    case EventType::kTaskletExit:
      return {{{"tasklet", Number(e.tasklet.tasklet)}, {"func", Number(e.tasklet.function)}}, {}};
    case EventType::kWorkQueue:
    case EventType::kWorkActivate:
    case EventType::kWorkStart:
    case EventType::kWorkEnd:
      return {{{"work", Number(e.work.work)},
               {"function", Number(e.work.function)},
               {"req_cpu", e.work.req_cpu},
               {"cpu", e.work.cpu}},
              {{"workqueue", text(e.work.workqueue)}}};
    case EventType::kTimerInit:
    case EventType::kTimerStart:
    case EventType::kTimerExpireEntry:
    case EventType::kTimerExpireExit:
    case EventType::kTimerCancel: return OfTimer(e, "timer");
    case EventType::kHrtimerInit:
    case EventType::kHrtimerStart:
    case EventType::kHrtimerExpireEntry:
    case EventType::kHrtimerExpireExit:
    case EventType::kHrtimerCancel: return OfTimer(e, "hrtimer");
    case EventType::kWakeIdleWithoutIpi: return {{{"cpu", e.ipi.cpu}}, {}};
    case EventType::kIpiSendCpu: return {{{"cpu", e.ipi.cpu}, {"callback", Number(e.ipi.function)}}, {}};
    case EventType::kCsdQueueCpu:
    case EventType::kCsdFunctionEntry:
    case EventType::kCsdFunctionExit: return {{{"cpu", e.ipi.cpu}, {"func", Number(e.ipi.function)}}, {}};
    default: return OfSched(e);
  }
}

}  // namespace wakewatch::typed_fields_test
