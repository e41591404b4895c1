// Why: the one shape of an analyser. A check sees merged events together with what they did to tasks and CPUs,
// measures, and adds findings. It keeps state per task or per object only, so that the cost of an event does not grow
// with the trace. What touches a gap is voided, what is open at the end is censored, and both are counted.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "analysis/base/archive.h"
#include "analysis/checks/finding.h"
#include "analysis/checks/measured_wait.h"
#include "analysis/checks/summary.h"
#include "analysis/model/sched_model.h"
#include "analysis/model/wake_history.h"
#include "analysis/trace/event.h"
#include "analysis/trace/format.h"
#include "analysis/trace/reader.h"

namespace wakewatch {

struct CheckOptions {
  uint64_t latency_threshold_ns = 5'000'000;     // a wait at least this long is a finding
  uint64_t sleep_threshold_ns = 100'000'000;     // floor of the deadline for sleeps (lost wakeups)
  uint64_t hung_threshold_ns = 120'000'000'000;  // uninterruptible sleep at least this long is a finding, as khungtaskd
  uint64_t dispatch_tolerance_ns = 100'000;      // of the time that a wait deserved to end, this much is no excess
  uint64_t conservation_span_ns = 50'000'000;    // a CPU idle for this long beside a task that waits is a finding
  uint64_t since_ns = 0, until_ns = UINT64_MAX;  // findings and samples that start outside are left out
  std::function<void(const MeasuredWait&)> on_wait;  // called for every wait that is measured; may be empty

  // What the reference schedule would have spared a wait that has ended.
  uint64_t ExcessOf(const Wait& wait) const {
    return wait.place.deserved_ns > dispatch_tolerance_ns ? wait.place.deserved_ns - dispatch_tolerance_ns : 0;
  }
  uint64_t long_wait_ns() const { return std::min(latency_threshold_ns, conservation_span_ns); }
  bool IsLongWait(const Step& step) const {
    return step.ended != nullptr && step.measured && step.event->ts_ns - step.ended->start_ns >= long_wait_ns();
  }
  bool Inside(uint64_t start_ns) const { return start_ns >= since_ns && start_ns <= until_ns; }
};

// Where findings go. Not for findings that start outside the options' span: it drops them.
class FindingSink {
 public:
  virtual ~FindingSink() = default;
  // Seals the finding. `object` tells two apart that one task suffered at one time (the address of a work item).
  virtual void Add(Finding&& finding, uint64_t object) = 0;
  void Add(Finding&& finding) { Add(std::move(finding), 0); }
};

// Checks that wait for something not to happen set it to the next moment that they want to look at.
struct Alarm {
  uint64_t ns = UINT64_MAX;
};

// What a check may look at; all of it outlives the check.
struct CheckInput {
  const SymbolTable& symbols;
  const SchedModel& model;
  const CheckOptions& options;
  FindingSink& findings;
  const WakeHistory& wakes;  // has taken each step before the checks do
  const FormatTable& formats;
  Alarm& alarm;
};

class Check {
 public:
  virtual ~Check() = default;
  // Once for every event of the types that its CheckInfo names, gaps included where it names kGap. The model has
  // applied the event already.
  virtual void OnStep(const Step& /*step*/) {}
  // Where its CheckInfo asks for long waits: for every switch that ends a measured wait of at least
  // CheckOptions::long_wait_ns(). Nearly all waits are short, and most checks have nothing to say about those.
  virtual void OnLongWait(const Step& /*step*/) {}
  // Nothing happened between the last event and now_ns, which is behind CheckInput::alarm: before the model applies the
  // event of now_ns.
  virtual void OnAlarm(uint64_t /*now_ns*/) {}
  // Adds to *summaries what was measured up to `end_ns`, up to which every CPU is known; what is open counts as
  // censored. Changes nothing: a live run asks again and again.
  virtual void Summarise(uint64_t /*end_ns*/, Summaries* /*summaries*/) const {}
  // The trace ends at `end_ns`: adds the findings that only this shows. Called once.
  virtual void Finish(uint64_t /*end_ns*/) {}
  // `task` is retired: its index will be another task's. Whatever is kept by it must go.
  virtual void Forget(const Task& /*task*/) {}
  // All that later answers depend on. A check that was loaded goes on as the one that was saved.
  virtual void Save(ArchiveWriter& /*archive*/) const {}
  virtual void Load(ArchiveReader& /*archive*/) {}
};

struct CheckInfo {
  std::string_view name;         // Finding::check
  std::string_view description;  // one line for `wakewatch list`
  std::span<const EventType> events;
  std::unique_ptr<Check> (*make)(const CheckInput& input);
  bool long_waits = false;    // it takes OnLongWait
  bool adds_findings = true;  // false: it measures only, and is none of the checks that a finding can be of
};

}  // namespace wakewatch
