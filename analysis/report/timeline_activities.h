// Why: which interrupts, softirqs, timers and work items ran when. The first three nest on a CPU as the kernel nests
// them; work belongs to its worker, which may sleep in it and go on elsewhere.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "analysis/report/timeline_detail.h"
#include "analysis/report/timeline_detail_cpus.h"

namespace wakewatch {

class ActivityTracker {
 public:
  ActivityTracker(const TimelineDetailRequest& request, const DetailSource& source, const DetailCpus& cpus)
      : request_(request), source_(source), all_cpus_(cpus) {}

  // Any event but a gap, before the CPU changes hands.
  void Push(const DetailEvent& event);
  void Gap(uint32_t cpu, uint64_t ts_ns, uint64_t end_ns);
  void Finish(TimelineDetail* detail);

 private:
  struct Open {
    TimelineActivity activity;
    uint64_t object = 0;
    bool in_hardirq = false;
  };
  struct Cpu {
    std::vector<Open> open;  // the innermost last
    // Nothing was seen yet that cannot happen within a handler, or within a softirq: it may have begun before.
    bool may_be_in_hardirq = true, may_be_in_softirq = true;
    uint64_t since_ns = 0;  // the end of its last gap
  };
  Cpu& At(uint32_t cpu);
  bool Wants(uint32_t cpu) const;
  void Enter(TimelineWork work, const DetailEvent& event, Cpu* cpu);
  void Exit(TimelineWork work, const DetailEvent& event, Cpu* cpu);
  void StartWork(const DetailEvent& event);
  void EndWork(const DetailEvent& event);
  void OnSwitch(const DetailEvent& event, Cpu* cpu);
  void Add(TimelineActivity activity, uint64_t end_ns, bool end_seen);
  // The events contradict it: it is known to have begun, and no more.
  void Drop(const Open& open) { Add(open.activity, open.activity.start_ns, false); }

  const TimelineDetailRequest& request_;
  const DetailSource& source_;
  const DetailCpus& all_cpus_;
  std::vector<Cpu> cpus_;                     // by number
  std::unordered_map<int32_t, Open> work_;    // by worker
  std::unordered_set<int32_t> work_seen_;     // workers with a start or an end since the last gap
  std::vector<TimelineActivity> activities_;  // at most items_max + 1
};

}  // namespace wakewatch
