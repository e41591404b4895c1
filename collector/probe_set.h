// Why: the definitions of probes are global to the kernel, also those we only enable in our own instance. Here they are
// placed without touching anybody else's, shared among collectors of one machine, taken over from one that was killed,
// and removed by the last one that needs them. Source: kernel/trace/{trace_kprobe,trace_fprobe,trace_dynevent}.c.
//
// Removing a definition also makes the kernel empty the buffer of every instance that had it enabled before
// (probe_remove_event_call(), EVENT_FILE_FL_WAS_ENABLED), so nothing may be removed as long as another collector runs.
// Each holds a shared lock (flock) on the folder of instances; it ends with the process, whatever ends that.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "collector/probe_definitions.h"
#include "collector/tracefs_session.h"

namespace wakewatch {

// A line of kprobe_events or dynamic_events.
struct DefinedProbe {
  std::string event;  // "wakewatch/ttwu"
  std::string text;   // the line
};
std::vector<DefinedProbe> ParseDefinedProbes(std::string_view text);

class ProbeSet {
 public:
  // Places what `plan` has. What another of our collectors placed already is shared. A probe that the kernel refuses,
  // or that somebody uses with another definition, becomes one of missing(). Adds to *warnings what was found left
  // over.
  static std::unique_ptr<ProbeSet> Place(const std::string& tracefs, const ProbePlan& plan, Warnings* warnings);
  // Calls Remove, and keeps quiet about what it answers.
  ~ProbeSet();
  ProbeSet(const ProbeSet&) = delete;
  ProbeSet& operator=(const ProbeSet&) = delete;

  const std::vector<ProbeDefinition>& placed() const { return placed_; }
  const std::vector<MissingProbe>& missing() const { return missing_; }
  // Removes the definitions, unless another of our collectors runs. Our own instance must be gone by then. Answers with
  // what could not be removed.
  Warnings Remove();

 private:
  class Lock;
  ProbeSet(std::string tracefs, std::unique_ptr<Lock> lock);
  void PlaceOne(const ProbeDefinition& probe, const ProbePlan& plan, const std::vector<DefinedProbe>& defined);
  Status Define(const ProbeDefinition& probe, const ProbePlan& plan) const;

  const std::string tracefs_;
  std::unique_ptr<Lock> lock_;
  std::vector<ProbeDefinition> placed_;
  std::vector<MissingProbe> missing_;
  bool removed_ = false;
};

// Removes definitions that a collector of ours left, when none runs that may need them.
void ReapProbes(const std::string& tracefs, Warnings* warnings);

}  // namespace wakewatch
