// Why: an exclusive wake goes to one waiter of a queue. One that takes it and leaves, without doing what it was woken
// for and without waking the queue again, leaves the others asleep with nobody to wake them. Only the probes of wait
// queues show this, and no event tells whether there was anything left to do: it is a suspicion.
// Trigger: __wake_up(q, nr=1) wakes an exclusive waiter while a kernel thread stands in q too, exclusively, asleep.
// Discharger: the woken one does what it was seen to do after such wakes, or wakes q, or the other is woken.
// Deadline: four times its usual time from wake to act, and never less than the sleep threshold.
// Source: kernel/sched/wait.c: __wake_up_common(), prepare_to_wait_exclusive(), prepare_to_wait_event() (which passes a
// wake on when a signal ends the wait).
#pragma once

#include <map>
#include <vector>

#include "analysis/checks/lost_wakeup/rule.h"
#include "analysis/checks/lost_wakeup/sleeper.h"
#include "analysis/checks/lost_wakeup/task_slots.h"

namespace wakewatch {

class ExclusiveConsumed : public LostWakeupRule {
 public:
  explicit ExclusiveConsumed(const LostWakeupInput& input) : input_(input) {}
  void OnStep(const Step& step) override;
  void OnDeadline(const Deadline& deadline) override;
  void Forget(const Task& task) override;
  void Save(ArchiveWriter& archive) const override { Fields(*this, archive); }
  void Load(ArchiveReader& archive) override { Fields(*this, archive); }

  static const LostWakeupRuleInfo kInfo;

 private:
  static constexpr uint32_t kNobody = UINT32_MAX;
  static constexpr size_t kQueuesMax = 1024, kWaitersMax = 64;
  // __wake_up() is called on a CPU, and wakes somebody before anything else happens there.
  struct Call {
    uint64_t queue = 0, ns = 0;
    int32_t pid = 0;
    WakeContext context = WakeContext::kUnknown;
    static void Fields(auto& self, auto& archive) { archive(self.queue, self.ns, self.pid, self.context); }
  };
  // One that was woken out of a queue.
  struct Woken {
    ActHabit habit;
    uint64_t wake_ns = 0;  // the wake that is looked into; 0: none
    uint64_t queue = 0;
    uint64_t left_ns = 0;  // finish_wait() or remove_wait_queue() behind it
    uint32_t wake_cpu = 0, left_cpu = 0;
    uint32_t acts = 0;  // bits of ActKind: what it did before its next wake
    bool over = false;  // that came
    int32_t waker_pid = -1;
    uint32_t other = kNobody;  // who stood there too: Task::index
    uint64_t other_sleep_ns = 0;
    static void Fields(auto& self, auto& archive) {
      archive(self.habit, self.wake_ns, self.queue, self.left_ns, self.wake_cpu, self.left_cpu, self.acts, self.over,
              self.waker_pid, self.other, self.other_sleep_ns);
    }
  };
  static void Fields(auto& self, auto& archive) { archive(self.waiters_, self.calls_, self.woken_); }

  void OnEnter(const Event& event, uint32_t task);
  void OnLeave(const Event& event, uint32_t task);
  void OnWakeUp(const Step& step);
  void OnWaking(const Step& step);
  void OnAct(const Step& step, ActKind kind);
  // A kernel thread, asleep and exclusive in the queue, other than `woken`; null: none.
  const Task* OtherOf(const std::vector<uint32_t>& waiters, uint32_t woken) const;
  static bool Acted(const Woken& woken);
  void End(Woken* woken, Outcome outcome);
  Outcome Judge(const Task* taker, const Woken& woken) const;
  void Accuse(const Task& victim, const Task& taker, const Woken& woken, uint64_t now_ns);

  const LostWakeupInput input_;
  std::map<uint64_t, std::vector<uint32_t>> waiters_;  // by queue: Task::index of the exclusive ones
  std::vector<Call> calls_;                            // by CPU
  TaskSlots<Woken> woken_;
};

}  // namespace wakewatch
