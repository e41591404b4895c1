// Why: sched_waking says that a wake was accepted, and rule T1 that sched_wakeup follows. Between the two the task
// stands in the wake list of another CPU, which takes it out at the interrupt that it is sent, or on its way out of
// idle. When that CPU takes interrupts or schedules and the task still stands there, the wake got lost on its way. A
// CPU that shows nothing is a host that does not run it, or has its interrupts off: that is a delay and no loss.
// Source: kernel/sched/core.c: ttwu_queue_wakelist(), sched_ttwu_pending(); kernel/sched/idle.c: do_idle().
#pragma once

#include "analysis/checks/lost_wakeup/period.h"
#include "analysis/checks/lost_wakeup/rule.h"
#include "analysis/checks/lost_wakeup/task_slots.h"

namespace wakewatch {

class WakeUndelivered : public LostWakeupRule {
 public:
  explicit WakeUndelivered(const LostWakeupInput& input) : input_(input) {}
  void OnStep(const Step& step) override;
  void OnDeadline(const Deadline& deadline) override;
  void Forget(const Task& task) override;
  void Save(ArchiveWriter& archive) const override { Fields(*this, archive); }
  void Load(ArchiveReader& archive) override { Fields(*this, archive); }

  static const LostWakeupRuleInfo kInfo;

 private:
  struct Thread {
    Period delivery;          // sched_waking to sched_wakeup
    uint64_t waking_ns = 0;   // of the wake that is under way; 0: none
    uint64_t alive_ns = 0;    // both CPUs had gone on after the waking, at this time; 0: not seen yet
    uint32_t waker_cpu = 0;   // where the sched_waking was recorded
    int32_t target_cpu = -1;  // whose wake list it was put on
    int32_t waker_pid = -1;   // -1: an interrupt
    bool has_deadline = false;
    static void Fields(auto& self, auto& archive) {
      archive(self.delivery, self.waking_ns, self.alive_ns, self.waker_cpu, self.target_cpu, self.waker_pid,
              self.has_deadline);
    }
  };
  static void Fields(auto& self, auto& archive) { archive(self.threads_, self.wakeup_ns_); }

  void OnWaking(const Step& step);
  void OnWakeup(const Step& step);
  uint64_t DueIn(const Thread& thread) const;
  // Took an interrupt or scheduled after `ns`.
  bool AliveSince(int64_t cpu, uint64_t ns) const;
  void LookAgain(uint32_t index, Thread* thread, uint64_t ns);
  void End(Thread* thread, Outcome outcome);
  void Accuse(const Task& victim, const Thread& thread, uint64_t now_ns);

  const LostWakeupInput input_;
  TaskSlots<Thread> threads_;
  uint64_t wakeup_ns_ = 0;  // the last sched_wakeup of anybody
};

}  // namespace wakewatch
