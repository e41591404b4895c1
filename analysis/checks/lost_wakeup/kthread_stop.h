// Why: kthread_stop() sets KTHREAD_SHOULD_STOP and wakes the thread. A thread that checked before it set its state is
// RUNNING then: the wake does nothing, the thread sleeps, and its stopper waits for an exit that does not come.
// Trigger: sched_kthread_stop of a thread on its CPU, or preempted there. Discharger: a sched_waking of it, or its
// exit. Deadline: the sleep threshold from its switch-out on. A thread that armed a time-out for that sleep comes back
// by itself: no obligation. Source: kernel/kthread.c, kthread_stop(); kernel/sched/core.c, try_to_wake_up().
#pragma once

#include <map>
#include <memory>
#include <string>

#include "analysis/checks/lost_wakeup/rule.h"
#include "analysis/checks/lost_wakeup/victims.h"

namespace wakewatch {

class KthreadStop : public LostWakeupRule {
 public:
  explicit KthreadStop(const LostWakeupInput& input) : input_(input) {}
  void OnStep(const Step& step) override;
  void OnDeadline(const Deadline& deadline) override;
  void Forget(const Task& task) override { End(task, Outcome::kVoid); }
  void Save(ArchiveWriter& archive) const override { Fields(*this, archive); }
  void Load(ArchiveReader& archive) override { Fields(*this, archive); }

  static const LostWakeupRuleInfo kInfo;

 private:
  struct Stop {
    uint64_t ns = 0;
    uint32_t cpu = 0;
    int32_t pid = 0, stopper_pid = -1;
    std::string stopper_comm;
    bool timeout_armed = false;
    uint64_t sleep_ns = 0;  // 0: it has not slept since
    static void Fields(auto& self, auto& archive) {
      archive(self.ns, self.cpu, self.pid, self.stopper_pid, self.stopper_comm, self.timeout_armed, self.sleep_ns);
    }
  };
  static void Fields(auto& self, auto& archive) { archive(self.stops_); }
  void OnStop(const Step& step);
  void OnSleep(const Task& task);
  void End(const Task& task, Outcome outcome);

  const LostWakeupInput input_;
  OwnTimers timers_{input_.check};
  std::map<uint32_t, Stop> stops_;  // by Task::index
};

}  // namespace wakewatch
