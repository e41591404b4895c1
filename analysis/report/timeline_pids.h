// Why: which task had most of a bin must be exact, and adding a stretch of a task's time must cost a few nanoseconds.
// Bins hold few tasks, so this is a list with a small table of places beside it, cleared by one memset.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "analysis/report/timeline.h"

namespace wakewatch {

class PidTimes {
 public:
  struct Entry {
    int32_t pid;
    uint64_t ns;
  };

  void Add(int32_t pid, uint64_t ns) {
    if (ns == 0) return;
    if (last_ < entries_.size() && entries_[last_].pid == pid) {
      entries_[last_].ns += ns;
      return;
    }
    AddElsewhere(pid, ns);
  }
  void Merge(const PidTimes& other) {
    for (const Entry& entry : other.entries_) Add(entry.pid, entry.ns);
  }
  void Clear() {
    entries_.clear();
    std::fill(places_.begin(), places_.end(), uint16_t{0});
  }
  // The task with most, the lower pid of two; {0, 0} when there is none.
  Entry Busiest() const {
    Entry best{0, 0};
    for (const Entry& entry : entries_) {
      if (entry.ns > best.ns || (entry.ns == best.ns && entry.pid < best.pid)) best = entry;
    }
    return best;
  }
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  // Place of `pid` in places_, or where it belongs.
  size_t Slot(int32_t pid) const {
    const size_t mask = places_.size() - 1;
    size_t at = (static_cast<uint32_t>(pid) * 0x9e3779b1u >> 16) & mask;
    while (places_[at] != 0 && entries_[places_[at] - 1u].pid != pid) at = (at + 1) & mask;
    return at;
  }
  void AddElsewhere(int32_t pid, uint64_t ns) {
    if (entries_.size() * 2 >= places_.size()) Grow();
    const size_t at = Slot(pid);
    if (places_[at] != 0) {
      last_ = places_[at] - 1u;
      entries_[last_].ns += ns;
      return;
    }
    if (entries_.size() == kTimelinePidsMax) return;
    last_ = entries_.size();
    entries_.push_back({pid, ns});
    places_[at] = static_cast<uint16_t>(entries_.size());
  }
  void Grow() {
    places_.assign(std::max<size_t>(16, places_.size() * 2), 0);
    for (size_t i = 0; i < entries_.size(); ++i) places_[Slot(entries_[i].pid)] = static_cast<uint16_t>(i + 1);
  }

  std::vector<Entry> entries_;
  std::vector<uint16_t> places_;  // index into entries_ + 1, by hash of the pid; 0: none
  size_t last_ = 0;               // the entry that was added to last
};

}  // namespace wakewatch
