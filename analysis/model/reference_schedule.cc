#include "analysis/model/reference_schedule.h"

#include <bit>

namespace wakewatch {

uint32_t ReferenceSchedule::GroupOf(const Key& key) {
  const auto known = index_.find(key);
  if (known != index_.end()) return known->second;
  if (unused_.empty() && groups_.size() >= std::max(kGroupsMax, 2 * active_.size())) FreeUnused();
  auto number = static_cast<uint32_t>(groups_.size());
  if (unused_.empty()) {
    groups_.emplace_back();
  } else {
    number = unused_.back();
    unused_.pop_back();
    groups_[number] = Group{};
  }
  groups_[number].key = key;
  index_.emplace(key, number);
  return number;
}

void ReferenceSchedule::FreeUnused() {
  for (uint32_t number = 0; number < groups_.size(); ++number) {
    if (groups_[number].waiting > 0) continue;
    index_.erase(groups_[number].key);
    groups_[number].key = Key{};  // that of no task: affinities that are known are numbered from 1
    unused_.push_back(number);
  }
}

bool ReferenceSchedule::Index() {
  index_.clear();
  std::vector<bool> unused(groups_.size());
  for (const uint32_t number : unused_) {
    if (number >= groups_.size() || unused[number] || groups_[number].waiting > 0) return false;
    unused[number] = true;
  }
  for (uint32_t number = 0; number < groups_.size(); ++number) {
    const Group& group = groups_[number];
    if (unused[number]) continue;
    if (!index_.emplace(group.key, number).second) return false;
    if (group.waiting == 0) continue;
    if (group.active_at >= active_.size() || active_[group.active_at] != number) return false;
  }
  real_time_active_ = deserving_ = 0;
  for (const uint32_t number : active_) {
    if (number >= groups_.size() || groups_[number].waiting == 0) return false;
    real_time_active_ += groups_[number].key.rank < kFairRank ? 1 : 0;
    deserving_ += groups_[number].deserves ? 1 : 0;
  }
  return idle_.size() == (running_.size() + 63) / 64;
}

void ReferenceSchedule::Runs(uint32_t cpu, Rank rank) {
  if (cpu >= running_.size()) {
    running_.resize(cpu + 1, kNobody);
    idle_.resize(cpu / 64 + 1);
  }
  if (running_[cpu] == rank) return;
  const uint64_t bit = uint64_t{1} << cpu % 64;
  if (running_[cpu] == kIdleRank) {
    idle_[cpu / 64] &= ~bit;
    --idle_count_;
  }
  if (rank == kIdleRank) {
    idle_[cpu / 64] |= bit;
    ++idle_count_;
  }
  running_[cpu] = rank;
  changed_ = true;
}

void ReferenceSchedule::Join(Affinity* affinity, Rank rank, uint64_t now_ns, WaitPlace* place) {
  *place = WaitPlace{};
  const Key key = KeyOf(*affinity, rank);
  // A task mostly waits as it did before.
  if (affinity->last_group >= groups_.size() || !(groups_[affinity->last_group].key == key)) {
    affinity->last_group = GroupOf(key);
  }
  place->group = affinity->last_group;
  Group& group = groups_[place->group];
  place->joined_ns = now_ns;
  place->clock_ns = group.ClockAt(now_ns);
  if (group.waiting++ == 0) {
    group.active_at = static_cast<uint32_t>(active_.size());
    active_.push_back(place->group);
    if (rank < kFairRank) ++real_time_active_;
  }
  changed_ = true;
}

void ReferenceSchedule::Leave(uint64_t now_ns, WaitPlace* place) {
  if (!place->joined()) return;
  Group& group = groups_[place->group];
  place->deserved_ns += group.ClockAt(now_ns) - place->clock_ns;
  if (group.last_streak_end_ns > place->joined_ns) [[unlikely]] {
    for (const Streak& streak : group.streaks) NoteStreak(streak, place);
  }
  if (group.idle_there) NoteStreak({group.idle_since_ns, now_ns, group.idle_cpu}, place);
  if (--group.waiting == 0) {
    Update(now_ns, false, -1, &group);
    if (group.key.rank < kFairRank) --real_time_active_;
    active_[group.active_at] = active_.back();
    groups_[active_.back()].active_at = group.active_at;
    active_.pop_back();
  }
  place->group = UINT32_MAX;
  changed_ = true;
}

void ReferenceSchedule::Move(Affinity* affinity, Rank rank, uint64_t now_ns, WaitPlace* place) {
  if (!place->joined() || groups_[place->group].key == KeyOf(*affinity, rank)) return;
  Leave(now_ns, place);
  const WaitPlace so_far = *place;
  Join(affinity, rank, now_ns, place);
  place->deserved_ns = so_far.deserved_ns;
  place->idle_streak_ns = so_far.idle_streak_ns;
  place->idle_streak_start = so_far.idle_streak_start;
  place->idle_cpu = so_far.idle_cpu;
}

void ReferenceSchedule::NoteStreak(const Streak& streak, WaitPlace* place) {
  const uint64_t start_ns = std::max(streak.start_ns, place->joined_ns);
  if (streak.end_ns <= start_ns || streak.end_ns - start_ns <= place->idle_streak_ns) return;
  place->idle_streak_ns = streak.end_ns - start_ns;
  place->idle_streak_start = start_ns;
  place->idle_cpu = streak.cpu;
}

template <typename Visit>
void ReferenceSchedule::ForEachCpu(const Key& key, Visit&& visit) const {
  if (!key.known) {
    for (int shift = 48; shift >= 0; shift -= 16) {
      const auto cpu = static_cast<uint32_t>(key.cpus >> shift & UINT16_MAX);
      if (cpu < running_.size()) visit(cpu);
    }
    return;
  }
  const CpuSets::Words& words = sets_.At(static_cast<uint32_t>(key.cpus));
  for (size_t i = 0; i < words.size() && i < idle_.size(); ++i) {
    for (uint64_t left = words[i]; left != 0; left &= left - 1) {
      const auto cpu = static_cast<uint32_t>(i * 64 + static_cast<size_t>(std::countr_zero(left)));
      if (cpu < running_.size()) visit(cpu);
    }
  }
}

// May tasks of `group` run on one of the CPUs that are free?
bool ReferenceSchedule::Competes(const Group& group) const {
  if (!group.key.known) return true;
  const CpuSets::Words& words = sets_.At(static_cast<uint32_t>(group.key.cpus));
  const size_t common = std::min(words.size(), free_.size());
  for (size_t i = 0; i < common; ++i) {
    if ((words[i] & free_[i]) != 0) return true;
  }
  return false;
}

// Of a task of `self` for the CPUs that are free; `limit` or more count as `limit`.
size_t ReferenceSchedule::Competitors(const Group& self, size_t limit) const {
  size_t others = self.waiting - 1;
  for (const uint32_t number : active_) {
    if (others >= limit) return limit;
    const Group& group = groups_[number];
    if (&group == &self || group.key.rank > self.key.rank || !Competes(group)) continue;
    others += group.waiting;
  }
  return std::min(others, limit);
}

void ReferenceSchedule::Decide(uint64_t now_ns) {
  // Only an idle CPU runs a lower rank than the fair class.
  if (idle_count_ == 0 && real_time_active_ == 0 && deserving_ == 0) return;
  free_.resize(idle_.size());
  for (const uint32_t number : active_) {
    Group& group = groups_[number];
    const Rank rank = group.key.rank;
    if (rank == kFairRank && idle_count_ == 0) {
      Update(now_ns, false, -1, &group);
      continue;
    }
    std::fill(free_.begin(), free_.end(), 0);
    size_t count = 0, idle = 0;
    int32_t idle_cpu = -1;
    ForEachCpu(group.key, [&](uint32_t cpu) {
      if (running_[cpu] == kNobody || running_[cpu] <= rank) return;
      free_[cpu / 64] |= uint64_t{1} << cpu % 64;
      ++count;
      if (running_[cpu] != kIdleRank) return;
      ++idle;
      idle_cpu = idle_cpu < 0 ? static_cast<int32_t>(cpu) : idle_cpu;
    });
    const size_t others = count == 0 ? 0 : Competitors(group, count);
    Update(now_ns, count > others, idle > others ? idle_cpu : -1, &group);
  }
}

void ReferenceSchedule::Update(uint64_t now_ns, bool deserves, int32_t idle_cpu, Group* group) {
  if (deserves != group->deserves) {
    deserving_ += deserves ? 1 : -1;
    group->clock_ns = group->ClockAt(now_ns);
    group->deserves = deserves;
    group->since_ns = now_ns;
  }
  const bool idle_there = idle_cpu >= 0;
  if (idle_there == group->idle_there) return;
  if (group->idle_there && now_ns - group->idle_since_ns >= kStreakOfNoteNs) {
    group->streaks[group->streak_count++ % group->streaks.size()] = {group->idle_since_ns, now_ns, group->idle_cpu};
    group->last_streak_end_ns = now_ns;
  }
  group->idle_there = idle_there;
  group->idle_since_ns = now_ns;
  group->idle_cpu = idle_cpu;
}

}  // namespace wakewatch
