#include "tests/model/random_schedule.h"

#include <algorithm>
#include <sstream>

namespace wakewatch {
namespace {

constexpr uint64_t kTickFunction = 0xffffffff81000000, kOtherFunction = 0xffffffff81000040;
constexpr uint64_t kAverageStepNs = 60'000;

}  // namespace

RandomSchedule::RandomSchedule(uint32_t seed, const RandomScheduleSize& size) : random_(seed * 2654435761u + 1) {
  random_.discard(3);
  input_.names().Add(kTickFunction, Once(2) ? "tick_sched_timer" : "tick_nohz_handler");
  input_.names().Add(kOtherFunction, "hrtimer_wakeup");
  span_ns_ = now_ns_ + size.events * kAverageStepNs;
  with_waking_ = !Once(12);
  dense_ = Once(8);
  cpus_.resize(1 + Below(size.cpus_max));
  for (uint32_t cpu = 0; cpu < cpus_.size(); ++cpu) AddPerCpuThreads(cpu);
  for (uint32_t tasks = 2 + Below(size.tasks_max - 1); tasks > 0; --tasks) AddTask();
  if (!Once(3)) {
    // It begins in the middle.
    const size_t before = 10 + Below(60);
    while (events_.size() < before) Step();
    events_.clear();
    whole_ = false;
    for (Cpu& cpu : cpus_) {
      cpu.gap = SIZE_MAX;
      cpu.unrecorded = Once(12);
    }
  }
  const size_t tick_at = Once(3) ? Below(static_cast<uint32_t>(size.events)) : SIZE_MAX;
  bool ticked = false;
  for (size_t steps = 0; events_.size() < size.events && steps < 20 * size.events; ++steps) {
    if (!ticked && events_.size() >= tick_at) {
      TickForAWhile(Below(static_cast<uint32_t>(cpus_.size())));
      ticked = true;
    }
    Step();
  }
  for (const Cpu& cpu : cpus_) {
    if (cpu.gap != SIZE_MAX) events_[cpu.gap].gap.end_ns = UINT64_MAX;
  }
}

void RandomSchedule::AddPerCpuThreads(uint32_t cpu) {
  const std::string number = std::to_string(cpu);
  const auto add = [&](const std::string& name, int32_t pid, int16_t prio) {
    Thread& thread = threads_.emplace_back();
    thread.pid = pid + static_cast<int32_t>(cpu);
    thread.prio = prio;
    thread.per_cpu = true;
    thread.cpu = cpu;
    thread.allowed.push_back({0, 1u << cpu});
    // Without a name in the inventory it is a task like others.
    if (!Once(6)) input_.AddThread(thread.pid, name + number, kPfKthreadFlag, 0, Once(2) ? number : "");
    return threads_.size() - 1;
  };
  migration_.push_back(add("migration/", 10, 0));
  cpuhp_.push_back(add("cpuhp/", 30, 120));
  if (Once(2)) add("ksoftirqd/", 50, Once(4) ? 98 : 120);
}

void RandomSchedule::AddTask() {
  Thread& thread = threads_.emplace_back();
  thread.pid = next_pid_++;
  thread.prio = Once(3)   ? static_cast<int16_t>(Below(100))
                : Once(8) ? int16_t{-1}
                          : static_cast<int16_t>(Once(2) ? 120 : 100 + Below(40));
  if (Once(6)) thread.prio = Once(2) ? 0 : 50;  // equals among real-time tasks
  DescribeTask(&thread);
  thread.cpu = SomeCpuFor(thread);
}

// What the inventory says of it, and when.
void RandomSchedule::DescribeTask(Thread* thread) {
  if (Once(2)) return;
  uint64_t since_ns = Once(3) ? now_ns_ + Below(1 << 20) : 0;
  for (uint32_t times = Once(3) ? 1 + Below(3) : 1; times > 0; --times) {
    uint32_t mask = 0;
    while (mask == 0) mask = Below(1u << cpus_.size());
    if (Once(8)) mask = 0;
    const uint32_t absent = Once(10) ? 1u << (cpus_.size() + Below(3)) : 0;
    input_.AddThread(thread->pid, "task" + std::to_string(thread->pid), 0, since_ns, CpuList(mask | absent));
    thread->allowed.push_back({since_ns, mask});
    since_ns += 1 + Below(static_cast<uint32_t>(span_ns_ / 2));
  }
}

std::string RandomSchedule::CpuList(uint32_t mask) const {
  std::string list;
  for (uint32_t cpu = 0; cpu < 32; ++cpu) {
    if ((mask >> cpu & 1) == 0) continue;
    uint32_t last = cpu;
    while (last < 31 && (mask >> (last + 1) & 1) != 0) ++last;
    if (!list.empty()) list += ',';
    list += std::to_string(cpu);
    if (last > cpu) list += '-' + std::to_string(last);
    cpu = last;
  }
  return list;
}

uint32_t RandomSchedule::MaskOf(const Thread& thread) const {
  const uint32_t all = (1u << cpus_.size()) - 1;
  uint32_t mask = 0;
  for (const Allowed& allowed : thread.allowed) {
    if (allowed.since_ns <= now_ns_) mask = allowed.mask;
  }
  return mask == 0 ? all : mask;
}

uint32_t RandomSchedule::SomeCpuFor(const Thread& thread) {
  const uint32_t mask = MaskOf(thread);
  for (;;) {
    const uint32_t cpu = Below(static_cast<uint32_t>(cpus_.size()));
    if ((mask >> cpu & 1) != 0) return cpu;
  }
}

template <typename Wanted>
size_t RandomSchedule::Some(Wanted wanted) {
  const auto count = static_cast<uint32_t>(threads_.size());
  const uint32_t from = Below(count);
  for (uint32_t i = 0; i < count; ++i) {
    const size_t at = (from + i) % count;
    if (at != 0 && wanted(threads_[at])) return at;
  }
  return 0;
}

void RandomSchedule::PassTime() {
  if (Once(12)) return;  // two events of one time
  const uint32_t most_ns = dense_ ? 20 : Once(16) ? 6'000'000 : Once(4) ? 400'000 : 40'000;
  now_ns_ += 1 + Below(most_ns);
}

Event& RandomSchedule::Add(uint32_t number, EventType type) {
  Cpu& cpu = cpus_[number];
  if (cpu.unrecorded && !Once(8)) {
    unrecorded_ = Event{};
    return unrecorded_;
  }
  cpu.unrecorded = false;
  if (cpu.gap != SIZE_MAX) events_[cpu.gap].gap.end_ns = now_ns_;
  cpu.gap = SIZE_MAX;
  if (Once(10)) cpu.need_resched = !cpu.need_resched;
  Event& event = events_.emplace_back();
  event = Event{};
  event.ts_ns = now_ns_;
  event.type = type;
  event.cpu = static_cast<uint16_t>(number);
  event.pid = threads_[cpu.current].pid;
  event.flags = static_cast<uint8_t>((cpu.need_resched ? kFlagNeedResched : 0) | (Once(8) ? kFlagNeedReschedLazy : 0) |
                                     (cpu.irq_depth > 0 ? kFlagHardirq : 0) | (cpu.in_softirq ? kFlagSoftirq : 0));
  return event;
}

void RandomSchedule::AddWake(uint32_t cpu, EventType type, const Thread& thread) {
  Event& event = Add(cpu, type);
  event.wake.pid = thread.pid;
  event.wake.prio = thread.prio;
  event.wake.target_cpu = static_cast<int32_t>(thread.cpu);
}

void RandomSchedule::Step() {
  PassTime();
  const uint32_t cpu = Below(static_cast<uint32_t>(cpus_.size()));
  if (Once(150)) return LoseEvents(cpu);
  if (Once(80)) return GoOffline(cpu);
  const uint32_t what = Below(100);
  if (what < 28) return Switch(cpu);
  if (what < 48) return Wake(cpu);
  if (what < 62) {
    if (const size_t owed = Some([](const Thread& thread) { return thread.wakeup_owed; })) Deliver(owed);
    return;
  }
  if (what < 72) {
    // From 6.12 on a task may be moved in its sleep.
    const Mode mode = Once(12) ? Mode::kAsleep : Once(6) ? Mode::kWaking : Mode::kReady;
    if (const size_t at = Some([&](const Thread& thread) { return thread.mode == mode && !thread.per_cpu; })) {
      Move(at, cpu);
    }
    return;
  }
  if (what < 80) return Interrupt(cpu);
  if (what < 86) return Softirq(cpu);
  if (what < 90) return Tick(cpu);
  if (what < 94) {
    Add(cpu, EventType::kSoftirqRaise).softirq.vec = 1;
    return;
  }
  if (what < 97) return Fork(cpu);
  SetPrio(cpu);
}

void RandomSchedule::Switch(uint32_t number) {
  const Cpu& cpu = cpus_[number];
  if (cpu.irq_depth > 0) return Interrupt(number);
  if (cpu.in_softirq) return Softirq(number);
  const size_t next = PickNext(number);
  if (next == cpu.current) return;
  SwitchTo(number, next, SomePrevState(threads_[cpu.current]));
}

// Mostly as a scheduler would, and sometimes not.
size_t RandomSchedule::PickNext(uint32_t cpu) {
  if (Once(8)) return 0;
  const auto ready = [&](const Thread& thread) {
    return thread.mode == Mode::kReady && thread.cpu == cpu && !thread.wakeup_owed;
  };
  size_t next = Some(ready);
  if (next == 0 || Once(3)) return next;
  const auto key = [&](size_t at) { return at == migration_[cpu] ? -2 : int{threads_[at].prio}; };
  for (size_t at = 1; at < threads_.size(); ++at) {
    if (ready(threads_[at]) && key(at) < key(next)) next = at;
  }
  return next;
}

uint32_t RandomSchedule::SomePrevState(const Thread& prev) {
  if (prev.mode == Mode::kOnCpuWoken) return Once(2) ? kSleepS : kRunnable;
  if (prev.per_cpu) return Once(5) ? kPreemptedR : kSleepS;
  if (Once(25)) return kZombie;
  constexpr uint32_t kStates[] = {kRunnable, kRunnable, kPreemptedR, kSleepS, kSleepS, kSleepS, kSleepD};
  return kStates[Below(7)];
}

void RandomSchedule::SwitchTo(uint32_t number, size_t next, uint32_t prev_state) {
  Cpu& cpu = cpus_[number];
  Thread& from = threads_[cpu.current];
  Thread& to = threads_[next];
  if (prev_state == kZombie) Add(number, EventType::kSchedProcessExit).task.pid = from.pid;
  Event& event = Add(number, EventType::kSchedSwitch);
  event.sw.prev_pid = from.pid;
  event.sw.prev_prio = from.prio;
  event.sw.prev_state = cpu.current == 0 ? kRunnable : prev_state;
  event.sw.next_pid = to.pid;
  event.sw.next_prio = to.prio;
  if (cpu.current != 0) {
    from.mode = prev_state == kRunnable || prev_state == kPreemptedR ? Mode::kReady
                : prev_state == kZombie                              ? Mode::kDead
                : from.wakeup_owed                                   ? Mode::kWaking
                                                                     : Mode::kAsleep;
  }
  cpu.current = next;
  if (next != 0) {
    to.mode = Mode::kOnCpu;
    to.cpu = number;
  }
  if (!Once(6)) cpu.need_resched = false;
}

void RandomSchedule::Wake(uint32_t cpu) {
  const bool running = Once(5);
  const size_t at = Some([&](const Thread& thread) {
    if (thread.wakeup_owed || (thread.per_cpu && !Once(4))) return false;
    return thread.mode == (running ? Mode::kOnCpu : Mode::kAsleep);
  });
  if (at == 0) return;
  Thread& thread = threads_[at];
  if (with_waking_ && !running && cpu != thread.cpu && Once(16)) return WakeAheadOfWaking(at, cpu);
  if (with_waking_) AddWake(cpu, EventType::kSchedWaking, thread);
  thread.mode = running ? Mode::kOnCpuWoken : Mode::kWaking;
  thread.wakeup_owed = true;
  thread.waker_cpu = cpu;
  if (Once(2)) return;
  if (Once(2)) now_ns_ += Below(5'000);
  Deliver(at);
}

// The CPUs' clocks are apart: the wakeup, on the task's CPU, is in front of the waking.
void RandomSchedule::WakeAheadOfWaking(size_t at, uint32_t cpu) {
  Thread& thread = threads_[at];
  AddWake(thread.cpu, EventType::kSchedWakeup, thread);
  now_ns_ += Below(5'000);
  AddWake(cpu, EventType::kSchedWaking, thread);
  thread.mode = Mode::kReady;
}

void RandomSchedule::Deliver(size_t at) {
  Thread& thread = threads_[at];
  if (thread.mode == Mode::kUnborn) {
    thread.cpu = SomeCpuFor(thread);
    AddWake(thread.waker_cpu, EventType::kSchedWakeupNew, thread);
    thread.mode = Mode::kReady;
  } else {
    if (thread.mode == Mode::kWaking && Once(3)) Move(at, thread.waker_cpu);
    if (!thread.per_cpu && Once(20)) thread.prio = static_cast<int16_t>(Once(2) ? 60 : 120);
    AddWake(Once(3) ? thread.cpu : thread.waker_cpu, EventType::kSchedWakeup, thread);
    if (thread.mode == Mode::kWaking) thread.mode = Mode::kReady;
    if (thread.mode == Mode::kOnCpuWoken) thread.mode = Mode::kOnCpu;
  }
  thread.wakeup_owed = false;
}

void RandomSchedule::Move(size_t at, uint32_t by_cpu) {
  Thread& thread = threads_[at];
  const uint32_t to = SomeCpuFor(thread);
  if (to == thread.cpu) return;
  Event& event = Add(by_cpu, EventType::kSchedMigrateTask);
  event.migrate.pid = thread.pid;
  event.migrate.prio = thread.prio;
  event.migrate.orig_cpu = static_cast<int32_t>(thread.cpu);
  event.migrate.dest_cpu = static_cast<int32_t>(to);
  thread.cpu = to;
}

void RandomSchedule::Interrupt(uint32_t number) {
  Cpu& cpu = cpus_[number];
  if (cpu.irq_depth == 0 || (cpu.irq_depth < 3 && Once(5))) {
    Add(number, EventType::kIrqEntry).irq.irq = 7;
    ++cpu.irq_depth;
  } else {
    Add(number, EventType::kIrqExit).irq.irq = 7;
    --cpu.irq_depth;
  }
}

void RandomSchedule::Softirq(uint32_t number) {
  Cpu& cpu = cpus_[number];
  if (cpu.irq_depth > 0) return Interrupt(number);
  Add(number, cpu.in_softirq ? EventType::kSoftirqExit : EventType::kSoftirqEntry).softirq.vec = 1;
  cpu.in_softirq = !cpu.in_softirq;
}

void RandomSchedule::Tick(uint32_t cpu) {
  Add(cpu, EventType::kHrtimerExpireEntry).timer.function = Once(4) ? kOtherFunction : kTickFunction;
}

// Long enough for the tick's period to be known.
void RandomSchedule::TickForAWhile(uint32_t cpu) {
  const uint64_t period_ns = Once(3) ? 4'000'000 : 1'000'000;
  for (uint32_t ticks = 8 + Below(4); ticks > 0; --ticks) {
    now_ns_ += period_ns;
    Add(cpu, EventType::kHrtimerExpireEntry).timer.function = kTickFunction;
  }
}

void RandomSchedule::Fork(uint32_t cpu) {
  if (threads_[cpus_[cpu].current].pid == 0) return;
  // Sometimes with the pid of a task that died.
  const size_t dead = Some([](const Thread& thread) { return thread.mode == Mode::kDead && !thread.wakeup_owed; });
  if (dead != 0 && Once(3)) Add(cpu, EventType::kSchedProcessFree).task.pid = threads_[dead].pid;
  size_t at = dead;
  if (dead == 0 || Once(2)) {
    AddTask();
    at = threads_.size() - 1;
  }
  Thread& child = threads_[at];
  Event& event = Add(cpu, EventType::kSchedProcessFork);
  event.fork.parent_pid = threads_[cpus_[cpu].current].pid;
  event.fork.child_pid = child.pid;
  if (at == dead) child.allowed.clear();
  child.mode = Mode::kUnborn;
  child.wakeup_owed = true;
  child.waker_cpu = cpu;
  if (!Once(3)) Deliver(at);
}

void RandomSchedule::SetPrio(uint32_t cpu) {
  const bool waiting = !Once(6);
  const size_t at = Some([&](const Thread& thread) {
    return !thread.per_cpu && (!waiting || thread.mode == Mode::kReady || thread.mode == Mode::kWaking);
  });
  if (at == 0) return;
  Thread& thread = threads_[at];
  Event& event = Add(cpu, EventType::kSchedPiSetprio);
  event.task.pid = thread.pid;
  event.task.prio = thread.prio;
  thread.prio = static_cast<int16_t>(Once(3) ? 120 : Below(100));
  event.task.value = static_cast<uint64_t>(thread.prio);
}

void RandomSchedule::LoseEvents(uint32_t number) {
  if (cpus_[number].unrecorded) return;
  whole_ = false;
  // A gap begins where its CPU was last seen.
  Add(number, EventType::kSoftirqRaise).softirq.vec = 1;
  Event& event = Add(number, EventType::kGap);
  event.pid = 0;
  event.flags = 0;
  event.gap = {UINT64_MAX, kLostUnknown, GapCause::kOverrun};
  cpus_[number].gap = events_.size() - 1;
  cpus_[number].unrecorded = true;
}

// cpuhp/N runs, then migration/N, then nobody.
void RandomSchedule::GoOffline(uint32_t number) {
  Cpu& cpu = cpus_[number];
  if (cpu.irq_depth > 0 || cpu.in_softirq) return;
  for (const size_t at : {cpuhp_[number], migration_[number]}) {
    Thread& thread = threads_[at];
    if (thread.mode == Mode::kAsleep) {
      if (with_waking_) AddWake(number, EventType::kSchedWaking, thread);
      AddWake(number, EventType::kSchedWakeup, thread);
      thread.mode = Mode::kReady;
    }
    PassTime();
    if (thread.mode != Mode::kReady || thread.wakeup_owed) return;
    SwitchTo(number, at, cpu.current == cpuhp_[number] ? kSleepS : kRunnable);
    PassTime();
  }
  if (!Once(4)) SwitchTo(number, 0, kSleepS);
}

std::string TextOf(const Event& event) {
  std::ostringstream text;
  text << event.ts_ns << " [" << event.cpu << "] " << kEventTypeInfo[static_cast<size_t>(event.type)].name << " pid "
       << event.pid << " flags " << int{event.flags} << ':';
  switch (event.type) {
    case EventType::kSchedSwitch:
      text << " prev " << event.sw.prev_pid << " prio " << event.sw.prev_prio << " state " << event.sw.prev_state
           << " next " << event.sw.next_pid << " prio " << event.sw.next_prio;
      break;
    case EventType::kSchedWaking:
    case EventType::kSchedWakeup:
    case EventType::kSchedWakeupNew:
      text << " task " << event.wake.pid << " prio " << event.wake.prio << " target " << event.wake.target_cpu;
      break;
    case EventType::kSchedMigrateTask: text << " task " << event.migrate.pid << " to " << event.migrate.dest_cpu; break;
    case EventType::kSchedProcessFork: text << " child " << event.fork.child_pid; break;
    case EventType::kSchedPiSetprio: text << " task " << event.task.pid << " new prio " << event.task.value; break;
    case EventType::kGap: text << " until " << event.gap.end_ns; break;
    default: break;
  }
  return text.str();
}

}  // namespace wakewatch
