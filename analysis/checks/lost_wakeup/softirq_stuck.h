// Why: a softirq that is raised where no interrupt's exit and no end of a bottom-half section follows has to wake
// ksoftirqd, in the same breath. Whoever raises it with __raise_softirq_irqoff() and forgets that leaves it pending
// until some interrupt happens to come by. A correct kernel never switches tasks, and never enters an interrupt from a
// task with bottom halves on, while a vector is pending and ksoftirqd sleeps. That does not hold where spinlocks sleep
// (PREEMPT_RT), so nothing is said before an interrupt's exit was seen to run softirqs on top of the idle task; nor of
// one that is still pending, unless softirqs are seen to run elsewhere: their events may have been turned off.
// Source: kernel/softirq.c: raise_softirq_irqoff(), irq_exit(), __local_bh_enable_ip(), should_wake_ksoftirqd().
#pragma once

#include <array>
#include <vector>

#include "analysis/checks/lost_wakeup/rule.h"
#include "analysis/model/softirq_name.h"

namespace wakewatch {

class SoftirqStuck : public LostWakeupRule {
 public:
  explicit SoftirqStuck(const LostWakeupInput& input);
  void OnStep(const Step& step) override;
  void OnDeadline(const Deadline& deadline) override;
  void Save(ArchiveWriter& archive) const override { Fields(*this, archive); }
  void Load(ArchiveReader& archive) override { Fields(*this, archive); }

  static const LostWakeupRuleInfo kInfo;

 private:
  struct Raise {
    uint64_t ns = 0;             // of the first since it was served; 0: not pending
    int32_t pid = -1;            // who raised it; -1: an interrupt
    bool from_task = false;      // outside of interrupts and of bottom-half sections
    uint64_t told_sleep_ns = 0;  // it was told that nobody runs it: when ksoftirqd's sleep began; 0: not told
    bool events_known = false;   // wakings and entries had been seen before, so neither can have gone unrecorded
    uint64_t overdue_ns = 0;     // nobody had run it by then; 0: not looked yet
    static void Fields(auto& self, auto& archive) {
      archive(self.ns, self.pid, self.from_task, self.told_sleep_ns, self.events_known, self.overdue_ns);
    }
  };
  struct Cpu {
    std::array<Raise, kSoftirqVectors> raises;
    bool has_deadline = false;
    uint32_t ksoftirqd = UINT32_MAX;  // Task::index; UINT32_MAX: not found
    uint64_t searched_ns = 0;         // when it was looked for in vain
    static void Fields(auto& self, auto& archive) {
      archive(self.raises, self.has_deadline, self.ksoftirqd, self.searched_ns);
    }
  };
  // How a raise was served, or was not.
  enum class End : uint8_t { kInOrder, kBroken, kVoid, kNotKnown };
  static void Fields(auto& self, auto& archive) { archive(self.cpus_, self.exit_serves_, self.entry_ns_); }

  void OnRaise(const Step& step, Cpu* cpu);
  void OnEntry(const Step& step, Cpu* cpu);
  void OnGap(Cpu* cpu);
  End Judge(const CpuState& state, const Raise& raise, bool at_exit, int32_t served_pid, uint64_t now_ns, Cpu* cpu);
  const Task* Ksoftirqd(uint32_t number, uint64_t now_ns, Cpu* cpu) const;
  void Tell(const CpuState& state, const Raise& raise, uint32_t vec, uint64_t now_ns, bool served, Cpu* cpu);

  const LostWakeupInput input_;
  const bool tells_bh_off_;  // this kernel's events say whether bottom halves are off
  std::vector<Cpu> cpus_;
  bool exit_serves_ = false;  // an interrupt's exit ran softirqs on top of the idle task
  uint64_t entry_ns_ = 0;     // the last that was seen, of any CPU
};

}  // namespace wakewatch
