// Why: what the model believes about one task at one moment, and the wait it is in. The states are those of the
// reference scheduler model; a state is a hypothesis that the next event confirms or refutes. Source:
// kernel/sched/core.c (try_to_wake_up, __schedule), include/trace/events/sched.h.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "analysis/model/cpu_usage.h"
#include "analysis/model/delay_buckets.h"
#include "analysis/model/reference_schedule.h"
#include "analysis/model/thread_kind.h"
#include "analysis/trace/event.h"

namespace wakewatch {

enum class TaskState : uint8_t {
  kUnknown,       // nothing is known: before its first event, or behind a gap or a contradiction
  kNew,           // forked, never woken
  kReady,         // on a run queue
  kRunning,       // on a CPU
  kRunningWoken,  // on a CPU, sched_waking seen, sched_wakeup not yet
  kSleeping,
  kWaking,  // off the CPU, sched_waking seen, sched_wakeup not yet
  kDead,
};
constexpr TaskState LastOf(TaskState) { return TaskState::kDead; }

// In what context the waker ran. In an interrupt the task on the CPU is a bystander.
enum class WakeContext : uint8_t { kUnknown, kTask, kSoftirq, kHardirq };
constexpr WakeContext LastOf(WakeContext) { return WakeContext::kHardirq; }
std::string_view Name(WakeContext context);
// The context that an event was recorded in.
inline WakeContext ContextOf(const Event& event) {
  if (event.InHardirq()) return WakeContext::kHardirq;
  return event.InSoftirq() ? WakeContext::kSoftirq : WakeContext::kTask;
}

enum class WaitKind : uint8_t {
  kNone,
  kWake,       // from sched_waking, or from sched_wakeup where the trace has no sched_waking
  kNew,        // from sched_wakeup_new
  kPreempted,  // from a switch-out in R or R+
};
constexpr WaitKind LastOf(WaitKind) { return WaitKind::kPreempted; }

// Of Bucket::kOff.
struct OffParts {
  uint64_t irq_ns = 0;        // interrupts were off
  uint64_t real_time_ns = 0;  // a task above the fair class was on the CPU
  static void Fields(auto& self, auto& archive) { archive(self.irq_ns, self.real_time_ns); }
};

// From the moment a task could run, or was to be made able to, until it does. Begins some hundred thousand times a
// second, so what few waits need is not cleared at the start of each.
struct Wait {
  WaitKind kind = WaitKind::kNone;
  WakeContext context = WakeContext::kUnknown;
  bool void_from_start = false;      // what began it was not seen: counted when it ends, measured never
  bool accounted_for = false;        // that it is void has a reason already: a gap, or a contradiction that was counted
  bool from_unknown = false;         // the task's state was not known when it began: it may have been on a CPU
  bool has_waking = false;           // start_ns is a sched_waking's time
  bool idle_target = false;          // the CPU it was to be delivered to was idle at start_ns
  bool preempted_in_kernel = false;  // R+
  uint64_t start_ns = 0;
  uint64_t wakeup_ns = 0;      // sched_wakeup; 0: not delivered yet
  int32_t waker_pid = -1;      // common_pid of what began the wait; a bystander unless context is kTask
  int32_t prio = 0;            // of the woken task, as the event says
  uint32_t waker_cpu = 0;      // where the event that began the wait was recorded
  uint32_t wakeup_cpu = 0;     // where sched_wakeup was recorded
  int32_t waking_target = -1;  // sched_waking's target_cpu: where it slept
  uint32_t cpu = 0;            // whose run queue it is on, as far as is known
  uint32_t migrations = 0;     // since it became runnable
  Rank rank = kFairRank;
  bool queued = false;         // it is on the run queue of `cpu`, since queued_ns
  bool has_earlier = false;    // `earlier` and earlier_off hold
  bool slow_delivery = false;  // delivery_usage and delivery_silent_ns hold
  uint32_t ahead = 0;          // fair tasks on `cpu` when it came there for the first time, waiting or running
  uint64_t queued_ns = 0;
  CpuUsage usage_at;                // of `cpu`, when the wait on that run queue (or the delivery) began
  uint64_t real_time_above_at = 0;  // of a real-time task: how long higher ranks and its own had run on `cpu` by then
  uint64_t real_time_equal_at = 0;
  DelayBuckets earlier;  // on run queues that it was moved away from
  OffParts earlier_off;
  CpuUsage delivery_usage;          // of the target CPU from waking to wakeup
  uint64_t delivery_silent_ns = 0;  // its longest silence in that time
  WaitPlace place;                  // in the reference schedule
  // Once it has ended: what it was spent on.
  DelayBuckets buckets;
  OffParts off;

  void Begin(WaitKind new_kind, uint64_t now_ns) {
    kind = new_kind;
    context = WakeContext::kUnknown;
    void_from_start = accounted_for = from_unknown = has_waking = idle_target = preempted_in_kernel = false;
    queued = has_earlier = slow_delivery = false;
    start_ns = now_ns;
    wakeup_ns = 0;
    waker_pid = waking_target = -1;
    prio = 0;
    waker_cpu = wakeup_cpu = cpu = migrations = ahead = 0;
  }
  static void Fields(auto& self, auto& archive) {
    archive(self.kind, self.context, self.void_from_start, self.accounted_for, self.from_unknown, self.has_waking,
            self.idle_target, self.preempted_in_kernel, self.start_ns, self.wakeup_ns, self.waker_pid, self.prio,
            self.waker_cpu, self.wakeup_cpu, self.waking_target, self.cpu, self.migrations, self.slow_delivery,
            self.rank, self.queued, self.has_earlier, self.ahead, self.queued_ns, self.usage_at,
            self.real_time_above_at, self.real_time_equal_at, self.earlier, self.earlier_off, self.delivery_usage,
            self.delivery_silent_ns, self.place, self.buckets, self.off);
  }
};

// What fair scheduling alone would let a fair task wait: one slice for each task in front of it. A comparison and no
// rule: weights, groups and later arrivals move it either way. 0 for other ranks. Source: base_slice_ns of the fair
// class, 0.75 ms times 1 + log2 of the CPUs, at most 3 ms unless it was set.
inline constexpr uint64_t kSliceNs = 3'000'000;
constexpr uint64_t SliceBound(const Wait& wait) { return wait.rank == kFairRank ? wait.ahead * kSliceNs : 0; }

struct Task {
  static constexpr size_t kCommBytes = 16;

  int32_t pid = 0;
  uint32_t index = 0;  // place in TaskTable; reused only when the task that had it was retired
  TaskState state = TaskState::kUnknown;
  ThreadKind kind = ThreadKind::kUser;
  KindSource kind_source = KindSource::kName;
  bool exiting = false;   // sched_process_exit seen
  bool retired = false;   // nobody's: a place that waits for another task
  char sleep_letter = 0;  // of the last switch-out: 'S', 'D', 'I' …
  int16_t prio = 0;       // last seen
  int32_t cpu = -1;       // last known
  int32_t only_cpu = -1;  // the one CPU it may run on; -1: more than one, or unknown
  Affinity affinity;
  uint64_t state_ns = 0;       // when `state` began
  uint64_t sleep_ns = 0;       // when its last sleep began; 0: it did not sleep since it last ran, or not known
  uint64_t on_cpu_ns = 0;      // up to its last switch-out; spans whose begin was not seen are left out
  uint32_t dropped_waits = 0;  // begun, and given up before their end
  uint64_t first_seen_ns = 0;
  uint64_t not_before_ns = 0;  // what was said of its pid before this was about a former owner
  Wait wait;                   // of kReady, kWaking; in kRunningWoken the wake that is under way

  std::array<char, kCommBytes> comm_bytes{};  // as the events carry it: what is behind the NUL is not defined
  std::string_view comm() const;

  uint64_t OnCpuAt(uint64_t now_ns) const {
    return OnCpu() && state_ns != 0 && now_ns > state_ns ? on_cpu_ns + (now_ns - state_ns) : on_cpu_ns;
  }
  // A wait for a CPU is open, or its delivery.
  bool Waiting() const {
    return wait.kind != WaitKind::kNone && (state == TaskState::kReady || state == TaskState::kWaking);
  }
  bool OnCpu() const { return state == TaskState::kRunning || state == TaskState::kRunningWoken; }
  // All but its place.
  static void Fields(auto& self, auto& archive) {
    archive(self.pid, self.state, self.kind, self.kind_source, self.exiting, self.retired, self.sleep_letter, self.prio,
            self.cpu, self.only_cpu, self.affinity, self.state_ns, self.sleep_ns, self.on_cpu_ns, self.dropped_waits,
            self.first_seen_ns, self.not_before_ns, self.wait, self.comm_bytes);
  }
};

}  // namespace wakewatch
