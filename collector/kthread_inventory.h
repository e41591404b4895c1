// Why: a trace names tasks by pid and a comm cut at 15 characters. Whether a task is a kernel thread, where it may run
// and under which policy is only in /proc, at the time of recording. Source: proc(5), /proc/PID/stat fields 1, 2, 4, 9,
// 22, 40, 41; /proc/PID/status Cpus_allowed_list.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/trace/reader.h"

namespace wakewatch {

inline constexpr uint32_t kPfWqWorker = 0x00000020;
inline constexpr uint32_t kPfKthread = 0x00200000;

struct ProcStat {
  int32_t pid = 0, parent_pid = 0;
  std::string comm;
  uint32_t flags = 0;        // PF_*
  uint64_t start_ticks = 0;  // clock ticks since boot
  int32_t rt_priority = 0, policy = -1;
};
// The text of /proc/PID/stat. A comm is the task's own choice and may hold blanks, parentheses and newlines: it ends at
// the last ')' of the text. None when the text does not parse.
std::optional<ProcStat> ParseProcStat(std::string_view text);
// The value of "Cpus_allowed_list:" in the text of /proc/PID/status; empty when there is none.
std::string ParseAllowedCpus(std::string_view status_text);
// The comm as events carry it for a work queue worker: /proc appends what the worker does or did last
// ("kworker/0:1-events", "kworker/u8:2+writeback"), which changes all the time. Other comms are returned as they are.
std::string_view WithoutWorkSuffix(std::string_view comm, uint32_t flags);
// True when `pid` exists and began at `start_ticks`.
bool ProcessLives(const std::string& proc, int32_t pid, uint64_t start_ticks);

class KthreadInventory {
 public:
  enum class Depth {
    kNewProcesses,   // reads only pids that were not there before; one folder listing and little else
    kKernelThreads,  // reads all kernel threads again, for changed affinity or policy
    kEverything,     // also reads all user processes again, and their threads
  };

  explicit KthreadInventory(std::string proc = "/proc") : proc_(std::move(proc)) {}

  // Tasks that are new or have changed since the last scan. Tasks that end while they are read are left out. `now_ns`
  // becomes their first_seen_ns: what has changed holds from this scan on, and not back to the first. Affinity is read for kernel threads only.
  std::vector<ThreadInfo> Scan(Depth depth, uint64_t now_ns);

 private:
  void Visit(const std::string& folder, int32_t pid, uint64_t now_ns, std::vector<ThreadInfo>* changed);
  void VisitThreads(int32_t pid, uint64_t now_ns, std::set<int32_t>* seen, std::vector<ThreadInfo>* changed);
  void Forget(const std::vector<int32_t>& present);

  std::string proc_;
  std::map<int32_t, ThreadInfo> processes_;  // tasks with a folder of their own in /proc, by pid
  std::map<int32_t, ThreadInfo> threads_;    // further threads of user processes, by tid
};

}  // namespace wakewatch
