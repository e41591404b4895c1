// Why: a check's test tells a story in events and reads back what the check said. Not part of the checks.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "analysis/checks/check.h"
#include "analysis/model/model_test_support.h"

namespace wakewatch {

// One check over one script, with thresholds in the script's own small numbers.
class CheckRun : public FindingSink {
 public:
  explicit CheckRun(const CheckInfo& info) : info_(info) {
    options_.latency_threshold_ns = 100;
    options_.hung_threshold_ns = 1000;
  }
  CheckOptions& options() { return options_; }
  ScriptInput& input() { return input_; }

  // The trace is known up to its last event.
  CheckRun& Play(const Script& script) { return Play(script.events()); }
  CheckRun& Play(const std::vector<Event>& events) {
    SchedModel model(input_);
    WakeHistory wakes(model, input_.symbols());
    Alarm alarm;
    const auto check = info_.make({input_.symbols(), model, options_, *this, wakes, input_.formats(), alarm});
    uint64_t end_ns = 0;
    for (const Event& event : events) {
      if (event.ts_ns > alarm.ns) check->OnAlarm(event.ts_ns);
      const Step& step = model.Apply(event);
      wakes.OnStep(step);
      if (event.type != EventType::kGap) end_ns = event.ts_ns;
      for (const EventType type : info_.events) {
        if (type == event.type) check->OnStep(step);
      }
      if (info_.long_waits && options_.IsLongWait(step)) check->OnLongWait(step);
    }
    check->Finish(end_ns);
    check->Summarise(end_ns, &summaries_);
    return *this;
  }

  using FindingSink::Add;
  void Add(Finding&& finding, uint64_t object) override {
    finding.Seal(object);
    findings_.push_back(std::move(finding));
  }

  const std::vector<Finding>& findings() const { return findings_; }
  const Summaries& summaries() const { return summaries_; }
  // "real-time 7 100..300; ": class, pid, start and end of each finding.
  std::string Told() const {
    std::string told;
    for (const Finding& finding : findings_) {
      told += finding.cls + " " + std::to_string(finding.pid) + " " + std::to_string(finding.start_ns) + ".." +
              std::to_string(finding.end_ns) + "; ";
    }
    return told;
  }

 private:
  const CheckInfo& info_;
  CheckOptions options_;
  ScriptInput input_;
  std::vector<Finding> findings_;
  Summaries summaries_;
};

}  // namespace wakewatch
