// Why: one sleep has at most one lost wakeup, whatever number of rules have something against it: the best-supported
// verdict wins. It is told at its deadline, while the victim still sleeps, and once more with its end.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "analysis/checks/check.h"
#include "analysis/checks/lost_wakeup/lost_class.h"

namespace wakewatch {

// What a rule says of a task's sleep.
struct Verdict {
  LostClass cls = LostClass::kUndecided;
  Confidence confidence = Confidence::kSuspicious;
  int32_t waker_pid = -1;  // whose wakeup was lost; -1: an interrupt's, or not known
  std::string waker_comm;
  std::vector<Evidence> evidence;  // in any order; the victim's switch-out is added
  std::string explanation;         // a clause: "pkt_feed (pid 12) woke it while it still ran"
  std::string rule, assumption, would_raise;
  static void Fields(auto& self, auto& archive) {
    archive(self.cls, self.confidence, self.waker_pid, self.waker_comm, self.evidence, self.explanation, self.rule,
            self.assumption, self.would_raise);
  }
};

class Verdicts {
 public:
  explicit Verdicts(const CheckInput& input) : input_(input) {}

  // `victim` sleeps, and has from Task::sleep_ns to now_ns: it is told now, as a finding that is open. Of two verdicts
  // on one sleep the more confident one stays, then the earlier class. Without effect on a task that is not known to
  // sleep; for LostClass::kWakeUndelivered it does until its wakeup.
  void Accuse(const Task& victim, uint64_t now_ns, Verdict&& verdict);
  // A sleep of a task, over or not.
  struct Sleep {
    uint64_t start_ns = 0, end_ns = 0;
    int32_t cpu = -1;   // where it began
    char letter = '?';  // 'S', 'D', 'I'
    static void Fields(auto& self, auto& archive) { archive(self.start_ns, self.end_ns, self.cpu, self.letter); }
  };
  // As Accuse, of a sleep that is over. Without effect when a verdict on it was told before.
  void AccuseAfterwards(const Task& victim, const Sleep& sleep, Verdict&& verdict);
  // Of a sleep that may see several losses and goes on after each: up to sleep.end_ns. `object` tells them apart;
  // `open`: what is missing has still not happened.
  void AccuseWithin(const Task& victim, const Sleep& sleep, uint64_t object, bool open, Verdict&& verdict);
  // The sleep of `victim` is over, with this sched_waking or sched_wakeup or, where it came back without one, this
  // sched_switch.
  void Close(const Task& victim, const Event& event);
  // The trace ends: what is open was still asleep then.
  void Finish(uint64_t end_ns);
  void Forget(const Task& task) {
    open_.erase(task.index);
    told_.erase(task.index);
  }
  // There is a verdict on the sleep that `task` is in.
  bool Accused(const Task& task) const { return !open_.empty() && open_.contains(task.index); }
  static void Fields(auto& self, auto& archive) { archive(self.open_, self.told_); }

 private:
  struct Open {
    Sleep sleep;
    Verdict verdict;
    static void Fields(auto& self, auto& archive) { archive(self.sleep, self.verdict); }
  };
  static Finding Tell(const Task& victim, const Sleep& sleep, const Verdict& verdict);

  const CheckInput& input_;
  std::map<uint32_t, Open> open_;      // by Task::index
  std::map<uint32_t, uint64_t> told_;  // by Task::index: when the last sleep began that a verdict was told of
};

// "rx_drain (pid 12)", or "an interrupt" for -1.
std::string WakerText(const Verdict& verdict);

}  // namespace wakewatch
