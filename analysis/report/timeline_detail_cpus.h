// Why: what the parts of a timeline's details share: who is on which CPU, and whether some CPU is in a gap.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace wakewatch {

class DetailCpus {
 public:
  struct Cpu {
    bool known = false;  // who is on it
    int32_t pid = 0;
    std::string comm;  // of that task; empty: no event told it
  };
  explicit DetailCpus(std::span<const uint32_t> cpus) {
    for (const uint32_t cpu : cpus) At(cpu);
  }

  Cpu& At(uint32_t cpu) {
    if (cpu >= place_.size()) place_.resize(cpu + size_t{1}, 0);
    if (place_[cpu] == 0) {
      cpus_.emplace_back();
      place_[cpu] = static_cast<uint32_t>(cpus_.size());
    }
    return cpus_[place_[cpu] - 1];
  }
  // It is known to be on a CPU.
  bool Runs(int32_t pid) const {
    return std::any_of(cpus_.begin(), cpus_.end(), [&](const Cpu& cpu) { return cpu.known && cpu.pid == pid; });
  }
  // It is known to be on none.
  bool RunsNowhere(int32_t pid) const {
    return std::all_of(cpus_.begin(), cpus_.end(), [&](const Cpu& cpu) { return cpu.known && cpu.pid != pid; });
  }

  void Lose(uint32_t cpu, uint64_t until_ns) {
    At(cpu) = Cpu();
    blind_until_ns_ = std::max(blind_until_ns_, until_ns);
  }
  // Events of some CPU are lost at this time.
  bool Blind(uint64_t ts_ns) const { return ts_ns < blind_until_ns_; }
  uint64_t blind_until_ns() const { return blind_until_ns_; }

 private:
  std::vector<uint32_t> place_;  // by number: 1 + index into cpus_; 0: none
  std::vector<Cpu> cpus_;
  uint64_t blind_until_ns_ = 0;  // the latest end of a gap
};

}  // namespace wakewatch
