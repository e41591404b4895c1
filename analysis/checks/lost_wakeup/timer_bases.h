// Why: two timers can be compared only within one base, where they expire in the order of their due times. This tells
// the base and the due time of a timer of the wheel from timer_start, and keeps who waits in which base. Source:
// kernel/time/timer.c: calc_index(), __run_timers() (a base's clock visits every bucket in turn, and all timers of a
// bucket expire before the next one); include/linux/timer.h: TIMER_CPUMASK, TIMER_DEFERRABLE, TIMER_PINNED,
// TIMER_ARRAYMASK.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "analysis/trace/event.h"
#include "analysis/trace/format.h"

namespace wakewatch {

// Of a timer of the wheel.
struct WheelPlace {
  uint32_t base = 0;  // a number for its CPU and kind; see kBasesMax
  uint64_t due = 0;   // jiffies: of its bucket, at or behind its expiry by the wheel's granularity
  bool deferrable = false;
};
inline constexpr uint32_t kBaseCpusMax = 8192;
inline constexpr uint32_t kBasesMax = kBaseCpusMax * 4;
inline constexpr uint32_t CpuOfBase(uint32_t base) { return base / 4; }

// Reads what timer_start has besides its typed fields, of kernels from 4.14 on.
class TimerStartFields {
 public:
  // Null: this event does not say, or names a base that no machine has.
  std::optional<WheelPlace> PlaceOf(const Event& event, const FormatTable& formats);
  // hrtimer_start: it expires in the softirq, behind those that expire in the interrupt itself.
  bool IsSoftHrtimer(const Event& event, const FormatTable& formats);

 private:
  struct Layout {
    int format = -1;
    std::optional<FieldSpec> flags, bucket, mode;
  };
  const Layout& Of(Layout* layout, const Event& event, const FormatTable& formats);

  Layout wheel_, hrtimer_;  // of the formats met last
};

// The sleepers of one base and when the first of them is due.
class BaseSleepers {
 public:
  struct Entry {
    uint64_t due = 0;
    uint32_t task = 0;  // Task::index
    static void Fields(auto& self, auto& archive) { archive(self.due, self.task); }
  };
  void Add(const Entry& entry) {
    entries_.push_back(entry);
    first_due_ = std::min(first_due_, entry.due);
  }
  void Remove(uint32_t task) {
    std::erase_if(entries_, [task](const Entry& entry) { return entry.task == task; });
    first_due_ = UINT64_MAX;
    for (const Entry& entry : entries_) first_due_ = std::min(first_due_, entry.due);
  }
  uint64_t first_due() const { return first_due_; }  // UINT64_MAX: nobody sleeps
  // Takes out whoever was due at `due` or before, and calls visit(task).
  template <typename Visit>
  void TakeDue(uint64_t due, Visit&& visit) {
    std::vector<Entry> taken;
    std::erase_if(entries_, [&](const Entry& entry) {
      if (entry.due > due) return false;
      taken.push_back(entry);
      return true;
    });
    first_due_ = UINT64_MAX;
    for (const Entry& entry : entries_) first_due_ = std::min(first_due_, entry.due);
    for (const Entry& entry : taken) visit(entry.task);
  }
  static void Fields(auto& self, auto& archive) { archive(self.entries_, self.first_due_); }

 private:
  std::vector<Entry> entries_;
  uint64_t first_due_ = UINT64_MAX;
};

}  // namespace wakewatch
