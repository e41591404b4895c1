#include "collector/probe_control.h"

#include <algorithm>
#include <sstream>
#include <utility>

#include "collector/file_io.h"
#include "collector/probe_cost.h"

namespace wakewatch {
namespace {

constexpr uint64_t kCountEveryNs = 1'000'000'000;

std::vector<std::string> FunctionsOf(const ProbeSet& set) {
  std::vector<std::string> functions;
  for (const ProbeDefinition& probe : set.placed()) functions.push_back(probe.function);
  return functions;
}

}  // namespace

std::map<std::string, ProbeHits> ParseProbeProfile(std::string_view text) {
  std::map<std::string, ProbeHits> profile;
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

std::string EvidenceText(const std::vector<ProbeState>& probes) {
  size_t on = 0;
  std::string without;
  for (const ProbeState& probe : probes) {
    if (probe.on) {
      ++on;
    } else {
      without += (without.empty() ? "; without " : ", ") + probe.name;
    }
  }
  return "deep: " + std::to_string(on) + " of " + std::to_string(probes.size()) + " probes" + without;
}

std::unique_ptr<ProbeControl> ProbeControl::Place(const ProbeHost& host, const std::string& instance,
                                                  ProbeLimitOptions limits, Warnings* warnings, std::string* evidence) {
  const ProbePlan plan = PlanProbes(host);
  if (!plan.refusal.empty()) {
    *evidence = "tracepoints only: " + plan.refusal;
    warnings->push_back("evidence is " + *evidence);
    return nullptr;
  }
  for (const std::string& remark : plan.remarks) warnings->push_back(remark);
  auto set = ProbeSet::Place(host.tracefs, plan, warnings);
  for (const MissingProbe& probe : set->missing()) {
    warnings->push_back("probe " + probe.name + " is not placed: " + probe.cause);
  }
  if (limits.cost_ns == 0 && plan.kprobes) limits.cost_ns = MeasureProbeCost(host.tracefs, instance).value_or(0);
  if (limits.cost_ns == 0) limits.cost_ns = kProbeCostNs;
  return std::unique_ptr<ProbeControl>(new ProbeControl(host, limits, std::move(set)));
}

ProbeControl::ProbeControl(const ProbeHost& host, const ProbeLimitOptions& limits, std::unique_ptr<ProbeSet> set)
    : tracefs_(host.tracefs), set_(std::move(set)), limits_(limits, FunctionsOf(*set_)) {
  for (const ProbeDefinition& definition : set_->placed()) {
    probes_.emplace_back();
    probes_.back().definition = definition;
  }
}

std::vector<std::string> ProbeControl::events() const {
  std::vector<std::string> events;
  for (const Probe& probe : probes_) events.push_back(probe.definition.event());
  return events;
}

void ProbeControl::Begin(const std::vector<std::string>& usable, const SetEvent& set, Warnings* warnings) {
  for (Probe& probe : probes_) {
    if (std::find(usable.begin(), usable.end(), probe.definition.event()) == usable.end()) {
      probe.cause = "its format cannot be used";  // what is wrong with it was said when it was read
    } else if (const auto done = set(probe.definition.event(), true); !done) {
      probe.cause = done.error().Text();
      warnings->push_back("probe " + probe.definition.name + " is not recorded: " + probe.cause);
    } else {
      probe.on = probe.wanted = true;
    }
  }
}

std::vector<std::string> ProbeControl::on() const {
  std::vector<std::string> events;
  for (const Probe& probe : probes_) {
    if (probe.on) events.push_back(probe.definition.event());
  }
  return events;
}

std::vector<ProbeState> ProbeControl::states() const {
  std::vector<ProbeState> states;
  for (const Probe& probe : probes_) {
    states.push_back({.name = probe.definition.name,
                      .on = probe.on,
                      .cause = probe.on              ? ""
                               : probe.cause.empty() ? probe.reason
                                                     : probe.cause,
                      .events = probe.read,
                      .missed = probe.missed,
                      .switched_off = probe.switched_off});
  }
  for (const MissingProbe& probe : set_->missing()) states.push_back({.name = probe.name, .cause = probe.cause});
  return states;
}

void ProbeControl::Count(const EventsRead& read) {
  constexpr size_t kProfileMax = 16u << 20;
  const auto profile = ParseProbeProfile(ReadTextFile(tracefs_ + "/kprobe_profile", kProfileMax).value_or(""));
  for (Probe& probe : probes_) {
    const uint64_t now = read(probe.definition.event());
    uint64_t more = now - std::exchange(probe.read, now);
    const auto kernel = profile.find(probe.definition.name);
    // What the kernel counted includes what was lost in its buffers; what another instance saw meanwhile does not
    // count.
    if (kernel != profile.end() && probe.kernel_known && probe.on) {
      more = std::max(more, kernel->second.hits - std::min(kernel->second.hits, probe.kernel.hits));
      probe.missed += kernel->second.misses - std::min(kernel->second.misses, probe.kernel.misses);
    }
    probe.kernel_known = kernel != profile.end();
    if (probe.kernel_known) probe.kernel = kernel->second;
    probe.hits += more;
  }
}

void ProbeControl::Want(size_t index, bool on, const std::string& reason) {
  Probe& probe = probes_[index];
  if (!probe.cause.empty()) return;
  probe.wanted = on;
  probe.reason = reason;
}

bool ProbeControl::Due(uint64_t now_ns, const EventsRead& read) {
  if (now_ns - counted_at_ns_ >= kCountEveryNs) {
    counted_at_ns_ = now_ns;
    Count(read);
    std::vector<uint64_t> hits;
    for (const Probe& probe : probes_) hits.push_back(probe.hits);
    for (const auto& change : limits_.Observe(now_ns, hits)) Want(change.probe, change.on, change.reason);
  }
  const bool pause = !pauses_.empty();
  for (size_t i = 0; i < probes_.size(); ++i) {
    if (pause) {
      if (probes_[i].wanted) Want(i, false, pauses_.begin()->second);
    } else if (paused_ && limits_.on(i)) {
      Want(i, true, "what they made room for has passed");
    }
  }
  if (paused_ && !pause) limits_.Forget();
  paused_ = pause;
  return std::any_of(probes_.begin(), probes_.end(), [](const Probe& probe) { return probe.on != probe.wanted; });
}

std::string ProbeControl::Apply(const SetEvent& set, Warnings* warnings) {
  std::map<std::string, std::vector<std::string>> names;  // by what happened
  for (Probe& probe : probes_) {
    if (probe.on == probe.wanted) continue;
    if (const auto done = set(probe.definition.event(), probe.wanted); !done) {
      warnings->push_back("probe " + probe.definition.name + " stays " + (probe.on ? "on" : "off") + ": " +
                          done.error().Text());
      probe.wanted = probe.on;
      continue;
    }
    probe.on = probe.wanted;
    probe.kernel_known = false;
    probe.switched_off += probe.on ? 0 : 1;
    names[(probe.on ? "on again (" : "off (") + probe.reason + ")"].push_back(probe.definition.name);
  }
  std::string reason;
  for (const auto& [what, list] : names) {
    reason += (reason.empty() ? "probes " : "; probes ") + what + ": ";
    if (list.size() == probes_.size()) {
      reason += "all";
      continue;
    }
    for (const std::string& name : list) reason += (&name == &list.front() ? "" : ", ") + name;
  }
  if (!reason.empty()) warnings->push_back(reason);
  return reason;
}

void ProbeControl::Pause(const std::string& who, const std::string& reason) {
  if (reason.empty()) {
    pauses_.erase(who);
  } else {
    pauses_[who] = reason;
  }
}

}  // namespace wakewatch
