// Why: a task that may run on one CPU only is wholly seen there, whatever other CPUs lost. /proc says where a task may
// run, and so do the names of per-CPU threads.
#pragma once

#include <cstdint>
#include <string_view>

#include "analysis/base/cpu_list.h"

namespace wakewatch {

// The CPU of a list that names exactly one; -1 otherwise.
inline int32_t OnlyCpuOf(std::string_view list) {
  const auto cpus = ParseCpuList(list);
  return cpus && cpus->size() == 1 ? static_cast<int32_t>(cpus->front()) : -1;
}

}  // namespace wakewatch
