// Why: what the project exists for: a kernel thread that sleeps because its wakeup was lost looks like one with nothing
// to do, since a wake of a running task leaves no event. The check runs the rules of rules_list.h, gives each its
// events and its deadlines, and tells of each sleep at most one verdict. Source: kernel/sched/core.c (try_to_wake_up: a
// task whose state does not match is left alone, without a tracepoint).
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "analysis/checks/check.h"
#include "analysis/checks/lost_wakeup/rule.h"

namespace wakewatch {

class LostWakeup : public Check {
 public:
  explicit LostWakeup(const CheckInput& input);
  void OnStep(const Step& step) override;
  void OnAlarm(uint64_t now_ns) override;
  void Summarise(uint64_t end_ns, Summaries* summaries) const override;
  void Finish(uint64_t end_ns) override;
  void Forget(const Task& task) override;
  void Save(ArchiveWriter& archive) const override;
  void Load(ArchiveReader& archive) override;

  static const CheckInfo kInfo;

 private:
  const CheckInput input_;
  ObligationLedger ledger_;
  Deadlines deadlines_;
  Verdicts verdicts_{input_};
  std::vector<std::unique_ptr<LostWakeupRule>> rules_;
  std::array<std::vector<LostWakeupRule*>, kEventTypeCount> interested_;
  bool finished_ = false;
};

}  // namespace wakewatch
