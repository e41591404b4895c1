// Why: one pass over the probes of completions serves completion-init-with-waiter and completion-reinit. It follows
// what `done` of each completion should be, and who waits for it. Needs the probes of complete() with its list's head
// and of wait_for_completion().
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "analysis/checks/lost_wakeup/completion_wait.h"
#include "analysis/checks/lost_wakeup/period.h"
#include "analysis/checks/lost_wakeup/rule.h"

namespace wakewatch {

class CompletionRule : public LostWakeupRule {
 public:
  explicit CompletionRule(const LostWakeupInput& input) : input_(input) {}
  void OnStep(const Step& step) override;
  void OnDeadline(const Deadline& deadline) override;
  void Summarise(Summaries* summaries) const override;
  void Finish(uint64_t end_ns) override;
  void Forget(const Task& task) override;
  void Save(ArchiveWriter& archive) const override { Fields(*this, archive); }
  void Load(ArchiveReader& archive) override { Fields(*this, archive); }

  static const LostWakeupRuleInfo kInfo;

 private:
  struct Object {
    uint32_t left = 0;  // done that nobody has taken yet
    CompleteCall by;    // the last that left some
    Period waits;       // from entering to being woken, where nothing speaks against the waker
    uint64_t used_ns = 0;
    static void Fields(auto& self, auto& archive) { archive(self.left, self.by, self.waits, self.used_ns); }
  };
  // Behind its deadline, and it is not known yet how long waits on its object take.
  struct Held {
    CompletionWait wait;
    Verdicts::Sleep sleep;  // end_ns 0: it still sleeps
    static void Fields(auto& self, auto& archive) { archive(self.wait, self.sleep); }
  };
  static constexpr size_t kObjectsMax = 4096, kHeldMax = 64;

  static void Fields(auto& self, auto& archive) {
    archive(self.probed_, self.objects_, self.waits_, self.held_, self.unlearned_);
  }
  Object& Of(uint64_t object, uint64_t now_ns);
  void OnSwitch(const Step& step);
  void OnWait(const Step& step);
  void OnComplete(const Step& step);
  void OnEnd(const Task& task, uint64_t now_ns);
  void Drop(const Task& task, Outcome outcome);
  void EndObligations(const CompletionWait& wait, Outcome outcome);
  void JudgeHeld(uint64_t object);
  void TakeBackHeld(uint64_t object);
  void GiveUp(const Held& held);

  const LostWakeupInput input_;
  bool probed_ = false;
  std::map<uint64_t, Object> objects_;
  std::map<uint32_t, CompletionWait> waits_;  // by Task::index
  std::vector<Held> held_;
  uint64_t unlearned_ = 0;
};

}  // namespace wakewatch
