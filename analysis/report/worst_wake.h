// Why: a chain is asked for the worst wait of a task, and the history of wakes is bounded: the chain is taken when the
// wait ends, and kept while no worse one comes.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "analysis/model/sched_model.h"
#include "analysis/model/wake_history.h"

namespace wakewatch {

struct WorstWake {
  int32_t pid = 0;
  std::string comm;
  uint32_t cpu = 0;  // where it ran
  uint64_t waking_ns = 0, wakeup_ns = 0, in_ns = 0;
  std::vector<ChainLink> chain;  // as WakeHistory::Chain
};

class WorstWakeFinder {
 public:
  // `wanted`: the tasks that are asked for.
  WorstWakeFinder(const TraceInput& input, std::function<bool(int32_t pid, std::string_view comm)> wanted)
      : model_(input), wakes_(model_, input.symbols()), wanted_(std::move(wanted)) {}
  WorstWakeFinder(const WorstWakeFinder&) = delete;
  WorstWakeFinder& operator=(const WorstWakeFinder&) = delete;

  // Every event, in merged order.
  void Push(const Event& event) {
    const Step& step = model_.Apply(event);
    wakes_.OnStep(step);
    if (event.type == EventType::kSchedSwitch && step.measured) OnSwitch(step);
  }
  // The longest wait from sched_waking (or sched_wakeup_new) to the switch-in that touches no gap, the first of equals;
  // none: no such wait was measured.
  const std::optional<WorstWake>& worst() const { return worst_; }
  const SchedModel& model() const { return model_; }

 private:
  void OnSwitch(const Step& step);

  SchedModel model_;
  WakeHistory wakes_;
  const std::function<bool(int32_t, std::string_view)> wanted_;
  std::optional<WorstWake> worst_;
};

}  // namespace wakewatch
