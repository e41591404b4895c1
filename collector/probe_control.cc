#include "collector/probe_control.h"

#include <algorithm>
#include <utility>

namespace wakewatch {
namespace {

constexpr uint64_t kCountEveryNs = 1'000'000'000;

ProbeLimitOptions WithCost(ProbeLimitOptions limits, uint64_t cost_ns) {
  if (limits.cost_ns == 0) limits.cost_ns = cost_ns;
  return limits;
}

std::vector<std::string> FunctionsOf(const std::vector<ProbeDefinition>& probes) {
  std::vector<std::string> functions;
  for (const ProbeDefinition& probe : probes) functions.push_back(probe.function);
  return functions;
}

}  // namespace

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

ProbeControl::ProbeControl(PlacedProbes placed, ProbeLimitOptions limits, ReadHits read_hits)
    : missing_(std::move(placed.missing)),
      read_hits_(std::move(read_hits)),
      limits_(WithCost(limits, placed.cost_ns), FunctionsOf(placed.probes)) {
  for (ProbeDefinition& definition : placed.probes) {
    probes_.emplace_back();
    probes_.back().definition = std::move(definition);
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
  for (const MissingProbe& probe : missing_) states.push_back({.name = probe.name, .cause = probe.cause});
  return states;
}

void ProbeControl::Count(const EventsRead& read) {
  const ProbeHitsByName profile = read_hits_();
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
