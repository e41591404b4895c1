// Why: most lost wakeups leave nothing in the events that are always recorded. What cannot be decided is counted, with
// the probes that would decide it, and never told as a finding: so a reader knows what a clean report is worth. A sleep
// counts when it outlasts what that thread was seen to sleep before, and the sleep threshold; and for a class when a
// probe that decides that class was not recorded.
#pragma once

#include <array>
#include <memory>

#include "analysis/checks/lost_wakeup/period.h"
#include "analysis/checks/lost_wakeup/rule.h"
#include "analysis/checks/lost_wakeup/task_slots.h"
#include "analysis/checks/lost_wakeup/victims.h"

namespace wakewatch {

class UndecidedSleeps : public LostWakeupRule {
 public:
  explicit UndecidedSleeps(const LostWakeupInput& input) : input_(input) {}
  void OnStep(const Step& step) override;
  void Summarise(Summaries* summaries) const override;
  void Forget(const Task& task) override { periods_.Forget(task); }
  void Save(ArchiveWriter& archive) const override { Fields(*this, archive); }
  void Load(ArchiveReader& archive) override { Fields(*this, archive); }

  static const LostWakeupRuleInfo kInfo;

 private:
  static void Fields(auto& self, auto& archive) {
    archive(self.seen_, self.blind_complete_, self.periods_, self.interruptible_, self.uninterruptible_, self.reused_);
  }
  void OnSleepOver(const Task& task, uint64_t slept_since_ns, uint64_t now_ns);
  bool Seen(EventType type) const { return seen_[static_cast<size_t>(type)]; }

  const LostWakeupInput input_;
  std::array<bool, kEventTypeCount> seen_{};  // of the probes
  bool blind_complete_ = false;               // complete() was probed without its list's head
  TaskSlots<Period> periods_;                 // sleeps of each thread
  uint64_t interruptible_ = 0, uninterruptible_ = 0;
  uint64_t reused_ = 0;  // complete_all() of a completion that was complete for good already
};

}  // namespace wakewatch
