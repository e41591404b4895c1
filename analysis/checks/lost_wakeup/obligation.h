// Why: a lost wakeup is an event that did not happen, so every verdict is about an obligation: something happened (the
// trigger) after which somebody had to do something (the discharger) by a deadline. Each obligation ends in exactly one
// way, and all of them are counted, so that "nothing found" can be told from "nothing looked at".
#pragma once

#include <array>
#include <cstdint>
#include <queue>
#include <tuple>
#include <vector>

#include "analysis/base/archive.h"
#include "analysis/checks/lost_wakeup/lost_class.h"
#include "analysis/checks/summary.h"

namespace wakewatch {

enum class Outcome : uint8_t {
  kDischarged,  // in time
  kLate,        // done after all, so it is a delay and no loss
  kExpired,     // not by the deadline
  kVoid,        // a gap, an exit, a filter or a change of CPUs touches it
  kUnlearned,   // too little history for a deadline
};
constexpr Outcome LastOf(Outcome) { return Outcome::kUnlearned; }
inline constexpr size_t kOutcomes = static_cast<size_t>(Outcome::kUnlearned) + 1;

// How many obligations of each class were opened, and how they ended. What is open when a trace ends is censored.
class ObligationLedger {
 public:
  void Open(LostClass cls) { ++Of(cls).opened; }
  void End(LostClass cls, Outcome outcome) { ++Of(cls).ended[static_cast<size_t>(outcome)]; }
  // Classes with at least one obligation. `finished`: the trace is over.
  void Summarise(bool finished, std::vector<ObligationSummary>* summaries) const;
  static void Fields(auto& self, auto& archive) { archive(self.counts_); }

 private:
  struct Counts {
    uint64_t opened = 0;
    std::array<uint64_t, kOutcomes> ended{};
    static void Fields(auto& self, auto& archive) { archive(self.opened, self.ended); }
  };
  Counts& Of(LostClass cls) { return counts_[static_cast<size_t>(cls)]; }

  std::array<Counts, kLostClasses> counts_;
};

// A rule is to look at `key` again once events have passed ns.
struct Deadline {
  uint64_t ns = 0;
  uint8_t rule = 0;  // its place among the rules
  uint64_t key = 0;  // the rule's own; a rule finds out by itself whether what it stood for is still open
  static void Fields(auto& self, auto& archive) { archive(self.ns, self.rule, self.key); }
  bool operator>(const Deadline& other) const {
    return std::tie(ns, rule, key) > std::tie(other.ns, other.rule, other.key);
  }
};

// All deadlines that lie ahead, the next one first.
class Deadlines {
 public:
  void Add(const Deadline& deadline) {
    queue_.push(deadline);
    next_ns_ = queue_.top().ns;
  }
  // UINT64_MAX: none.
  uint64_t next_ns() const { return next_ns_; }
  Deadline Take() {
    const Deadline next = queue_.top();
    queue_.pop();
    next_ns_ = queue_.empty() ? UINT64_MAX : queue_.top().ns;
    return next;
  }
  size_t size() const { return queue_.size(); }
  void Save(ArchiveWriter& archive) const;
  void Load(ArchiveReader& archive);

 private:
  std::priority_queue<Deadline, std::vector<Deadline>, std::greater<Deadline>> queue_;
  uint64_t next_ns_ = UINT64_MAX;
};

}  // namespace wakewatch
