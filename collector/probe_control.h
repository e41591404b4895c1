// Why: deep evidence while it is recorded: which probes are on in our instance, what they cost, and what becomes of
// them when they cost too much or something else has to come first. A probe that is switched off or on is a break in
// what the events can prove, so each switch is told to the caller, who has to mark it in the stream.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/base/result.h"
#include "collector/probe_limits.h"
#include "collector/probe_placement.h"
#include "collector/recorder.h"

namespace wakewatch {

// "deep: 21 of 23 probes; without complete, complete_all".
std::string EvidenceText(const std::vector<ProbeState>& probes);

class ProbeControl {
 public:
  // Switches an event ("wakewatch/ttwu") of our instance.
  using SetEvent = std::function<Status(const std::string& event, bool on)>;

  // Counts of the kernel, by name; see ProbePlacement::Hits.
  using ReadHits = std::function<ProbeHitsByName()>;

  ProbeControl(PlacedProbes placed, ProbeLimitOptions limits, ReadHits read_hits);

  // Of all probes that were placed, "wakewatch/ttwu".
  std::vector<std::string> events() const;
  // Switches on those of `usable` (their formats were loaded); the others are not recorded. Before recording begins.
  void Begin(const std::vector<std::string>& usable, const SetEvent& set, Warnings* warnings);
  // Of those that are on.
  std::vector<std::string> on() const;
  std::vector<ProbeState> states() const;

  // For each probe, events that were read so far. None: it has no format.
  using EventsRead = std::function<uint64_t(const std::string& event)>;
  // What should change, given the events read, the kernel's own count of hits, and what was asked for meanwhile.
  // Switches nothing: Apply does. Called at any pace; measures over a second at least.
  bool Due(uint64_t now_ns, const EventsRead& read);
  // Switches what Due found. Answers with the reason, to be told with the break in the stream.
  std::string Apply(const SetEvent& set, Warnings* warnings);
  // All probes are off as long as there is a reason. An empty `reason` ends that of `who`.
  void Pause(const std::string& who, const std::string& reason);

 private:
  struct Probe {
    ProbeDefinition definition;
    std::string cause;  // why it cannot be recorded; empty: it can
    bool on = false;
    bool wanted = false;  // Apply makes `on` so
    std::string reason;   // of `wanted`
    uint64_t read = 0;    // events, in all
    uint64_t hits = 0;    // while it was on, in all: the larger of what was read and what the kernel counted
    ProbeHits kernel;     // the last counts
    bool kernel_known = false;
    uint64_t missed = 0;
    uint64_t switched_off = 0;
  };

  void Count(const EventsRead& read);
  void Want(size_t probe, bool on, const std::string& reason);

  const std::vector<MissingProbe> missing_;
  const ReadHits read_hits_;
  std::vector<Probe> probes_;
  ProbeLimits limits_;
  std::map<std::string, std::string> pauses_;  // who: reason
  bool paused_ = false;                        // as it was applied
  uint64_t counted_at_ns_ = 0;
};

}  // namespace wakewatch
