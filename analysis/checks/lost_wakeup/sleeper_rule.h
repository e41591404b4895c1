// Why: one pass over the events serves all classes in which a sleeper missed a wake call: check-before-sleep,
// state-overwritten, wake-before-enqueue and wrong-mask. Trigger: a call that woke nobody, in the window before a sleep
// or (wrong-mask) during it. Discharger: the act that the thread's history shows after wakes, or any later wake.
// Deadline: four times its usual time from a wake to that act, and never less than the sleep threshold. What is judged
// needs the probe of try_to_wake_up(); without it nothing is.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "analysis/checks/lost_wakeup/rule.h"
#include "analysis/checks/lost_wakeup/sleeper.h"
#include "analysis/checks/lost_wakeup/task_slots.h"
#include "analysis/checks/lost_wakeup/victims.h"

namespace wakewatch {

class SleeperRule : public LostWakeupRule {
 public:
  explicit SleeperRule(const LostWakeupInput& input) : input_(input) {}
  void OnStep(const Step& step) override;
  void OnDeadline(const Deadline& deadline) override;
  void Summarise(Summaries* summaries) const override;
  void Finish(uint64_t end_ns) override;
  void Forget(const Task& task) override;
  void Save(ArchiveWriter& archive) const override { Fields(*this, archive); }
  void Load(ArchiveReader& archive) override { Fields(*this, archive); }

  static const LostWakeupRuleInfo kInfo;

 private:
  // The last wake of an empty queue, in a table of fixed size: a newer queue takes an older one's place.
  struct EmptyWake {
    uint64_t queue = 0, ns = 0;
    uint32_t cpu = 0;
    int32_t pid = -1;
    static void Fields(auto& self, auto& archive) { archive(self.queue, self.ns, self.cpu, self.pid); }
  };
  // try_to_wake_up() calls that have not returned, by CPU: an interrupt's call nests in a task's.
  struct CallStack {
    std::array<uint32_t, 4> victims{};  // Task::index of each; kNobody
    uint8_t depth = 0;
    static void Fields(auto& self, auto& archive) { archive(self.victims, self.depth); }
  };
  // Sleeps that cannot be judged although the probes were there.
  struct Unjudged {
    uint64_t silent = 0, unlearned = 0;
    static void Fields(auto& self, auto& archive) { archive(self.silent, self.unlearned); }
  };
  static constexpr uint32_t kNobody = UINT32_MAX;
  static constexpr size_t kEmptyWakes = 1024;

  static void Fields(auto& self, auto& archive) {
    archive(self.probes_, self.sleepers_, self.empty_wakes_, self.calls_, self.unjudged_, self.acts_seen_);
  }
  Sleeper* Of(const Task* task, bool make);
  void OnSwitch(const Step& step);
  void OnWaking(const Step& step);
  void OnCall(const Step& step);
  void OnReturn(const Step& step);
  void OnWakeUp(const Step& step);
  void OnEnter(const Step& step);
  void OnSleep(const Task& task, Sleeper* sleeper);
  void EndSleep(const Task& task, Sleeper* sleeper, uint64_t now_ns);
  void OnWrongMask(const Task& task, Sleeper* sleeper, WakeCall call);
  void AddAct(const Step& step, ActKind kind, uint64_t object);
  std::string CommOf(int32_t pid) const;
  // False: not enough is learnt yet.
  bool Judge(const Task& task, Sleeper* sleeper, const DoubtfulSleep& doubtful, uint64_t now_ns);
  void JudgeHeld(const Task& task, Sleeper* sleeper);
  void GiveUp(const DoubtfulSleep& doubtful);
  void EndAll(const DoubtfulSleep& doubtful, Outcome outcome);

  const LostWakeupInput input_;
  bool probes_ = false;  // try_to_wake_up() is probed
  TaskSlots<Sleeper> sleepers_;
  OwnTimers timers_{input_.check};
  std::vector<EmptyWake> empty_wakes_ = std::vector<EmptyWake>(kEmptyWakes);
  std::vector<CallStack> calls_;  // by CPU
  std::array<Unjudged, kLostClasses> unjudged_;
  ActsSeen acts_seen_{};
};

}  // namespace wakewatch
