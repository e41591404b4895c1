// Why: a thread that sleeps with a time-out wakes by itself, unless its timer gets lost. Late timers are common and no
// loss: a CPU that is not run, deferrable timers, the wheel's granularity. What cannot happen is that a base goes past
// a timer: of one base they expire in the order of their buckets, and of one CPU's hrtimers in the order of their
// expiry. Trigger: a kernel thread arms its own time-out and sleeps. Discharger: it expires, is cancelled or armed
// anew, or the thread is back. Broken: a timer of the same base that was due later has expired, and a sleep threshold
// later this one still has not. Source: kernel/time/timer.c: schedule_timeout(), __run_timers(); kernel/time/hrtimer.c:
// __hrtimer_run_queues() (a base's timers by their hard expiry; the tick is one of them, on the monotonic clock, behind
// which no other lies).
#pragma once

#include <unordered_map>
#include <vector>

#include "analysis/checks/lost_wakeup/rule.h"
#include "analysis/checks/lost_wakeup/task_slots.h"
#include "analysis/checks/lost_wakeup/timer_bases.h"
#include "analysis/checks/lost_wakeup/victims.h"

namespace wakewatch {

class TimerLost : public LostWakeupRule {
 public:
  explicit TimerLost(const LostWakeupInput& input) : input_(input) {}
  void OnStep(const Step& step) override;
  void OnDeadline(const Deadline& deadline) override;
  void Forget(const Task& task) override;
  void Save(ArchiveWriter& archive) const override { Fields(*this, archive); }
  void Load(ArchiveReader& archive) override;

  static const LostWakeupRuleInfo kInfo;

 private:
  struct Sleeper {
    uint64_t timer = 0;  // its own that is armed; 0: none
    uint64_t start_ns = 0, expires = 0;
    uint32_t cpu = 0;   // where it was armed
    uint32_t base = 0;  // of the wheel; of an hrtimer its CPU
    bool hrtimer = false;
    // The one that was due later and expired before it.
    uint64_t passed_ns = 0;  // 0: none did
    uint64_t passed_timer = 0;
    uint32_t passed_cpu = 0;
    bool slept = false;  // since it was armed
    static void Fields(auto& self, auto& archive) {
      archive(self.timer, self.start_ns, self.expires, self.cpu, self.base, self.hrtimer, self.passed_ns,
              self.passed_timer, self.passed_cpu, self.slept);
    }
  };
  // The newest timers of the wheel, in a table of fixed size: a newer one takes an older one's place, which then is no
  // longer there to be compared with.
  struct Armed {
    uint64_t timer = 0, due = 0;
    uint32_t base = 0;
    static void Fields(auto& self, auto& archive) { archive(self.timer, self.due, self.base); }
  };
  struct HrtimerBase {
    BaseSleepers sleepers;
    uint64_t tick_now = 0;  // of the last tick, on the monotonic clock
    static void Fields(auto& self, auto& archive) { archive(self.sleepers, self.tick_now); }
  };
  static constexpr size_t kArmedKept = 1024;
  static constexpr uint64_t kMarginJiffies = 2;

  static void Fields(auto& self, auto& archive) {
    archive(self.sleepers_, self.of_timer_, self.armed_, self.expiring_, self.wheel_, self.hrtimers_);
  }
  Armed& Place(uint64_t timer) { return armed_[(timer >> 3 ^ timer >> 13) % kArmedKept]; }
  BaseSleepers& BaseOf(bool hrtimer, uint32_t base);
  void OnTimerStart(const Step& step);
  void OnTimerCancel(const Event& event);
  void OnTimerExpire(const Event& event);
  void OnHrtimerStart(const Step& step);
  void OnHrtimerExpire(const Step& step);
  void OnGone(uint64_t timer);
  void OnSwitch(const Step& step);
  void OnBack(const Task& task);
  // The kernel thread that arms its own time-out; null for all other timers.
  const Task* OwnerOf(const Step& step);
  void Arm(const Task& task, const Sleeper& armed, uint64_t due);
  void Pass(const Event& event, uint32_t index);
  void End(uint32_t index, Sleeper* sleeper, Outcome outcome);
  void Accuse(const Task& victim, const Sleeper& sleeper, uint64_t now_ns);

  const LostWakeupInput input_;
  OwnTimers timers_{input_.check};
  TimerStartFields fields_;
  TaskSlots<Sleeper> sleepers_;
  std::unordered_map<uint64_t, uint32_t> of_timer_;  // the sleepers' timers: Task::index
  std::vector<Armed> armed_ = std::vector<Armed>(kArmedKept);
  std::vector<Armed> expiring_;        // by CPU: what its last timer_cancel took out of armed_
  std::vector<BaseSleepers> wheel_;    // by WheelPlace::base
  std::vector<HrtimerBase> hrtimers_;  // by CPU
};

}  // namespace wakewatch
