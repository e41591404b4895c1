// Why: properties of the model are tried on schedules as kernels make them, in all their variety: classes, wakes from
// everywhere, moves, interrupts, silences, hotplug, lost events, threads known and unknown. One seed is one schedule.
// What it makes is legal: each task's events follow the scheduler's rules, except across what was lost.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "analysis/model/model_test_support.h"
#include "analysis/trace/event.h"

namespace wakewatch {

struct RandomScheduleSize {
  size_t events = 60;  // at least
  uint32_t cpus_max = 6;
  uint32_t tasks_max = 10;  // that are not bound to a CPU by name
};

class RandomSchedule {
 public:
  RandomSchedule(uint32_t seed, const RandomScheduleSize& size);
  const ScriptInput& input() const { return input_; }
  // In merged order.
  const std::vector<Event>& events() const { return events_; }
  // It begins at the beginning, and nothing of it was lost.
  bool whole() const { return whole_; }

 private:
  enum class Mode : uint8_t { kAsleep, kWaking, kReady, kOnCpu, kOnCpuWoken, kUnborn, kDead };
  struct Allowed {
    uint64_t since_ns = 0;
    uint32_t mask = 0;  // 0: nothing is said
  };
  struct Thread {
    int32_t pid = 0;
    int16_t prio = 120;
    Mode mode = Mode::kAsleep;
    bool wakeup_owed = false;
    bool per_cpu = false;
    uint32_t cpu = 0;  // where it is, or was last
    uint32_t waker_cpu = 0;
    std::vector<Allowed> allowed;  // by time
  };
  struct Cpu {
    size_t current = 0;  // in threads_; 0: idle
    unsigned irq_depth = 0;
    bool in_softirq = false;
    bool need_resched = false;
    bool unrecorded = false;  // its events are lost, or its buffer has not begun
    size_t gap = SIZE_MAX;    // in events_: the gap that it is in
  };

  void AddPerCpuThreads(uint32_t cpu);
  void AddTask();
  void DescribeTask(Thread* thread);
  std::string CpuList(uint32_t mask) const;

  void Step();
  void PassTime();
  Event& Add(uint32_t cpu, EventType type);
  void AddWake(uint32_t cpu, EventType type, const Thread& thread);

  void Switch(uint32_t cpu);
  void SwitchTo(uint32_t cpu, size_t next, uint32_t prev_state);
  uint32_t SomePrevState(const Thread& prev);
  size_t PickNext(uint32_t cpu);
  void Wake(uint32_t cpu);
  void WakeAheadOfWaking(size_t at, uint32_t cpu);
  void Deliver(size_t at);
  void Move(size_t at, uint32_t by_cpu);
  void Interrupt(uint32_t cpu);
  void Softirq(uint32_t cpu);
  void Tick(uint32_t cpu);
  void TickForAWhile(uint32_t cpu);
  void Fork(uint32_t cpu);
  void SetPrio(uint32_t cpu);
  void LoseEvents(uint32_t cpu);
  void GoOffline(uint32_t cpu);

  uint32_t MaskOf(const Thread& thread) const;
  uint32_t SomeCpuFor(const Thread& thread);
  // A random thread that `wanted` accepts; 0: there is none.
  template <typename Wanted>
  size_t Some(Wanted wanted);
  uint32_t Below(uint32_t n) { return static_cast<uint32_t>(random_() % n); }
  bool Once(uint32_t n) { return Below(n) == 0; }

  std::minstd_rand random_;
  ScriptInput input_;
  std::vector<Event> events_;
  Event unrecorded_{};
  std::vector<Cpu> cpus_;
  std::vector<Thread> threads_{1};  // [0] stands for the idle tasks
  std::vector<size_t> migration_, cpuhp_;
  uint64_t now_ns_ = 1'000'000;
  uint64_t span_ns_ = 0;  // about how long it will be
  int32_t next_pid_ = 100;
  bool with_waking_ = true;  // sched_waking is recorded
  bool dense_ = false;       // hardly any time passes
  bool whole_ = true;
};

// One line a CPU's event, for a failure's text.
std::string TextOf(const Event& event);

}  // namespace wakewatch
