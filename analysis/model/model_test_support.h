// Why: tests of the model and of the checks tell stories in events. A Script makes them one line each, in the order in
// which they are written; names stay empty, since states follow from pids. Not part of the model.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "analysis/base/bytes.h"
#include "analysis/trace/event.h"
#include "analysis/trace/reader.h"

namespace wakewatch {

// What a script's trace says about itself.
class ScriptInput : public TraceInput {
 public:
  ScriptInput() {
    metadata_.path = "script";
    metadata_.kernel = "6.17.0";  // prints no stale sleeps
  }
  TraceMetadata& meta() { return metadata_; }
  SymbolTable& names() { return symbols_; }
  FormatTable& format_table() { return formats_; }
  // It holds from `since_ns` on.
  void AddThread(int32_t pid, std::string comm, uint32_t flags, uint64_t since_ns = 0, std::string affinity = {}) {
    ThreadInfo info;
    info.pid = pid;
    info.comm = std::move(comm);
    info.flags = flags;
    info.first_seen_ns = since_ns;
    info.affinity = std::move(affinity);
    info.from_inventory = true;
    metadata_.threads.Add(std::move(info));
  }
  Result<std::vector<std::unique_ptr<CpuReader>>> OpenCpus() const override {
    return std::vector<std::unique_ptr<CpuReader>>();
  }
};

inline constexpr uint32_t kPfKthreadFlag = 0x00200000;
// Raw prev_state bits of kernels from 4.14 on.
inline constexpr uint32_t kRunnable = 0, kSleepS = 1, kSleepD = 2, kZombie = 0x20, kPreemptedR = 0x100;

class Script {
 public:
  // Every event is on `cpu` from here on, and carries `flags`.
  Script& On(uint16_t cpu, uint8_t flags = 0) {
    cpu_ = cpu;
    flags_ = flags;
    return *this;
  }
  Script& Switch(uint64_t ns, int32_t prev, uint32_t prev_state, int32_t next, int16_t next_prio = 120) {
    Event& event = Add(ns, EventType::kSchedSwitch, prev);
    event.sw.prev_pid = prev;
    event.sw.next_pid = next;
    event.sw.prev_prio = 120;
    event.sw.next_prio = next_prio;
    event.sw.prev_state = prev_state;
    return *this;
  }
  Script& Waking(uint64_t ns, int32_t waker, int32_t pid, int32_t target_cpu) {
    return Wake(ns, EventType::kSchedWaking, waker, pid, target_cpu);
  }
  Script& Wakeup(uint64_t ns, int32_t waker, int32_t pid, int32_t target_cpu) {
    return Wake(ns, EventType::kSchedWakeup, waker, pid, target_cpu);
  }
  Script& WakeupNew(uint64_t ns, int32_t waker, int32_t pid, int32_t target_cpu) {
    return Wake(ns, EventType::kSchedWakeupNew, waker, pid, target_cpu);
  }
  Script& Migrate(uint64_t ns, int32_t by, int32_t pid, int32_t from, int32_t to) {
    Event& event = Add(ns, EventType::kSchedMigrateTask, by);
    event.migrate.pid = pid;
    event.migrate.orig_cpu = from;
    event.migrate.dest_cpu = to;
    return *this;
  }
  Script& Fork(uint64_t ns, int32_t parent, int32_t child) {
    Event& event = Add(ns, EventType::kSchedProcessFork, parent);
    event.fork.parent_pid = parent;
    event.fork.child_pid = child;
    return *this;
  }
  Script& Free(uint64_t ns, int32_t by, int32_t pid) {
    Event& event = Add(ns, EventType::kSchedProcessFree, by);
    event.task.pid = pid;
    return *this;
  }
  // `pid` was `old_pid` in front of it.
  Script& Exec(uint64_t ns, int32_t pid, int32_t old_pid) {
    Event& event = Add(ns, EventType::kSchedProcessExec, pid);
    event.task.pid = pid;
    event.task.value = static_cast<uint64_t>(old_pid);
    return *this;
  }
  Script& Gap(uint64_t ns, uint64_t end_ns, uint64_t lost = kLostUnknown) {
    Event& event = Add(ns, EventType::kGap, 0);
    event.gap = {end_ns, lost, GapCause::kOverrun};
    return *this;
  }
  Script& Softirq(uint64_t ns, EventType type, uint32_t vec, int32_t pid) {
    Add(ns, type, pid).softirq.vec = vec;
    return *this;
  }
  Script& Tasklet(uint64_t ns, EventType type, uint64_t tasklet, uint64_t function, int32_t pid) {
    Add(ns, type, pid).tasklet = {tasklet, function};
    return *this;
  }
  Script& Work(uint64_t ns, EventType type, uint64_t work, uint64_t function, int32_t pid) {
    Event& event = Add(ns, type, pid);
    event.work.work = work;
    event.work.function = function;
    return *this;
  }
  Script& KthreadWork(uint64_t ns, EventType type, uint64_t work, uint64_t function, int32_t pid) {
    Add(ns, type, pid).kwork = {work, function, 0};
    return *this;
  }
  Script& Irq(uint64_t ns, EventType type, int32_t irq, int32_t pid) {
    Add(ns, type, pid).irq.irq = irq;
    return *this;
  }
  // timer_expire_entry and hrtimer_expire_entry, and their exits.
  Script& Timer(uint64_t ns, EventType type, uint64_t function, int32_t pid) {
    Add(ns, type, pid).timer.function = function;
    return *this;
  }
  // timer_* and hrtimer_* of one timer: `expires` and `now` in jiffies or ns, as the event has them.
  Script& TimerAt(uint64_t ns, EventType type, uint64_t timer, uint64_t function, uint64_t expires, uint64_t now,
                  int32_t pid) {
    Add(ns, type, pid).timer = {timer, function, expires, now};
    return *this;
  }
  // A kProbe* event: what it does not have stays 0.
  Script& Probe(uint64_t ns, EventType type, int32_t pid, const Event::Probe& probe) {
    Add(ns, type, pid).probe = probe;
    return *this;
  }
  // sched_kthread_stop, sched_process_exec, sched_process_exit of `pid`.
  Script& About(uint64_t ns, EventType type, int32_t by, int32_t pid) {
    Add(ns, type, by).task.pid = pid;
    return *this;
  }
  Script& StopRet(uint64_t ns, int32_t by, int32_t ret) {
    Add(ns, EventType::kSchedKthreadStopRet, by).stop_ret.ret = ret;
    return *this;
  }
  Script& Tick(uint64_t ns, uint64_t function, int32_t pid) {
    Event& event = Add(ns, EventType::kHrtimerExpireEntry, pid);
    event.timer.function = function;
    return *this;
  }

  // The last event has this record, which outlives the script.
  Script& Carrying(uint16_t format, Bytes record) {
    events_.back().format = format;
    events_.back().record = record.data();
    events_.back().record_size = static_cast<uint16_t>(record.size());
    return *this;
  }

  const std::vector<Event>& events() const { return events_; }

 private:
  Event& Add(uint64_t ns, EventType type, int32_t pid) {
    Event& event = events_.emplace_back();
    event = Event{};
    event.ts_ns = ns;
    event.type = type;
    event.cpu = cpu_;
    event.flags = flags_;
    event.pid = pid;
    return event;
  }
  Script& Wake(uint64_t ns, EventType type, int32_t waker, int32_t pid, int32_t target_cpu) {
    Event& event = Add(ns, type, waker);
    event.wake.pid = pid;
    event.wake.prio = 120;
    event.wake.target_cpu = target_cpu;
    return *this;
  }

  std::vector<Event> events_;
  uint16_t cpu_ = 0;
  uint8_t flags_ = 0;
};

}  // namespace wakewatch
