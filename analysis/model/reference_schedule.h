// Why: no tool says how long a task should have waited. A scheduler that keeps no CPU idle in front of a task that may
// run there, and that puts higher classes in front of lower ones, would have run some tasks earlier: what a task waited
// longer than under it is its excess latency. This class follows which tasks wait and what the CPUs run, and adds up
// the time in which a waiting task deserved to run:
//
//   It does while more of the CPUs that it may run on are idle, or run a strictly lower rank, than there are other
//   waiting tasks of its rank or better that may run on one of these CPUs.
//
// With arbitrary affinities this count is sufficient and not exact: it under-reports and never over-reports. Where a
// task may run is often not known. Then only CPUs that it was seen on count for itself, and for others it is taken to
// compete everywhere; what that gives for itself is labelled as assumed. Source: no idle CPU while another has two
// runnable tasks: Lozi et al., "The Linux Scheduler: a Decade of Wasted Cores", EuroSys 2016; the order of classes:
// kernel/sched/sched.h.
//
// Tasks of one rank that may run on the same CPUs deserve at the same times, so they share a group and a clock: an
// event costs the number of groups with waiting tasks, not the number of tasks. Not thread-safe.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "analysis/base/archive.h"
#include "analysis/model/cpu_sets.h"
#include "analysis/model/rank.h"

namespace wakewatch {

// Where a task may run: a set of CpuSets, or, where that is not known, the CPUs that it was seen on last.
struct Affinity {
  static constexpr uint16_t kNoCpu = UINT16_MAX;
  uint32_t set = CpuSets::kUnknown;
  std::array<uint16_t, 4> seen = {kNoCpu, kNoCpu, kNoCpu, kNoCpu};  // the newest first
  uint64_t seen_sorted = UINT64_MAX;                                // the same rising, 16 bits each
  uint32_t last_group = 0;                                          // of ReferenceSchedule, where it waited last

  bool known() const { return set != CpuSets::kUnknown; }
  // It was on `cpu`, or was put there.
  void See(uint32_t cpu) {
    if (cpu >= kNoCpu || seen[0] == cpu) return;
    size_t at = 1;
    while (at + 1 < seen.size() && seen[at] != cpu) ++at;
    for (; at > 0; --at) seen[at] = seen[at - 1];
    seen[0] = static_cast<uint16_t>(cpu);
    std::array<uint16_t, 4> sorted = seen;
    std::sort(sorted.begin(), sorted.end());
    seen_sorted = 0;
    for (const uint16_t number : sorted) seen_sorted = seen_sorted << 16 | number;
  }
  static void Fields(auto& self, auto& archive) { archive(self.set, self.seen, self.seen_sorted, self.last_group); }
};

// What a wait keeps of the reference schedule.
struct WaitPlace {
  uint32_t group = UINT32_MAX;  // UINT32_MAX: it is not waiting
  uint64_t joined_ns = 0;
  uint64_t clock_ns = 0;           // of the group, when it joined
  uint64_t deserved_ns = 0;        // in groups that it left
  uint64_t idle_streak_ns = 0;     // the longest time on end that an idle CPU was there for it, in groups it left
  uint64_t idle_streak_start = 0;  // when that began, and
  int32_t idle_cpu = -1;           // a CPU that was idle then

  bool joined() const { return group != UINT32_MAX; }
  static void Fields(auto& self, auto& archive) {
    archive(self.group, self.joined_ns, self.clock_ns, self.deserved_ns, self.idle_streak_ns, self.idle_streak_start,
            self.idle_cpu);
  }
};

class ReferenceSchedule {
 public:
  static constexpr Rank kNobody = UINT8_MAX;  // what a CPU runs is not known, or it may be going offline

  // `sets` must outlive it.
  explicit ReferenceSchedule(const CpuSets& sets) : sets_(sets) {}

  // `cpu` runs a task of `rank` from now on; kIdleRank: it is idle.
  void Runs(uint32_t cpu, Rank rank);
  void Join(Affinity* affinity, Rank rank, uint64_t now_ns, WaitPlace* place);
  void Leave(uint64_t now_ns, WaitPlace* place);
  // The wait goes on with another affinity or rank, if they are others.
  void Move(Affinity* affinity, Rank rank, uint64_t now_ns, WaitPlace* place);
  // After all that one event changed.
  void Settle(uint64_t now_ns) {
    if (changed_) Decide(now_ns);
    changed_ = false;
  }
  // `place` names a group that there is.
  bool Holds(const WaitPlace& place) const {
    return !place.joined() || (place.group < groups_.size() && groups_[place.group].waiting > 0);
  }

  static void Fields(auto& self, auto& archive) {
    archive(self.running_, self.idle_, self.idle_count_, self.groups_, self.active_, self.unused_, self.changed_);
    if constexpr (std::remove_reference_t<decltype(archive)>::kReads) {
      if (!self.Index()) archive.Spoil();
    }
  }

 private:
  struct Key {
    uint64_t cpus = 0;  // of a known affinity the set's number, else the CPUs seen, rising, 16 bits each
    Rank rank = 0;
    bool known = false;
    bool operator==(const Key&) const = default;
    static void Fields(auto& self, auto& archive) { archive(self.cpus, self.rank, self.known); }
  };
  struct KeyHash {
    size_t operator()(const Key& key) const {
      return (key.cpus ^ uint64_t{key.rank} << 56 ^ uint64_t{key.known} << 63) * 0x9e3779b97f4a7c15u >> 16;
    }
  };
  struct Streak {
    uint64_t start_ns = 0, end_ns = 0;
    int32_t cpu = -1;
    static void Fields(auto& self, auto& archive) { archive(self.start_ns, self.end_ns, self.cpu); }
  };
  struct Group {
    Key key;
    uint32_t waiting = 0;
    uint32_t active_at = 0;  // place in active_, while some wait
    bool deserves = false;
    bool idle_there = false;  // it deserves to by idle CPUs alone
    int32_t idle_cpu = -1;    // one that was idle when idle_there began
    uint64_t since_ns = 0;    // of deserves
    uint64_t idle_since_ns = 0;
    uint64_t clock_ns = 0;  // time in which it deserved to run, up to since_ns
    std::array<Streak, 4> streaks;
    uint32_t streak_count = 0;
    uint64_t last_streak_end_ns = 0;

    uint64_t ClockAt(uint64_t now_ns) const { return deserves ? clock_ns + (now_ns - since_ns) : clock_ns; }
    static void Fields(auto& self, auto& archive) {
      archive(self.key, self.waiting, self.active_at, self.deserves, self.idle_there, self.idle_cpu, self.since_ns,
              self.idle_since_ns, self.clock_ns, self.streaks, self.streak_count, self.last_streak_end_ns);
    }
  };
  // Streaks shorter than this are not remembered once they are over: no finding rests on them.
  static constexpr uint64_t kStreakOfNoteNs = 1'000'000;
  static constexpr size_t kGroupsMax = 4096;  // kept for tasks that will wait again

  static Key KeyOf(const Affinity& affinity, Rank rank) {
    if (affinity.known()) return {affinity.set, rank, true};
    return {affinity.seen_sorted, rank, false};
  }
  uint32_t GroupOf(const Key& key);
  void FreeUnused();
  bool Index();
  void Decide(uint64_t now_ns);
  void Update(uint64_t now_ns, bool deserves, int32_t idle_cpu, Group* group);
  static void NoteStreak(const Streak& streak, WaitPlace* place);
  template <typename Visit>
  void ForEachCpu(const Key& key, Visit&& visit) const;
  bool Competes(const Group& group) const;
  size_t Competitors(const Group& self, size_t limit) const;

  const CpuSets& sets_;
  std::vector<Rank> running_;   // by CPU
  std::vector<uint64_t> idle_;  // a bit a CPU
  uint32_t idle_count_ = 0;
  std::vector<Group> groups_;
  std::vector<uint32_t> active_;  // groups in which tasks wait
  std::vector<uint32_t> unused_;  // places in groups_ that nobody names
  std::unordered_map<Key, uint32_t, KeyHash> index_;
  int64_t real_time_active_ = 0;  // of active_, groups above the fair class
  int64_t deserving_ = 0;         // groups whose tasks deserve to run
  bool changed_ = false;
  std::vector<uint64_t> free_;  // scratch: the CPUs that are free for the group at hand
};

}  // namespace wakewatch
