// Why: a wakeup that finds nothing to do costs a wakeup, two switches and a cold cache. From scheduler events alone it
// looks like a wakeup whose work is invisible, so a thread is judged by its own history: only where its wakes as a rule
// lead to something that events show (it wakes somebody, queues work) is a short run without any of it suspicious.
#pragma once

#include <deque>

#include "analysis/checks/check.h"

namespace wakewatch {

class SpuriousWakeup : public Check {
 public:
  explicit SpuriousWakeup(const CheckInput& input) : input_(input) {}
  void OnStep(const Step& step) override;
  void Forget(const Task& task) override;
  void Save(ArchiveWriter& archive) const override { Fields(*this, archive); }
  void Load(ArchiveReader& archive) override { Fields(*this, archive); }

  static const CheckInfo kInfo;

 private:
  static constexpr uint64_t kShortRunNs = 100'000;
  static constexpr uint32_t kHistoryMin = 16;  // wakes
  static constexpr uint32_t kActingPercent = 75;

  struct History {
    Wait wake;          // that began the run that goes on; kind kNone: it began otherwise
    char slept_in = 0;  // the letter of the sleep in front of it
    bool acted = false;
    uint32_t wakes = 0, acts = 0;  // runs after a wake, and those among them that did something
    static void Fields(auto& self, auto& archive) {
      archive(self.wake, self.slept_in, self.acted, self.wakes, self.acts);
    }
  };
  static void Fields(auto& self, auto& archive) { archive(self.histories_); }

  History& Of(const Task& task) {
    if (task.index >= histories_.size()) [[unlikely]]
      histories_.resize(task.index + 1);
    return histories_[task.index];
  }
  void OnActor(const Step& step);
  void OnLeave(const Step& step);

  const CheckInput input_;
  std::deque<History> histories_;  // by Task::index
};

}  // namespace wakewatch
