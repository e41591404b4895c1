// Why: a picture of a short span shows more than who was on a CPU: interrupts, softirqs, timers and work that ran
// there, who woke whom, and what state a task was in at every moment. The TimelineDetailBuilder is fed the events of
// all CPUs in the order of time, from a little in front of the span on, and tells what can be known. What lost events
// may have changed is unknown: nothing is joined across a gap.
//
// States follow the scheduler model's automaton (analysis/model/task_automaton.h); wakes are matched as the model does.
// Source: kernel/sched/core.c, kernel/softirq.c, kernel/workqueue.c, kernel/time/{timer,hrtimer}.c.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/model/task.h"
#include "analysis/trace/event.h"
#include "analysis/trace/format.h"

namespace wakewatch {

inline constexpr size_t kDetailPidsMax = 64;
inline constexpr size_t kDetailItemsDefault = 5000, kDetailItemsMax = 20'000;

struct TimelineDetailRequest {
  uint64_t start_ns = 0, end_ns = 0;  // ns of the trace clock, [start, end)
  std::vector<uint32_t> cpus;         // of activities and wakeups; empty: all
  std::vector<int32_t> pids;          // whose lanes are wanted, above 0
  size_t items_max = kDetailItemsDefault;
};

// kInvalidArgument: a pid that is not above 0, too many of them, a number of items that is 0 or too high.
Status CheckDetailRequest(const TimelineDetailRequest& request);

// As much of an event as details need. `name` is valid during the call.
struct DetailEvent {
  uint64_t ts_ns = 0;
  EventType type = EventType::kGeneric;
  uint8_t flags = 0;  // common_flags
  uint16_t cpu = 0;
  int32_t pid = 0;          // the task on the CPU; of a sched_switch the one that leaves it
  int32_t task = 0;         // sched_switch: who comes; sched_waking and its kind: who is woken
  int32_t target_cpu = -1;  // sched_waking and its kind
  char prev_state = 'R';    // sched_switch, see PrevStates::Letter
  uint64_t object = 0;      // number of the irq or of the softirq, address of the work item or timer; kGap: its end
  uint64_t function = 0;    // of work and timers; 0: this kernel does not say
  std::string_view name;    // of `task`, or of the irq
};
// Events that details are made of; others need not be fed.
bool TellsDetail(EventType type);
DetailEvent DetailEventOf(const Event& event, const PrevStates& states);

enum class TimelineWork : uint8_t { kHardirq, kSoftirq, kWork, kTimer };
struct TimelineActivity {
  TimelineWork work = TimelineWork::kHardirq;
  uint32_t cpu = 0;  // of work: where it started, if that was seen
  // Where an end was not seen: the last moment at which it is known to have run, so that what the events contradict
  // takes no time.
  uint64_t start_ns = 0, end_ns = 0;
  bool start_seen = false, end_seen = false;
  uint64_t function = 0;  // of work and timers; 0: not known
  std::string name;       // of an irq or softirq
  int32_t pid = 0;        // the task that was there
};

struct TimelineWakeup {
  uint64_t waking_ns = 0, wakeup_ns = 0;  // 0: not seen
  int32_t pid = 0;
  std::string comm;
  uint32_t target_cpu = 0;
  int32_t waker_pid = -1;  // the task on the waking CPU; 0: idle, -1: not known
  std::string waker_comm;  // empty: no event told it
  uint32_t waker_cpu = 0;
  WakeContext context = WakeContext::kUnknown;
  uint64_t ns() const { return waking_ns != 0 ? waking_ns : wakeup_ns; }
};

enum class LaneState : uint8_t { kUnknown, kRunning, kRunnable, kPreempted, kSleeping, kBlocked, kEnded, kOther };
struct LaneSpan {
  uint64_t start_ns = 0, end_ns = 0;
  LaneState state = LaneState::kUnknown;
  uint32_t cpu = 0;  // of kRunning; else where it ran last, or is to run
};
struct TaskLane {
  int32_t pid = 0;
  std::string comm;             // empty: no event told it
  std::vector<LaneSpan> spans;  // in order and without holes, from the start to the end
};

// Where there is more of something than items_max, there is none of it.
struct TimelineDetail {
  uint64_t start_ns = 0, end_ns = 0;
  std::vector<TimelineActivity> activities;  // by start
  std::vector<TimelineWakeup> wakeups;       // by time
  std::vector<TaskLane> lanes;               // as `pids`
  bool activities_too_many = false, wakeups_too_many = false, spans_too_many = false;
};

// The answer where there is too much to look at.
TimelineDetail TooMuchDetail(const TimelineDetailRequest& request);

// What is known of the events before they come.
struct DetailSource {
  std::vector<uint32_t> cpus;                   // all that the recording has
  bool has_waking = false, has_wakeup = false;  // these are recorded; else they may be
  // Events in front of it may be left out, but for those about the asked pids, workqueue_execute_* and kGap; and where
  // there is a gap, nothing is left out from its start on.
  uint64_t whole_from_ns = 0;
};

// Not thread-safe. An event costs the same however long the recording is.
class TimelineDetailBuilder {
 public:
  TimelineDetailBuilder(TimelineDetailRequest request, DetailSource source);
  ~TimelineDetailBuilder();

  // Events in front of the span's end by time, each CPU's in order. A kGeneric says who is on a CPU. A kGap says that
  // nothing is known of its CPU until `object`; UINT64_MAX: it does not end.
  void Push(const DetailEvent& event);
  TimelineDetail Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace wakewatch
