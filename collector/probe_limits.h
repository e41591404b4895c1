// Why: a probe on a function that is called all the time costs the host more than it tells. This decides which probes
// are too busy, and when one that was switched off is tried again. It knows no clock and switches nothing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace wakewatch {

// A hit of a probe costs about this much where it was not measured: the entry (ftrace, or a breakpoint), up to five
// fields, and the record in the ring buffer.
inline constexpr uint64_t kProbeCostNs = 1'500;

struct ProbeLimitOptions {
  uint64_t rate_max = 20'000;          // events a second of one probe
  uint64_t rate_all_max = 60'000;      // of all of them
  double cpu_percent_max = 10;         // of one CPU, for all of them
  uint64_t cost_ns = 0;                // of a hit; 0: measured, or kProbeCostNs
  uint64_t over_ns = 2'000'000'000;    // so long above a limit switches off
  uint64_t retry_ns = 60'000'000'000;  // first pause of a probe; each further one is twice as long
  uint64_t retry_ns_max = 3'600'000'000'000;
};

class ProbeLimits {
 public:
  // `functions`: what each probe sits on; those on one function are switched together, since each is read with the
  // other.
  ProbeLimits(const ProbeLimitOptions& options, std::vector<std::string> functions);

  struct Switch {
    size_t probe = 0;
    bool on = false;
    std::string reason;
  };
  // `hits` of each probe so far; they and `now_ns` only grow. Called about once a second; measures over at least one.
  std::vector<Switch> Observe(uint64_t now_ns, const std::vector<uint64_t>& hits);
  // The next Observe measures from itself on: hits were not counted for a while.
  void Forget() { measured_ = false; }

  bool on(size_t probe) const { return probes_[probe].on; }

 private:
  struct Probe {
    std::string function;
    bool on = true;
    uint64_t hits = 0;     // at the last measurement
    double rate = 0;       // a second, since then
    uint64_t over_ns = 0;  // so long in a row above its own limit
    uint64_t off_since_ns = 0, pause_ns = 0;
  };

  void SwitchOff(size_t probe, uint64_t now_ns, const std::string& reason, std::vector<Switch>* switches);
  double RateOfAll() const;

  const ProbeLimitOptions options_;
  std::vector<Probe> probes_;
  uint64_t measured_at_ns_ = 0;
  bool measured_ = false;
  uint64_t all_over_ns_ = 0;
};

}  // namespace wakewatch
