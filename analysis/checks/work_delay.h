// Why: a work item that starts late: its queue had too many in flight, its worker was busy or did not get a CPU, or no
// worker took it. Queueing an item that is pending, cancelling and flushing emit no events, so each item is followed by
// its pointer from the last time it was really queued.
// Source: kernel/workqueue.c: __queue_work(), pwq_activate_work(), process_one_work().
#pragma once

#include "analysis/checks/check.h"
#include "analysis/checks/work_items.h"

namespace wakewatch {

class WorkDelay : public Check {
 public:
  explicit WorkDelay(const CheckInput& input) : items_(input, kInfo.name) {}
  void OnStep(const Step& step) override;
  void Summarise(uint64_t end_ns, Summaries* summaries) const override;
  void Forget(const Task& task) override { items_.Forget(task); }
  void Save(ArchiveWriter& archive) const override { archive(items_); }
  void Load(ArchiveReader& archive) override { archive(items_); }

  static const CheckInfo kInfo;

 private:
  WorkItems items_;
};

}  // namespace wakewatch
