// Why: an item that is activated while no worker of its pool runs has to wake one of them at once, and so has a worker
// that goes to sleep inside of an item. A pool that does not is stalled. Which pool an item went to no event tells; it
// follows from the worker that took it, for the pools of one CPU, whose workers are named after it. Unbound workers
// (kworker/u…) serve CPUs that no event tells, so of their pools nothing is said.
// Source: kernel/workqueue.c: insert_work(), wq_worker_sleeping(), kick_pool(); create_worker() for the names.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "analysis/checks/check.h"

namespace wakewatch {

// One of the two pools of a CPU.
struct BoundPool {
  int32_t cpu = 0;
  bool high_priority = false;
  bool operator==(const BoundPool&) const = default;
};

// Of "kworker/1:2" and "kworker/1:2H"; null for all other names.
std::optional<BoundPool> BoundPoolOf(std::string_view comm);

// The newest wake of a worker of `pool`, less `except`: a time, 0 when none was seen.
uint64_t NewestWake(const BoundPool& pool, const Task* except, const CheckInput& input);

// `cpu` was idle for at least half of what is known of [start_ns, end_ns].
bool MostlyIdle(const CpuState& cpu, uint64_t start_ns, uint64_t end_ns);

}  // namespace wakewatch
