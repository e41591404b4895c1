// Why: without probes a lost wakeup leaves no event, but its waker may be seen to wait for the answer. A task P that
// has woken the thread V before ran while V was on its CPU, did not wake it, and went to sleep; V slept on, far longer
// than it usually sleeps and P usually waits, and when V was at last woken by something else, it woke P. So P had
// wanted something of V, and V had not known. How the wakeup was lost is not seen, nor that there was one: suspicious,
// class undecided. Producers that do not wait for an answer stay invisible. Where try_to_wake_up() is probed the probes
// decide, and this rule is silent.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "analysis/checks/lost_wakeup/period.h"
#include "analysis/checks/lost_wakeup/rule.h"
#include "analysis/checks/lost_wakeup/task_slots.h"
#include "analysis/checks/lost_wakeup/victims.h"

namespace wakewatch {

class WaitingProducer : public LostWakeupRule {
 public:
  explicit WaitingProducer(const LostWakeupInput& input) : input_(input) {}
  void OnStep(const Step& step) override;
  void Forget(const Task& task) override;
  void Save(ArchiveWriter& archive) const override { Fields(*this, archive); }
  void Load(ArchiveReader& archive) override;

  static const LostWakeupRuleInfo kInfo;

 private:
  static constexpr uint32_t kNobody = UINT32_MAX;

  // A thread that `Producer` has woken. Its place may be another's by now: then the pid differs.
  struct Woken {
    uint32_t index = kNobody;
    int32_t pid = 0;
    uint32_t wakes = 0;
    uint64_t kinds = 0;  // of sleep that it was woken from: a bit each, see KindOf
    bool FromLike(uint32_t kind) const;
    static void Fields(auto& self, auto& archive) { archive(self.index, self.pid, self.wakes, self.kinds); }
  };
  struct Producer {
    std::array<Woken, 4> woken;
    uint64_t block_ns = 0;  // its last sleep began
    uint64_t run_ns = 0;    // and the run before it
    uint32_t block_cpu = 0;
    uint64_t armed = 0;  // the function of the timer that it armed last since its last sleep, if not its own time-out
    // A sleep of one of them that is over, and looks like a loss if that thread wakes it next.
    uint32_t victim = kNobody;
    Verdicts::Sleep sleep;
    Period waits;  // how long sleeps take that a thread that it has woken ends
    static void Fields(auto& self, auto& archive) {
      archive(self.woken, self.block_ns, self.run_ns, self.block_cpu, self.armed, self.victim, self.sleep, self.waits);
    }
  };
  struct Suspect {
    uint32_t producer = kNobody;
    uint64_t block_ns = 0;
    uint64_t armed = 0;  // as the producer's, when it went to sleep
    static void Fields(auto& self, auto& archive) { archive(self.producer, self.block_ns, self.armed); }
  };
  struct Victim {
    bool coming = true;      // asleep, or woken and not on a CPU yet
    uint32_t timeout = 0;    // that it armed in this window: see TimeoutOf
    uint64_t window_ns = 0;  // it came onto a CPU out of a sleep
    uint64_t woken_ns = 0;   // the last sched_waking
    std::vector<Suspect> suspects;
    Period sleeps;
    static void Fields(auto& self, auto& archive) {
      archive(self.coming, self.timeout, self.window_ns, self.woken_ns, self.suspects, self.sleeps);
    }
    // Longer than it usually sleeps? Half of its sleeps may be lost ones, so it is the median that is doubled.
    bool Overslept(uint64_t slept_ns) const { return !Learned(sleeps) || slept_ns >= 2 * sleeps.Quantile(0.5); }
  };
  // What kind of sleep a thread is in, 0 to 63: what wakes end is a wait of that kind, and another is none of the
  // waker's. A thread that waits for an answer for at most 10 s also sleeps 50 ms by the same timer.
  static uint32_t KindOf(const Task& task, const Victim& victim) {
    return (task.sleep_letter == 'D' ? kTimeouts : 0) + victim.timeout;
  }
  // 0: no time-out; 1: of unknown length; from 2 on: the power of two of its jiffies.
  static constexpr uint32_t kTimeouts = 32, kUnknownTimeout = 1, kFirstTimeout = 2;
  static uint32_t TimeoutOf(const Event& start);
  static void Fields(auto& self, auto& archive) { archive(self.probed_, self.producers_, self.victims_); }
  void OnTimer(const Step& step);
  void OnSwitch(const Step& step);
  void OnWaking(const Step& step);
  void OnBlock(const Step& step, Producer* producer);
  void OnVictimWoken(const Step& step, Victim* victim);
  // Ends what is held against the one that it was taken to wait for, if anything is.
  void Drop(Producer* producer, Outcome outcome);
  void OnProducerWoken(const Step& step, Producer* producer, const Task* by);
  void Accuse(const Task& victim, const Task& by, const Producer& producer, const Step& step);

  const LostWakeupInput input_;
  OwnTimers timers_{input_.check};
  bool probed_ = false;
  TaskSlots<Producer> producers_;
  TaskSlots<Victim> victims_;
};

}  // namespace wakewatch
