// Why: the one place that turns events into states of tasks and CPUs, by the ordering rules T1 to T6. The checks see
// each event together with what it did: which wait it ended, what a task was in before. A gap, or a contradiction,
// turns what it touches into "unknown"; nothing is measured across it and nothing is alarmed. Source:
// kernel/sched/core.c; rules T1 to T6 of the project's notes on kernel events:
//   T1 sched_waking(p) is followed by sched_wakeup(p).      T2 sched_wakeup(p) off the CPU is followed by a switch to
//   p. T3 p switched out in S, D, I or P comes back only after sched_wakeup(p).  T4 woken on its CPU, then out in S: it
//   set its state again. T5 waking < switch-out < wakeup is legal.  T6 on one CPU prev_pid is the last next_pid.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "analysis/base/anomaly.h"
#include "analysis/model/cpu_state.h"
#include "analysis/model/kernel_version.h"
#include "analysis/model/rank.h"
#include "analysis/model/reference_schedule.h"
#include "analysis/model/task_table.h"
#include "analysis/model/tick_period.h"
#include "analysis/trace/reader.h"

namespace wakewatch {

// What one event did. Pointers are valid until the next Apply.
struct Step {
  const Event* event = nullptr;
  CpuState* cpu = nullptr;
  Task* prev = nullptr;  // sched_switch: who left; null for the idle task
  Task* next = nullptr;  // sched_switch: who came; null for the idle task
  Task* task = nullptr;  // the task that any other event of `sched` is about
  // sched_switch: the wait of `next` that ends here; null when none was open. Measured only if `measured`.
  const Wait* ended = nullptr;
  bool measured = false;
  // sched_switch: `prev` was on the CPU from here on; 0: since a moment that was not seen.
  uint64_t prev_since_ns = 0;
  // sched_switch: when the sleep began that `next` was woken from; sched_waking: when the sleep began that ends here.
  // 0: it did not sleep, or that is not known.
  uint64_t slept_since_ns = 0;
  // sched_switch: who the model took to be on the CPU and was not; null: nobody.
  Task* lost = nullptr;
};

class SchedModel {
 public:
  // Borrows the input's metadata, formats and symbols.
  explicit SchedModel(const TraceInput& input);

  const Step& Apply(const Event& event);

  void Save(ArchiveWriter& archive) const;
  void Load(ArchiveReader& archive);

  // True when lost events could have changed what is known of [start_ns, now]. With a task, only gaps that could have
  // hidden something about it count: a task bound to one CPU is wholly seen there.
  bool Dark(uint64_t start_ns) const { return dark_end_ns_ > start_ns || !overwritten_.empty(); }
  bool Dark(uint64_t start_ns, const Task& task) const;

  const CpuState& cpu(uint32_t cpu) const;
  const std::vector<CpuState>& cpus() const { return cpus_; }
  const TaskTable& tasks() const { return tasks_; }
  // The task that `pid` names now; null when it is not known.
  const Task* TaskOf(int32_t pid) const { return tasks_.Peek(pid, now_ns_); }
  // From now on tasks that died are retired, at a later event's beginning.
  void RetireDead(const TaskLimits& limits, std::function<void(const Task&)> on_retire);
  // What an open wait of `task` was spent on up to now. Of a wait that has ended Wait::buckets and Wait::off tell.
  DelayBuckets BucketsAt(const Task& task, OffParts* off) const;
  // Between two scheduler ticks of a busy CPU.
  uint64_t tick_period_ns() const { return tick_.period_ns(); }
  // Real-time tasks had `cpu` for so much of the last second that the kernel may have throttled them, or let its fair
  // deadline server in front of them: both hold them back from 950 ms in a second on, unless it was set otherwise.
  bool MayThrottle(const CpuState& cpu) const {
    return cpu.real_time_log.InLastSecond(now_ns_, cpu.usage.Of(Use::kRealTime)) >= kThrottleNs;
  }
  const PrevStates& prev_states() const { return prev_states_; }
  const std::string& kernel() const { return metadata_.kernel; }  // release; empty when it is not known
  uint32_t cpus_expected() const { return metadata_.cpus; }       // of the machine, or streams; 0: not known
  int kernel_version() const { return kernel_version_; }          // see KernelVersion()
  // Contradictions that no gap explains.
  const AnomalyCounts& anomalies() const { return anomalies_; }
  // A sched_waking was seen; where a trace has none, waits begin at sched_wakeup.
  bool has_waking() const { return has_waking_; }
  // The farthest that CPUs' clocks were seen apart (a wakeup in front of its waking), ns, and out of how many
  // waking/wakeup pairs that cross CPUs.
  uint64_t skew_ns() const { return skew_ns_; }
  uint64_t skew_pairs() const { return skew_pairs_; }
  uint64_t now_ns() const { return now_ns_; }

 private:
  static constexpr uint64_t kThrottleNs = 500'000'000;  // the limit is an option of the kernel that no trace tells

  static void Fields(auto& self, auto& archive) {
    archive(self.has_waking_, self.tick_, self.anomalies_, self.now_ns_, self.dark_end_ns_, self.skew_ns_,
            self.skew_pairs_, self.cpus_, self.schedule_, self.overwritten_);
  }
  CpuState& Cpu(uint32_t cpu) {
    if (cpu >= cpus_.size()) [[unlikely]]
      AddCpus(cpu);
    return cpus_[cpu];
  }
  void AddCpus(uint32_t last);
  // Null for a CPU that had no event yet, or that no machine has.
  CpuState* Seen(int64_t number) {
    if (number < 0 || static_cast<uint64_t>(number) >= cpus_.size()) return nullptr;
    CpuState* const cpu = &cpus_[static_cast<size_t>(number)];
    return cpu->seen || cpu->last_ns != 0 ? cpu : nullptr;
  }
  void FirstEvent(CpuState* cpu, const Event& event);
  void Advance(CpuState* cpu, const Event& event);
  void OnContext(CpuState* cpu, const Event& event);

  void OnSwitch(CpuState* cpu, const Event& event);
  Task* Leave(CpuState* cpu, const Event& event);
  void BeRunning(Task* task);
  void Take(CpuState* cpu, const Event& event);
  void SwitchOut(Task* task, CpuState* cpu, const Event& event);
  Task* Enter(CpuState* cpu, const Event& event);
  void EndWait(Task* task);
  void DropWait(Task* task);
  void Run(CpuState* cpu, Rank rank);
  void Join(Task* task);
  void Queue(Task* task, CpuState* cpu);
  void AddArrival(const Task& task, CpuState* cpu) const;
  void Unqueue(Wait* wait);
  void AddStay(const Wait& wait, DelayBuckets* buckets, OffParts* off) const;
  void EndStay(Wait* wait);
  void Split(const Wait& wait, DelayBuckets* buckets, OffParts* off) const;
  void LeaveSchedule(Wait* wait);
  void SettleArrivals(CpuState* cpu, Use off);
  void Reseat(Task* task);
  void OnSetPrio(const Event& event);
  void Die(Task* task, uint64_t now_ns);
  void OnWaking(CpuState* cpu, const Event& event);
  void OnWakeup(CpuState* cpu, const Event& event);
  void OnWakeupNew(CpuState* cpu, const Event& event);
  void OnMigrate(const Event& event);
  void OnFork(const Event& event);
  void OnExit(const Event& event);
  void OnFree(const Event& event);
  void OnGap(CpuState* cpu, const Event& event);

  void BeginWake(Task* task, const Event& event);
  void BeWaking(Task* task, const Event& event);
  void BeginAtWakeup(Task* task, const Event& event);
  void Deliver(Task* task, const Event& event);
  bool IsLateWaking(const Task& task, const Event& event) const;
  // The events about `task` do not follow from one another. Not counted where a gap may be why.
  void Contradict(const Task& task, Anomaly anomaly);
  // Nothing is known of `task` from now on.
  void Lose(Task* task);

  const PrevStates& prev_states_;
  const TraceMetadata& metadata_;
  const int kernel_version_;
  const bool stale_sleep_kernel_;
  bool has_waking_ = false;
  TaskTable tasks_;
  ReferenceSchedule schedule_{tasks_.cpu_sets()};
  TickPeriod tick_;
  std::vector<CpuState> cpus_;
  AnomalyCounts anomalies_;
  Step step_;
  uint64_t now_ns_ = 0;
  uint64_t dark_end_ns_ = 0;  // the latest end of any CPU's gaps
  // CPUs whose buffers overflowed, which no page marks, and whose first event is still to come: until then theirs are
  // missing.
  std::vector<uint32_t> overwritten_;
  uint64_t skew_ns_ = 0, skew_pairs_ = 0;
};

}  // namespace wakewatch
