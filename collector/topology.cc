#include "collector/topology.h"

#include <unistd.h>

#include <algorithm>

#include "analysis/base/cpu_list.h"
#include "collector/file_io.h"

namespace wakewatch {
namespace {

constexpr uint64_t kCpuMax = 65535;

int32_t ReadId(const std::string& path) {
  const auto text = ReadTextFile(path);
  uint64_t value = 0;
  if (!text || !ParseUnsigned(*text, &value) || value > INT32_MAX) return -1;
  return static_cast<int32_t>(value);
}

}  // namespace

std::vector<uint32_t> Topology::Online() const {
  if (const auto text = ReadTextFile(folder_ + "/online")) {
    if (auto cpus = ParseCpuList(*text); cpus && !cpus->empty()) return *std::move(cpus);
  }
  std::vector<uint32_t> all(static_cast<size_t>(std::max(1L, sysconf(_SC_NPROCESSORS_CONF))));
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<uint32_t>(i);
  return all;
}

uint32_t Topology::Possible() const {
  uint32_t count = Online().back() + 1;
  if (const auto text = ReadTextFile(folder_ + "/possible")) {
    if (const auto cpus = ParseCpuList(*text); cpus && !cpus->empty()) count = std::max(count, cpus->back() + 1);
  }
  return count;
}

CpuInfo Topology::Describe(uint32_t cpu) const {
  CpuInfo info;
  info.cpu = cpu;
  const std::string folder = folder_ + "/cpu" + std::to_string(cpu);
  info.package = ReadId(folder + "/topology/physical_package_id");
  info.core = ReadId(folder + "/topology/core_id");
  if (const auto names = ListFolder(folder)) {
    for (const std::string& name : *names) {
      uint64_t node = 0;
      if (name.starts_with("node") && ParseUnsigned(std::string_view(name).substr(4), &node) && node <= kCpuMax) {
        info.node = static_cast<int32_t>(node);
      }
    }
  }
  return info;
}

std::vector<CpuInfo> Topology::Changes(const std::vector<uint32_t>& online, uint64_t now_ns) {
  std::vector<CpuInfo> changes;
  if (known_.empty() && !online.empty()) known_.resize(std::max(Possible(), online.back() + 1));
  for (uint32_t cpu = 0; cpu < known_.size(); ++cpu) {
    const bool is_online = std::binary_search(online.begin(), online.end(), cpu);
    const bool seen_before = known_[cpu].since_ns != 0;
    if (seen_before && known_[cpu].online == is_online) continue;
    CpuInfo info = Describe(cpu);
    info.online = is_online;
    info.since_ns = now_ns;
    known_[cpu] = info;
    changes.push_back(info);
  }
  return changes;
}

}  // namespace wakewatch
