#include "collector/probe_placement.h"

#include <algorithm>
#include <set>
#include <sstream>
#include <utility>

#include "collector/file_io.h"
#include "collector/probe_cost.h"
#include "collector/probe_limits.h"

namespace wakewatch {

ProbeHitsByName ParseProbeProfile(std::string_view text) {
  ProbeHitsByName profile;
  std::set<std::string> twice;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name;
    ProbeHits hits;
    if (!(words >> name >> hits.hits >> hits.misses)) continue;
    if (!profile.emplace(name, hits).second) twice.insert(name);
  }
  for (const std::string& name : twice) profile.erase(name);
  return profile;
}

std::unique_ptr<ProbePlacement> ProbePlacement::Place(const ProbeHost& host, const std::string& instance,
                                                      uint64_t cost_ns, Warnings* warnings, std::string* evidence) {
  const ProbePlan plan = PlanProbes(host);
  if (!plan.refusal.empty()) {
    *evidence = "tracepoints only: " + plan.refusal;
    warnings->push_back("evidence is " + *evidence);
    return nullptr;
  }
  for (const std::string& remark : plan.remarks) warnings->push_back(remark);
  std::unique_ptr<ProbePlacement> placement(
      new ProbePlacement(host.tracefs, ProbeSet::Place(host.tracefs, plan, warnings)));
  PlacedProbes& placed = placement->placed_;
  placed.probes = placement->set_->placed();
  placed.missing = placement->set_->missing();
  for (const MissingProbe& probe : placed.missing) {
    warnings->push_back("probe " + probe.name + " is not placed: " + probe.cause);
  }
  placed.cost_ns = cost_ns;
  if (cost_ns == 0 && plan.kprobes) placed.cost_ns = MeasureProbeCost(host.tracefs, instance).value_or(0);
  if (placed.cost_ns == 0) placed.cost_ns = kProbeCostNs;
  return placement;
}

ProbeHitsByName ProbePlacement::Hits() const {
  constexpr size_t kProfileMax = 16u << 20;
  auto profile = ParseProbeProfile(ReadTextFile(tracefs_ + "/kprobe_profile", kProfileMax).value_or(""));
  std::erase_if(profile, [this](const auto& item) {
    return std::none_of(placed_.probes.begin(), placed_.probes.end(),
                        [&](const ProbeDefinition& probe) { return probe.name == item.first; });
  });
  return profile;
}

}  // namespace wakewatch
