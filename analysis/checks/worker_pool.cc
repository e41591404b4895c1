#include "analysis/checks/worker_pool.h"

#include <algorithm>
#include <charconv>

namespace wakewatch {

std::optional<BoundPool> BoundPoolOf(std::string_view comm) {
  constexpr std::string_view kPrefix = "kworker/";
  if (!comm.starts_with(kPrefix)) return std::nullopt;
  comm.remove_prefix(kPrefix.size());
  const auto number = [&comm](int32_t* value) {
    const auto [end, error] = std::from_chars(comm.data(), comm.data() + comm.size(), *value);
    comm.remove_prefix(static_cast<size_t>(end - comm.data()));
    return error == std::errc() && *value >= 0;
  };
  BoundPool pool;
  int32_t id = 0;
  if (!number(&pool.cpu) || !comm.starts_with(':')) return std::nullopt;
  comm.remove_prefix(1);
  if (!number(&id)) return std::nullopt;
  pool.high_priority = comm.starts_with('H');
  return pool;
}

uint64_t NewestWake(const BoundPool& pool, const Task* except, const CheckInput& input) {
  uint64_t newest_ns = 0;
  input.model.tasks().ForEach([&](const Task& task) {
    if (task.kind != ThreadKind::kKworker || &task == except || BoundPoolOf(task.comm()) != pool) return;
    if (const WakeHistory::Wake* const wake = input.wakes.Last(task)) newest_ns = std::max(newest_ns, wake->waking_ns);
  });
  return newest_ns;
}

bool MostlyIdle(const CpuState& cpu, uint64_t start_ns, uint64_t end_ns) {
  uint64_t idle_ns = 0, known_ns = 0;
  const bool whole = cpu.runs.ForEachBack(start_ns, end_ns, [&](const RunLog::Run& run, uint64_t run_end_ns) {
    const uint64_t ran_ns = run_end_ns - std::max(run.start_ns, start_ns);
    if (run.pid == RunLog::kNobody) return;
    known_ns += ran_ns;
    if (run.pid == 0) idle_ns += ran_ns;
  });
  if (!whole) {
    idle_ns = 0;
    known_ns = cpu.runs.ForEachStretch(start_ns, end_ns, [&idle_ns](int32_t pid, Rank, uint64_t ns) {
      if (pid == 0) idle_ns += ns;
    });
  }
  return known_ns > 0 && idle_ns * 2 >= known_ns;
}

}  // namespace wakewatch
