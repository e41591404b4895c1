// Why: the states of a few tasks at every moment of a span, as far as events tell them.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "analysis/model/task_automaton.h"
#include "analysis/report/timeline_detail.h"
#include "analysis/report/timeline_detail_cpus.h"

namespace wakewatch {

class LaneTracker {
 public:
  LaneTracker(const TimelineDetailRequest& request, const DetailSource& source, const DetailCpus& cpus);

  // `pid` is on `cpu`, as an event says that is no switch to it.
  void Seen(int32_t pid, uint32_t cpu, uint64_t ts_ns);
  // `pid` was taken to be on `cpu`, and another one is there.
  void Lose(int32_t pid, uint32_t cpu, uint64_t ts_ns);
  void Switch(const DetailEvent& event);
  void Wake(const DetailEvent& event);
  // After the CPU was lost.
  void Gap(uint64_t ts_ns);
  void Finish(TimelineDetail* detail);

 private:
  struct Lane {
    TaskLane lane;
    task_automaton::Belief belief = task_automaton::kAnything;
    LaneState asleep = LaneState::kSleeping;  // as its last switch-out said
    LaneSpan open;                            // its end is not known yet
  };
  Lane* Of(int32_t pid);
  // What an event of the task at `ts_ns` makes of it; `cpu`: where it is, or is to run.
  void TakeWake(Lane* lane, task_automaton::Input input, uint32_t cpu, uint64_t ts_ns);
  void TakeSwitch(Lane* lane, task_automaton::Input input, uint32_t cpu, uint64_t ts_ns);
  void BeRunning(Lane* lane, uint32_t cpu, uint64_t ts_ns);
  void Become(Lane* lane, task_automaton::Belief belief, uint32_t cpu, uint64_t ts_ns);
  void Begin(Lane* lane, LaneState state, uint32_t cpu, uint64_t ts_ns);

  std::vector<LaneSpan> Tidy(const std::vector<LaneSpan>& spans) const;

  const TimelineDetailRequest& request_;
  const DetailCpus& cpus_;
  std::vector<Lane> lanes_;
  std::unordered_map<int32_t, size_t> by_pid_;
  bool has_waking_, has_wakeup_;
  size_t spans_ = 0;  // of all lanes
};

}  // namespace wakewatch
