// Why: which CPUs exist, which are online, and which share a core, package or node: frontiers, migration costs and
// hotplug voids depend on it.
// Source: /sys/devices/system/cpu/{online,possible}, cpuN/topology, cpuN/nodeM.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/chunk/batch.h"

namespace wakewatch {

class Topology {
 public:
  explicit Topology(std::string cpu_folder = "/sys/devices/system/cpu") : folder_(std::move(cpu_folder)) {}

  // CPUs that are online now. Where sysfs does not say, all configured ones.
  std::vector<uint32_t> Online() const;
  // CPUs that can ever be online, at least one more than the highest that is.
  uint32_t Possible() const;

  // What is new or has changed since the last call, given the CPUs that are online. `now_ns` is the trace clock and
  // becomes since_ns. The first call answers for every possible CPU.
  std::vector<CpuInfo> Changes(const std::vector<uint32_t>& online, uint64_t now_ns);

 private:
  CpuInfo Describe(uint32_t cpu) const;

  std::string folder_;
  std::vector<CpuInfo> known_;  // by CPU number
};

}  // namespace wakewatch
