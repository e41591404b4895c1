// Why: a kthread_worker has one thread, so an item waits for the item in front of it and for that thread's CPU.
// Queueing wakes the thread only when it is idle; an item queued without a wake is no lost wakeup. Source:
// kernel/kthread.c: kthread_queue_work(), kthread_worker_fn().
#pragma once

#include "analysis/checks/check.h"
#include "analysis/checks/work_items.h"

namespace wakewatch {

class KthreadWorkDelay : public Check {
 public:
  explicit KthreadWorkDelay(const CheckInput& input) : items_(input, kInfo.name) {}
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
