// Why: a task that ran late was woken by somebody, who was woken by somebody else: the chain leads back to the
// interrupt that started it all. For each task its last wakes are kept, and of each wake which of the waker's own wakes
// began the run that it came from, so a chain is a walk along numbers and never a guess by time. In an interrupt the
// task on the CPU is a bystander: such a wake names what the CPU was inside of instead, an irq handler, a timer's
// function or a softirq vector. A run that began before or inside of a gap has no known beginning: there a chain ends.
// Source: kernel/sched/core.c (try_to_wake_up: sched_waking is the waker's own event, sched_wakeup need not be).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "analysis/base/archive.h"
#include "analysis/model/sched_model.h"
#include "analysis/trace/symbols.h"

namespace wakewatch {

// One wake of a chain. The first is that of the task in question, each further one that of the waker before it.
struct ChainLink {
  int32_t pid = -1;  // who woke; 0: an idle task; -1: an interrupt, or not known
  std::string comm;
  WakeContext context = WakeContext::kUnknown;
  // Of an interrupt: "hrtimer hrtimer_wakeup", "timer process_timeout", "irq 24 virtio0-req", "softirq RCU"; empty when
  // no event tells. Of a task: "fork" when it made the task. Of an unknown: why.
  std::string source;
  uint32_t cpu = 0;        // where it woke
  uint64_t waking_ns = 0;  // when; 0: not known
  uint64_t in_ns = 0;      // when the woken task came onto a CPU; 0: not yet, or not known
  static void Fields(auto& self, auto& archive) {
    archive(self.pid, self.comm, self.context, self.source, self.cpu, self.waking_ns, self.in_ns);
  }
  bool operator==(const ChainLink&) const = default;
};

// What a CPU was inside of when it woke somebody.
enum class WakeSource : uint8_t { kNone, kFork, kIrq, kHrtimer, kTimer, kSoftirq };
constexpr WakeSource LastOf(WakeSource) { return WakeSource::kSoftirq; }

class WakeHistory {
 public:
  static constexpr size_t kChainMax = 8;   // links
  static constexpr size_t kWakesKept = 4;  // of each task
  static constexpr uint32_t kNobody = UINT32_MAX;

  struct Wake {
    uint64_t number = 0;     // from 1 on, over all tasks; 0: none
    uint64_t waking_ns = 0;  // sched_waking, sched_wakeup_new; sched_wakeup where there was no waking
    uint64_t in_ns = 0;      // 0: not on a CPU yet
    uint64_t waker_run = 0;  // the number of the wake that began the waker's run; 0: not known
    uint64_t source_id = 0;  // of kHrtimer and kTimer the function's address, of kSoftirq the vector, of kIrq a name
    uint32_t waker_index = kNobody;  // Task::index; kNobody: no task, or not known which
    int32_t waker_pid = -1;          // as ChainLink::pid
    uint16_t cpu = 0;                // where it was woken
    WakeContext context = WakeContext::kUnknown;
    WakeSource source = WakeSource::kNone;
    static void Fields(auto& self, auto& archive) {
      archive(self.number, self.waking_ns, self.in_ns, self.waker_run, self.source_id, self.waker_index, self.waker_pid,
              self.cpu, self.context, self.source);
    }
  };

  WakeHistory(const SchedModel& model, const SymbolTable& symbols) : model_(&model), symbols_(&symbols) {}

  // Every step of the model, in order.
  void OnStep(const Step& step) {
    switch (step.event->type) {
      case EventType::kSchedSwitch: return OnSwitch(step);
      case EventType::kSchedWaking: return OnWaking(step);
      case EventType::kSchedWakeup: return OnWakeup(step);
      case EventType::kSchedWakeupNew: return OnWakeupNew(step);
      case EventType::kIrqEntry:
      case EventType::kIrqExit:
      case EventType::kSoftirqEntry:
      case EventType::kSoftirqExit:
      case EventType::kTimerExpireEntry:
      case EventType::kTimerExpireExit:
      case EventType::kHrtimerExpireEntry:
      case EventType::kHrtimerExpireExit: return OnContext(*step.event);
      case EventType::kGap: return OnGap(*step.event);
      default: return;
    }
  }

  // Who woke `task` at the last wake not later than `at_ns`, who woke the waker into the run in which it did so, and so
  // on: at most `depth` links. It ends at an interrupt or at an idle task, or with a link of kUnknown context where it
  // is not known how it goes on; with a task's link only when `depth` is reached.
  std::vector<ChainLink> Chain(const Task& task, uint64_t at_ns, size_t depth = kChainMax) const;
  // The newest wake of `task`; null when none is kept.
  const Wake* Last(const Task& task) const;
  // ChainLink::source.
  std::string SourceText(const Wake& wake) const;

  void Forget(const Task& task) {
    if (task.index < slots_.size()) slots_[task.index] = Slot{};
  }
  void Save(ArchiveWriter& archive) const { Fields(*this, archive); }
  void Load(ArchiveReader& archive);

 private:
  struct Slot {
    std::array<Wake, kWakesKept> wakes;
    uint64_t count = 0;   // ever; the newest is at (count - 1) % kWakesKept
    uint64_t run = 0;     // the number of the wake that began the run that goes on; 0: not known
    uint64_t run_ns = 0;  // when that run began
    static void Fields(auto& self, auto& archive) { archive(self.wakes, self.count, self.run, self.run_ns); }
  };
  // What a CPU is inside of, on one level of interrupts.
  struct Level {
    bool irq = false, hrtimer = false, timer = false, softirq = false;
    uint64_t hrtimer_function = 0, timer_function = 0;
    uint32_t vec = 0;
    int32_t irq_number = 0;
    std::string irq_name;  // keeps its memory from one irq to the next
    static void Fields(auto& self, auto& archive) {
      archive(self.irq, self.hrtimer, self.timer, self.softirq, self.hrtimer_function, self.timer_function, self.vec,
              self.irq_number, self.irq_name);
    }
  };
  struct Cpu {
    Level hardirq, softirq;
    static void Fields(auto& self, auto& archive) { archive(self.hardirq, self.softirq); }
  };
  static constexpr size_t kNamesMax = 1024;  // of irqs; a machine has some hundred

  static void Fields(auto& self, auto& archive) {
    archive(self.slots_, self.cpus_, self.names_, self.numbered_, self.dark_end_ns_);
  }
  Slot& Of(const Task& task) {
    if (task.index >= slots_.size()) [[unlikely]]
      slots_.resize(task.index + size_t{1});
    return slots_[task.index];
  }
  Cpu& CpuOf(uint16_t cpu) {
    if (cpu >= cpus_.size()) [[unlikely]]
      cpus_.resize(cpu + size_t{1});
    return cpus_[cpu];
  }
  void OnSwitch(const Step& step);
  void OnWaking(const Step& step);
  void OnWakeup(const Step& step);
  void OnWakeupNew(const Step& step);
  void OnContext(const Event& event);
  void OnGap(const Event& event);

  Wake& Begin(const Task& task, const Event& event);
  static Wake* Newest(Slot* slot) { return slot->count == 0 ? nullptr : &slot->wakes[(slot->count - 1) % kWakesKept]; }
  // A wake that led to no run of its own.
  static void TakeBackNewest(Slot* slot) {
    *Newest(slot) = Wake{};
    --slot->count;
  }
  void SetWaker(const Step& step, Wake* wake);
  void SetSource(const Level& level, Wake* wake);
  uint64_t NameOf(const Level& level);
  const Wake* Find(uint32_t index, uint64_t number) const;
  ChainLink LinkOf(const Wake& wake) const;

  const SchedModel* model_;
  const SymbolTable* symbols_;
  std::vector<Slot> slots_;  // by Task::index
  std::vector<Cpu> cpus_;
  std::vector<std::string> names_;  // "irq 24 virtio0-req"
  uint64_t numbered_ = 0;
  uint64_t dark_end_ns_ = 0;  // the latest end of any CPU's gaps
};

}  // namespace wakewatch
