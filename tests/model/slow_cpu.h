// Why: what one CPU did, as a list of spans between its neighbouring events, and who is on it now. The slow reference
// reads these lists; nothing in them is summed up ahead.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "analysis/model/rank.h"
#include "analysis/model/sched_model.h"
#include "analysis/trace/event.h"

namespace wakewatch::slow {

// What a span counts as, unless it turns out to be off.
enum class PlainUse : uint8_t { kUnexplained, kIdle, kTask, kSoftirq, kHardirq };

// Events are numbered by merged order, so that those of one time keep theirs.
inline constexpr size_t kNoEvent = SIZE_MAX;

struct Span {
  size_t first = 0;       // the event that begins it
  size_t end = kNoEvent;  // the event that ends it; kNoEvent: the trace ends first
  uint64_t from_ns = 0, to_ns = UINT64_MAX;
  PlainUse use = PlainUse::kUnexplained;
  Rank rank = kIdleRank;  // of kTask
  bool off = false;       // known at its end only
};

class CpuHistory {
 public:
  // An event of this CPU, after the model applied it. `silence_ns`: what the tick allowed in front of it.
  void Take(const Event& event, size_t number, const Step& step, uint64_t silence_ns);
  // `task` turned up on another CPU: this one's spans go on to count as its, but nothing is deserved here.
  void NotHere(const Task* task);
  // `task` has another rank from now on.
  void SetPrio(const Task* task, Rank rank);
  // Nanoseconds between its last tick and one now; 0: no tick before.
  uint64_t TickInterval(uint64_t now_ns);

  bool seen() const { return !spans_.empty(); }
  const std::vector<Span>& spans() const { return spans_; }
  // A task of this rank would run here now, if the CPU rescheduled: it is idle or runs a task of a strictly lower rank.
  bool GivesWayTo(Rank rank) const { return known_ && !lost_ && !going_offline_ && rank_now_ > rank; }

 private:
  void EndSpan(const Event& event, size_t number, uint64_t silence_ns);
  void OnGap();
  void OnSwitch(const Event& event, const Step& step);
  PlainUse Use() const;

  std::vector<Span> spans_;
  bool in_trace_ = false;  // it had an event since the start, or since its last gap
  bool known_ = false;     // who is on it
  bool lost_ = false;      // that one was seen elsewhere since
  bool busy_ = false;      // somebody is, known or not
  // Of whom is on it, if known; kIdleRank: the idle task. As of the switch, by which spans count it, and now.
  Rank rank_ = kIdleRank, rank_now_ = kIdleRank;
  const Task* current_ = nullptr;
  unsigned irq_depth_ = 0;
  bool in_softirq_ = false;
  bool cpuhp_ran_ = false;
  bool going_offline_ = false;
  uint8_t last_flags_ = 0;
  uint64_t last_tick_ns_ = 0;
};

}  // namespace wakewatch::slow
