#include "collector/probe_limits.h"

#include <algorithm>
#include <utility>

namespace wakewatch {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;

std::string Number(double value) { return std::to_string(static_cast<uint64_t>(value)); }

}  // namespace

ProbeLimits::ProbeLimits(const ProbeLimitOptions& options, std::vector<std::string> functions) : options_(options) {
  for (std::string& function : functions) {
    probes_.emplace_back();
    probes_.back().function = std::move(function);
    probes_.back().pause_ns = options_.retry_ns;
  }
}

double ProbeLimits::RateOfAll() const {
  double sum = 0;
  for (const Probe& probe : probes_) sum += probe.on ? probe.rate : 0;
  return sum;
}

void ProbeLimits::SwitchOff(size_t index, uint64_t now_ns, const std::string& reason, std::vector<Switch>* switches) {
  Probe& busy = probes_[index];
  for (size_t i = 0; i < probes_.size(); ++i) {
    Probe& probe = probes_[i];
    if (!probe.on || probe.function != busy.function) continue;
    probe.on = false;
    probe.over_ns = 0;
    probe.off_since_ns = now_ns;
    switches->push_back({i, false, i == index ? reason : "it is of no use without the other probe of its function"});
  }
}

std::vector<ProbeLimits::Switch> ProbeLimits::Observe(uint64_t now_ns, const std::vector<uint64_t>& hits) {
  std::vector<Switch> switches;
  const uint64_t span_ns = now_ns - measured_at_ns_;
  if (measured_ && span_ns < kSecondNs) return switches;
  for (size_t i = 0; i < probes_.size(); ++i) {
    Probe& probe = probes_[i];
    const uint64_t more = hits[i] - std::exchange(probe.hits, hits[i]);
    probe.rate = measured_ ? static_cast<double>(more) * 1e9 / static_cast<double>(span_ns) : 0;
    const bool over = probe.on && probe.rate > static_cast<double>(options_.rate_max);
    probe.over_ns = over ? probe.over_ns + span_ns : 0;
  }
  measured_at_ns_ = now_ns;
  const bool first = !std::exchange(measured_, true);

  for (size_t i = 0; i < probes_.size(); ++i) {
    Probe& probe = probes_[i];
    if (probe.on && probe.over_ns >= options_.over_ns) {
      SwitchOff(i, now_ns, Number(probe.rate) + " events/s, the limit is " + std::to_string(options_.rate_max),
                &switches);
    }
  }
  const double cost_ns = static_cast<double>(options_.cost_ns == 0 ? kProbeCostNs : options_.cost_ns);
  const double by_cost = options_.cpu_percent_max / 100 * 1e9 / cost_ns;
  const double rate_all_max = std::min(static_cast<double>(options_.rate_all_max), by_cost);
  all_over_ns_ = !first && RateOfAll() > rate_all_max ? all_over_ns_ + span_ns : 0;
  while (all_over_ns_ >= options_.over_ns && RateOfAll() > rate_all_max) {
    const auto rate = [](const Probe& a, const Probe& b) { return (a.on ? a.rate : -1) < (b.on ? b.rate : -1); };
    const size_t busiest =
        static_cast<size_t>(std::max_element(probes_.begin(), probes_.end(), rate) - probes_.begin());
    SwitchOff(busiest, now_ns,
              "the busiest, with " + Number(probes_[busiest].rate) + " of " + Number(RateOfAll()) +
                  " events/s of all probes; the limit is " + Number(rate_all_max) +
                  (by_cost < static_cast<double>(options_.rate_all_max) ? ", by the CPU time they may take" : ""),
              &switches);
  }
  if (!switches.empty()) all_over_ns_ = 0;

  for (size_t i = 0; i < probes_.size(); ++i) {
    Probe& probe = probes_[i];
    if (probe.on || now_ns - probe.off_since_ns < probe.pause_ns) continue;
    probe.on = true;
    switches.push_back({i, true, "tried again after " + std::to_string(probe.pause_ns / kSecondNs) + " s"});
    probe.pause_ns = std::min(2 * probe.pause_ns, std::max(options_.retry_ns, options_.retry_ns_max));
  }
  return switches;
}

}  // namespace wakewatch
