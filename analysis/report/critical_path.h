// Why: where did the time go between two moments of a task? Backwards from the end: while the task was on a CPU that is
// where it went; while it waited for one, the wait is, with whoever had the CPU; and where it slept until another task
// woke it, what the waker did is, from the wake on backwards. A sleep that an interrupt ended counts as itself, with
// what ended it: nobody could have been faster. The segments follow one another without a hole and sum to the span.
// A run is certain, since a CPU's own events are complete between its gaps; a wait or a sleep that touches any gap may
// hide that the task ran, and is unknown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/model/sched_model.h"
#include "analysis/model/wake_history.h"
#include "analysis/trace/reader.h"

namespace wakewatch {

enum class PathKind : uint8_t { kRun, kWait, kSleep, kUnknown };
constexpr PathKind LastOf(PathKind) { return PathKind::kUnknown; }
inline constexpr size_t kPathKinds = static_cast<size_t>(LastOf(PathKind{})) + 1;
std::string_view Name(PathKind kind);  // "run", "wait", "sleep", "unknown"

// What one task did from start_ns to end_ns, ns of the trace clock.
struct PathSegment {
  uint64_t start_ns = 0, end_ns = 0;
  PathKind kind = PathKind::kUnknown;
  int32_t pid = 0;
  std::string comm;
  int32_t cpu = -1;  // where it ran, or whose run queue it was on; -1: neither
  // Of a wait: who had that CPU longest meanwhile, and for how long; 0: it was idle; -1: not known.
  int32_t holder_pid = -1;
  std::string holder_comm;
  uint64_t holder_ns = 0;
  // Of a sleep: what ended it. kUnknown: nothing did in the span, or it is not known.
  WakeContext context = WakeContext::kUnknown;
  std::string source;  // as ChainLink::source; of an unknown segment: why
};

struct CriticalPath {
  int32_t pid = 0;  // whose path it is
  std::string comm;
  uint64_t from_ns = 0, to_ns = 0;
  std::vector<PathSegment> segments;  // the oldest first
};

// Takes a trace's events from the start to `to_ns`; keeps what happened from `from_ns` on.
class CriticalPathFinder {
 public:
  static constexpr size_t kIntervalsMax = 4u << 20;  // 32 bytes each

  // Borrows `input`. from_ns <= to_ns.
  CriticalPathFinder(const TraceInput& input, uint64_t from_ns, uint64_t to_ns, size_t intervals_max = kIntervalsMax);
  CriticalPathFinder(const CriticalPathFinder&) = delete;
  CriticalPathFinder& operator=(const CriticalPathFinder&) = delete;

  // The next event in merged order, until one lies behind to_ns. False: no more are needed.
  bool Push(const Event& event);

  // Of the task that had `pid` last. The span is cut to what the events cover. Errors: kNotFound (no such task),
  // kInvalidArgument (they cover none of it), kTooLarge (more intervals than are kept).
  Result<CriticalPath> Find(int32_t pid) const;

  const SchedModel& model() const { return model_; }

 private:
  struct Interval {  // up to the next of its task
    uint64_t start_ns = 0;
    uint64_t source_id = 0;  // this and `waker`, `context`, `source`: of the wake that began it
    uint32_t waker = WakeHistory::kNobody;
    uint16_t cpu = 0;
    PathKind kind = PathKind::kUnknown;
    WakeContext context = WakeContext::kUnknown;
    WakeSource source = WakeSource::kNone;
    bool woken = false, by_idle = false;
  };
  struct Held {  // a CPU, up to the next of its entries
    uint64_t start_ns = 0;
    int32_t pid = -1;  // 0: idle; -1: not known
    uint32_t index = WakeHistory::kNobody;
  };
  struct Gap {
    uint64_t start_ns = 0, end_ns = 0;
  };

  void Seed();
  void OnStep(const Step& step);
  void OnSwitch(const Step& step);
  void OnWake(const Step& step);
  void OnMove(const Task& task, uint64_t now_ns);
  Interval* Begin(const Task& task, uint64_t now_ns, PathKind kind, uint32_t cpu);
  const Interval* Newest(const Task& task) const;
  void Hold(uint32_t cpu, const Held& held);
  void AddGap(const Event& event);
  bool InGap(uint64_t start_ns, uint64_t end_ns) const;
  const Interval* Before(uint32_t index, uint64_t ns) const;
  PathSegment SegmentOf(const Interval& interval, uint32_t index, uint64_t start_ns, uint64_t end_ns) const;
  void NameHolder(PathSegment* segment) const;
  void NameSource(const Interval& woken, PathSegment* segment) const;
  CriticalPath WalkBack(const Task& task, uint64_t from_ns, uint64_t to_ns) const;
  static std::string CommOf(const Task& task) { return std::string(task.comm()); }

  SchedModel model_;
  WakeHistory wakes_;
  const uint64_t from_ns_, to_ns_;
  const size_t intervals_max_;
  bool seeded_ = false;
  bool goes_on_ = false;                      // an event behind to_ns was seen
  uint64_t first_ns_ = 0, last_ns_ = 0;       // of the events; 0: none
  size_t kept_ = 0;                           // intervals of tasks and of CPUs
  std::vector<std::vector<Interval>> tasks_;  // by Task::index, by time
  std::vector<const Task*> who_;              // by Task::index
  std::vector<std::vector<Held>> cpus_;
  std::vector<Gap> gaps_;  // of all CPUs, apart from one another, by time
};

}  // namespace wakewatch
