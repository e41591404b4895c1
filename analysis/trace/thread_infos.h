// Why: what /proc said about a task holds from the moment it was read. A live run learns it then, an offline run has
// all of it from the start; both must apply it at the same point among the events, so every info is kept with its time.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

namespace wakewatch {

// A task known from /proc at recording time (or from saved_cmdlines: then only pid and comm are set).
struct ThreadInfo {
  int32_t pid = 0;
  std::string comm;
  uint64_t start_ticks = 0;    // /proc/PID/stat field 22, clock ticks since boot; 0: unknown
  uint64_t first_seen_ns = 0;  // trace clock: it holds from here on; 0: from the start
  uint32_t flags = 0;          // PF_* of field 9; 0: unknown
  int32_t parent_pid = -1;
  std::string affinity;  // CPU list, "0-3,8"; empty: unknown
  int32_t policy = -1;   // SCHED_*; -1: unknown
  int32_t rt_priority = 0;
  bool from_inventory = false;  // flags, affinity, policy were read from /proc
};

class ThreadInfos {
 public:
  // May be called while an engine runs that borrows this, between two of its events. Of two infos of one pid and time
  // the one that was added last wins.
  void Add(ThreadInfo info);

  // How many were ever added. They are numbered from 0 in that order; those in front of first() were dropped.
  uint64_t added() const { return first_ + infos_.size(); }
  uint64_t first() const { return first_; }
  const ThreadInfo& Number(uint64_t number) const { return infos_[number - first_]; }
  // Drops what was added so far. A live run may do so once its engine was given an event since: by then the engine has
  // taken what it needs, and infos would pile up for as long as the run lasts.
  void Drop();

  // Those that are kept, in the order of adding. References stay valid until Drop.
  const std::deque<ThreadInfo>& all() const { return infos_; }
  // The one that holds for `pid` at `ns`; null when none does.
  const ThreadInfo* AsOf(int32_t pid, uint64_t ns) const;
  // The one that holds in the end.
  const ThreadInfo* Latest(int32_t pid) const { return AsOf(pid, UINT64_MAX); }

 private:
  std::deque<ThreadInfo> infos_;
  std::unordered_map<int32_t, std::vector<uint64_t>> by_pid_;  // their numbers, by first_seen_ns
  uint64_t first_ = 0;
};

}  // namespace wakewatch
