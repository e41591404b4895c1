// Why: who woke whom: each sched_waking with the sched_wakeup that follows it, wherever that was recorded, by the rules
// of the scheduler model.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "analysis/report/timeline_detail.h"
#include "analysis/report/timeline_detail_cpus.h"

namespace wakewatch {

class WakeupTracker {
 public:
  WakeupTracker(const TimelineDetailRequest& request, const DetailSource& source)
      : request_(request), has_waking_(source.has_waking) {}

  // sched_waking, sched_wakeup or sched_wakeup_new; `cpu`: who is where it was recorded.
  void Wake(const DetailEvent& event, const DetailCpus::Cpu& cpu);
  // `pid` left its CPU.
  void SwitchOut(int32_t pid) {
    if (!without_waking_.empty()) without_waking_.erase(pid);
  }
  // Events were lost, of whatever CPU: a wake that is under way may have ended there.
  void Gap();
  void Finish(TimelineDetail* detail);

 private:
  struct Entry {
    TimelineWakeup wakeup;
    bool waker_guessed = false;  // it is that of the sched_wakeup, which is the waker's only where there is no waking
  };
  void OnWaking(const DetailEvent& event, const DetailCpus::Cpu& cpu);
  void OnWakeup(const DetailEvent& event, const DetailCpus::Cpu& cpu);
  // Where it is in entries_; nothing of it is wanted: SIZE_MAX.
  size_t Add(Entry entry);

  const TimelineDetailRequest& request_;
  bool has_waking_;
  std::unordered_map<int32_t, TimelineWakeup> open_;    // by who is woken
  std::unordered_map<int32_t, size_t> without_waking_;  // the same: into entries_
  std::vector<Entry> entries_;                          // at most items_max + 1
};

}  // namespace wakewatch
