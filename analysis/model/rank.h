// Why: who is to run in front of whom. The reference schedule and the split of a wait compare ranks, never priorities,
// whose numbers mean different things in different classes. Source: kernel/sched/sched.h (order of the classes),
// include/linux/sched/prio.h. A trace shows prio -1 for deadline tasks, 0 to 99 for real-time ones and 100 to 139 for
// fair ones; a prio of 0 is that of the stop class's threads as well as that of FIFO 99.
#pragma once

#include <cstdint>

#include "analysis/model/thread_kind.h"

namespace wakewatch {

inline constexpr int32_t kFirstFairPrio = 100;

// The smaller runs first.
using Rank = uint8_t;
inline constexpr Rank kStopRank = 0;
inline constexpr Rank kDeadlineRank = 1;
inline constexpr Rank kFirstRealTimeRank = 2;  // of prio 0
inline constexpr Rank kFairRank = kFirstRealTimeRank + 100;
inline constexpr Rank kIdleRank = kFairRank + 1;  // nobody's but the idle tasks'
inline constexpr Rank kRanks = kIdleRank + 1;

// Never kIdleRank: the idle task has no rank among tasks. SCHED_IDLE and sched_ext cannot be told from fair tasks.
constexpr Rank RankOf(int32_t prio, ThreadKind kind) {
  if (prio >= kFirstFairPrio) return kFairRank;  // kPrioUnknown too
  if (prio < 0) return kDeadlineRank;
  if (prio == 0 && kind == ThreadKind::kMigration) return kStopRank;
  return static_cast<Rank>(kFirstRealTimeRank + prio);
}
constexpr bool IsRealTime(Rank rank) { return rank >= kFirstRealTimeRank && rank < kFairRank; }

}  // namespace wakewatch
