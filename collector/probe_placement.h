// Why: of deep evidence, this is what takes privileges: to plan, place, measure, count and remove the probes. What is
// on and what is too busy is decided elsewhere (probe_control.h), and told here by name.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "collector/probe_set.h"

namespace wakewatch {

// Hits and misses of a kprobe since it was defined, from a line of kprobe_profile.
struct ProbeHits {
  uint64_t hits = 0, misses = 0;
  static void Fields(auto& self, auto& archive) { archive(self.hits, self.misses); }
};
// By name, without its group: the kernel does not tell it. A name that two groups have is left out.
using ProbeHitsByName = std::map<std::string, ProbeHits>;
ProbeHitsByName ParseProbeProfile(std::string_view text);

struct PlacedProbes {
  std::vector<ProbeDefinition> probes;
  std::vector<MissingProbe> missing;
  uint64_t cost_ns = 0;  // of a hit, as measured, or kProbeCostNs
  static void Fields(auto& self, auto& archive) { archive(self.probes, self.missing, self.cost_ns); }
};

class ProbePlacement {
 public:
  // Plans and places. `instance` is ours, stopped and without an event that is on: what a hit costs is measured in it
  // where `cost_ns` is 0. Null when this kernel takes no probes at all; *evidence says why.
  static std::unique_ptr<ProbePlacement> Place(const ProbeHost& host, const std::string& instance, uint64_t cost_ns,
                                               Warnings* warnings, std::string* evidence);

  const PlacedProbes& placed() const { return placed_; }
  // Of our probes.
  ProbeHitsByName Hits() const;
  // The instance must be gone. Answers with what could not be removed.
  Warnings Remove() { return set_->Remove(); }

 private:
  ProbePlacement(std::string tracefs, std::unique_ptr<ProbeSet> set)
      : tracefs_(std::move(tracefs)), set_(std::move(set)) {}

  const std::string tracefs_;
  const std::unique_ptr<ProbeSet> set_;
  PlacedProbes placed_;
};

}  // namespace wakewatch
