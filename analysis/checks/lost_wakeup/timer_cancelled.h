// Why: a thread that one timer wakes again and again sleeps on when somebody else cancels that timer and does not arm
// it anew. Whether that was meant no event tells, so it stays a suspicion. The timer is known by its address: of the
// last four wakes at least three came from inside of it, or from a work item that it had queued. Trigger: a task that
// is not the sleeper cancels that timer. Discharger: it is armed anew, its work item is queued, or anybody wakes the
// sleeper. Deadline: four times the sleeper's usual sleep, and never less than the sleep threshold. Source:
// kernel/time/timer.c: del_timer(), mod_timer() (cancels before it arms); kernel/workqueue.c: delayed_work_timer_fn().
#pragma once

#include <array>
#include <unordered_map>
#include <vector>

#include "analysis/checks/lost_wakeup/period.h"
#include "analysis/checks/lost_wakeup/rule.h"
#include "analysis/checks/lost_wakeup/task_slots.h"
#include "analysis/checks/lost_wakeup/victims.h"

namespace wakewatch {

class TimerCancelled : public LostWakeupRule {
 public:
  explicit TimerCancelled(const LostWakeupInput& input) : input_(input) {}
  void OnStep(const Step& step) override;
  void OnDeadline(const Deadline& deadline) override;
  void Forget(const Task& task) override;
  void Save(ArchiveWriter& archive) const override { Fields(*this, archive); }
  void Load(ArchiveReader& archive) override { Fields(*this, archive); }

  static const LostWakeupRuleInfo kInfo;

 private:
  static constexpr size_t kWakes = 4, kUsual = 3;
  struct Sleeper {
    std::array<uint64_t, kWakes> sources{};  // timers of the last wakes; 0: none
    uint32_t wakes = 0;                      // ever
    uint64_t usual = 0;                      // the timer that wakes it; 0: none
    Period sleeps;                           // that a timer ended
    uint64_t cancelled_ns = 0;               // `usual` was cancelled, and what follows from it is open; 0: it was not
    uint32_t cancelled_cpu = 0;
    int32_t canceller = -1;
    static void Fields(auto& self, auto& archive) {
      archive(self.sources, self.wakes, self.usual, self.sleeps, self.cancelled_ns, self.cancelled_cpu, self.canceller);
    }
  };
  // What a CPU's last timers were.
  struct Cpu {
    uint64_t timer = 0, hrtimer = 0;
    uint64_t queues = 0;  // of a delayed work that has not queued its item yet
    static void Fields(auto& self, auto& archive) { archive(self.timer, self.hrtimer, self.queues); }
  };
  static constexpr size_t kWorksMax = 4096;

  static void Fields(auto& self, auto& archive) {
    archive(self.sleepers_, self.watched_, self.timer_of_work_, self.work_of_pid_, self.cpus_);
  }
  Cpu& Of(uint16_t cpu) {
    if (cpu >= cpus_.size()) [[unlikely]]
      cpus_.resize(cpu + size_t{1});
    return cpus_[cpu];
  }
  void OnExpire(const Event& event);
  void OnQueue(const Event& event);
  void OnWorkStart(const Event& event);
  void OnWaking(const Step& step);
  uint64_t SourceOf(const Step& step);
  void Learn(const Task& task, uint64_t source, Sleeper* sleeper);
  void OnCancel(const Event& event);
  void Answer(uint64_t timer);
  void End(Sleeper* sleeper, Outcome outcome);
  void Accuse(const Task& victim, const Sleeper& sleeper, uint64_t now_ns);

  const LostWakeupInput input_;
  OwnTimers timers_{input_.check};
  TaskSlots<Sleeper> sleepers_;
  std::unordered_map<uint64_t, uint32_t> watched_;        // the timers that are somebody's usual: Task::index
  std::unordered_map<uint64_t, uint64_t> timer_of_work_;  // delayed work: its timer
  std::unordered_map<int32_t, uint64_t> work_of_pid_;     // workers inside of such an item: its timer
  std::vector<Cpu> cpus_;
};

}  // namespace wakewatch
