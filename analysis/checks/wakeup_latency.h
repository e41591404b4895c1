// Why: how late each task wakes, as distributions with their n, and a finding for every wake that took too long.
// Latency runs from sched_waking (or sched_wakeup_new) to the switch to the task; its two parts, delivery and run
// queue, are kept beside it, and preempted waits apart.
#pragma once

#include <deque>

#include "analysis/checks/check.h"
#include "analysis/checks/worst_waits.h"

namespace wakewatch {

class WakeupLatency : public Check {
 public:
  explicit WakeupLatency(const CheckInput& input) : input_(input) {}
  void OnStep(const Step& step) override;
  void Summarise(uint64_t end_ns, Summaries* summaries) const override;
  void Forget(const Task& task) override;
  void Save(ArchiveWriter& archive) const override { Fields(*this, archive); }
  void Load(ArchiveReader& archive) override { Fields(*this, archive); }

  static const CheckInfo kInfo;

 private:
  struct Counts {
    Histogram wakeup_latency_ns, delivery_ns, runqueue_ns, preempted_ns, excess_latency_ns;
    DelayBuckets buckets, preempted_buckets;
    WorstWaits worst;
    uint64_t in_time = 0;  // waits without excess, which excess_latency_ns leaves out
    uint64_t wakeups = 0, voided = 0, assumed_affinity = 0;
    static void Fields(auto& self, auto& archive) {
      archive(self.wakeup_latency_ns, self.delivery_ns, self.runqueue_ns, self.preempted_ns, self.excess_latency_ns,
              self.buckets, self.preempted_buckets, self.worst, self.in_time, self.wakeups, self.voided,
              self.assumed_affinity);
    }
  };
  static void Fields(auto& self, auto& archive) { archive(self.counts_, self.forgotten_wakeups_); }

  Counts& Of(const Task& task) {
    if (task.index >= counts_.size()) [[unlikely]]
      counts_.resize(task.index + 1);
    return counts_[task.index];
  }
  void Measure(const Wait& wait, const Step& step, Counts* counts);
  void HandOver(const Wait& wait, const Step& step) const;

  const CheckInput input_;
  std::deque<Counts> counts_;  // by Task::index
  uint64_t forgotten_wakeups_ = 0;
};

}  // namespace wakewatch
