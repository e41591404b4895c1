// Why: one in-memory shape for an event, whatever file, page or chunk it came from. Event is 64 bytes: what every event
// has, the few typed fields the model reads, and a view of the raw record for everything else (text, generic fields).
// Source: Linux include/trace/events/{sched,irq,workqueue,timer,ipi,csd}.h.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace wakewatch {

// enumerator, system, event name. kGeneric stands for every other event the kernel or a probe may define.
#define WAKEWATCH_EVENT_TYPES(X)                                      \
  X(kSchedSwitch, "sched", "sched_switch")                            \
  X(kSchedWaking, "sched", "sched_waking")                            \
  X(kSchedWakeup, "sched", "sched_wakeup")                            \
  X(kSchedWakeupNew, "sched", "sched_wakeup_new")                     \
  X(kSchedMigrateTask, "sched", "sched_migrate_task")                 \
  X(kSchedProcessFork, "sched", "sched_process_fork")                 \
  X(kSchedProcessExec, "sched", "sched_process_exec")                 \
  X(kSchedProcessExit, "sched", "sched_process_exit")                 \
  X(kSchedProcessFree, "sched", "sched_process_free")                 \
  X(kSchedPiSetprio, "sched", "sched_pi_setprio")                     \
  X(kSchedStatRuntime, "sched", "sched_stat_runtime")                 \
  X(kSchedKthreadStop, "sched", "sched_kthread_stop")                 \
  X(kSchedKthreadStopRet, "sched", "sched_kthread_stop_ret")          \
  X(kKthreadWorkQueue, "sched", "sched_kthread_work_queue_work")      \
  X(kKthreadWorkStart, "sched", "sched_kthread_work_execute_start")   \
  X(kKthreadWorkEnd, "sched", "sched_kthread_work_execute_end")       \
  X(kWakeIdleWithoutIpi, "sched", "sched_wake_idle_without_ipi")      \
  X(kIrqEntry, "irq", "irq_handler_entry")                            \
  X(kIrqExit, "irq", "irq_handler_exit")                              \
  X(kSoftirqRaise, "irq", "softirq_raise")                            \
  X(kSoftirqEntry, "irq", "softirq_entry")                            \
  X(kSoftirqExit, "irq", "softirq_exit")                              \
  X(kTaskletEntry, "irq", "tasklet_entry")                            \
  X(kTaskletExit, "irq", "tasklet_exit")                              \
  X(kWorkQueue, "workqueue", "workqueue_queue_work")                  \
  X(kWorkActivate, "workqueue", "workqueue_activate_work")            \
  X(kWorkStart, "workqueue", "workqueue_execute_start")               \
  X(kWorkEnd, "workqueue", "workqueue_execute_end")                   \
  X(kTimerInit, "timer", "timer_init")                                \
  X(kTimerStart, "timer", "timer_start")                              \
  X(kTimerExpireEntry, "timer", "timer_expire_entry")                 \
  X(kTimerExpireExit, "timer", "timer_expire_exit")                   \
  X(kTimerCancel, "timer", "timer_cancel")                            \
  X(kHrtimerInit, "timer", "hrtimer_init")                            \
  X(kHrtimerStart, "timer", "hrtimer_start")                          \
  X(kHrtimerExpireEntry, "timer", "hrtimer_expire_entry")             \
  X(kHrtimerExpireExit, "timer", "hrtimer_expire_exit")               \
  X(kHrtimerCancel, "timer", "hrtimer_cancel")                        \
  X(kTickStop, "timer", "tick_stop")                                  \
  X(kIpiSendCpu, "ipi", "ipi_send_cpu")                               \
  X(kCsdQueueCpu, "csd", "csd_queue_cpu")                             \
  X(kCsdFunctionEntry, "csd", "csd_function_entry")                   \
  X(kCsdFunctionExit, "csd", "csd_function_exit")                     \
  X(kProbeTtwu, "wakewatch", "ttwu")                                  \
  X(kProbeTtwuRet, "wakewatch", "ttwu_ret")                           \
  X(kProbeWakeUp, "wakewatch", "wake_up")                             \
  X(kProbeComplete, "wakewatch", "complete")                          \
  X(kProbeCompleteAll, "wakewatch", "complete_all")                   \
  X(kProbeCompletionWait, "wakewatch", "wait_for_completion")         \
  X(kProbePrepareToWait, "wakewatch", "prepare_to_wait")              \
  X(kProbePrepareExclusive, "wakewatch", "prepare_to_wait_exclusive") \
  X(kProbeAddWaitQueue, "wakewatch", "add_wait_queue")                \
  X(kProbeAddExclusive, "wakewatch", "add_wait_queue_exclusive")      \
  X(kProbeFinishWait, "wakewatch", "finish_wait")

enum class EventType : uint8_t {
  kGeneric,
#define X(id, system, name) id,
  WAKEWATCH_EVENT_TYPES(X)
#undef X
      kGap,  // not a kernel event: what is known about this CPU ends at ts_ns and begins again at gap.end_ns
};
inline constexpr size_t kEventTypeCount = static_cast<size_t>(EventType::kGap) + 1;
constexpr EventType LastOf(EventType) { return EventType::kGap; }

struct EventTypeInfo {
  std::string_view system, name;
};
inline constexpr std::array<EventTypeInfo, kEventTypeCount> kEventTypeInfo = {{
    {"", "generic"},
#define X(id, system, name) {system, name},
    WAKEWATCH_EVENT_TYPES(X)
#undef X
        {"", "gap"},
}};
// kGeneric when the pair is not one of ours.
EventType EventTypeOf(std::string_view system, std::string_view name);
// Of a kprobe or fprobe event, whose group and exact name are the choice of whoever defined it. Names as in our own
// group "wakewatch"; variants of one function share a type (wait_for_completion_timeout, prepare_to_wait_event,
// remove_wait_queue). kGeneric for all others.
EventType ProbeTypeOf(std::string_view name);

// Bits of common_flags (kernel: enum trace_flag_type).
inline constexpr uint8_t kFlagIrqsOff = 0x01;
inline constexpr uint8_t kFlagNeedReschedLazy = 0x02;  // 6.13+; before that "irqs state not supported"
inline constexpr uint8_t kFlagNeedResched = 0x04;
inline constexpr uint8_t kFlagHardirq = 0x08;
inline constexpr uint8_t kFlagSoftirq = 0x10;
inline constexpr uint8_t kFlagPreemptResched = 0x20;
inline constexpr uint8_t kFlagNmi = 0x40;
inline constexpr uint8_t kFlagBhOff = 0x80;

// Text inside the raw record, in bytes from its start; `size` is a bound, the text may end earlier at a NUL.
struct TextRef {
  uint16_t offset, size;
};

// Of an event whose format has no priority. Not a priority of any class.
inline constexpr int16_t kPrioUnknown = INT16_MAX;

enum class GapCause : uint8_t {
  kOverrun,    // the kernel's ring buffer overwrote or dropped events
  kCorrupt,    // bytes that could not be decoded were skipped
  kCollector,  // the collector was not reading (killed, spool full, stopped)
  kUnknown,
};
constexpr GapCause LastOf(GapCause) { return GapCause::kUnknown; }
std::string_view Name(GapCause cause);
inline constexpr uint64_t kLostUnknown = UINT64_MAX;

struct Event {
  uint64_t ts_ns;         // nanoseconds of the trace clock
  const uint8_t* record;  // the raw record, common fields included; lives as long as the EventBlock it is in
  uint16_t record_size;   // bytes
  uint16_t format;        // index into FormatTable::events()
  uint16_t cpu;
  EventType type;
  uint8_t flags;          // common_flags
  int32_t pid;            // common_pid: the task that was on the CPU, a bystander when flags say hardirq or softirq
  uint8_t preempt_count;  // low 4 bits: preemption depth, high 4: migrate-disable depth

  struct Switch {
    int32_t prev_pid, next_pid;
    int16_t prev_prio, next_prio;
    uint32_t prev_state;  // raw bits of this kernel; read them through PrevStates
    TextRef prev_comm, next_comm;
  };
  struct Wake {  // sched_waking, sched_wakeup, sched_wakeup_new
    int32_t pid, prio, target_cpu;
    TextRef comm;
  };
  struct Migrate {
    int32_t pid, prio, orig_cpu, dest_cpu;
    TextRef comm;
  };
  struct Fork {
    int32_t parent_pid, child_pid;
    TextRef parent_comm, child_comm;
  };
  struct Task {  // exit, free, exec, kthread_stop, pi_setprio, stat_runtime
    int32_t pid, prio;
    uint64_t value;  // stat_runtime: ns of CPU time; pi_setprio: new prio; exec: old pid
    TextRef comm;    // empty in exec, which has a file name instead
  };
  struct StopRet {
    int32_t ret;
  };
  struct Softirq {
    uint32_t vec;
  };
  struct Irq {
    int32_t irq, ret;
    TextRef name;
  };
  struct Tasklet {
    uint64_t tasklet, function;  // function 0: this kernel does not say
  };
  struct Work {
    uint64_t work, function;  // function 0: this kernel's event does not say
    int32_t req_cpu, cpu;
    TextRef workqueue;
  };
  struct KthreadWork {
    uint64_t work, function, worker;  // worker only in queue
  };
  struct Timer {
    uint64_t timer, function;  // function 0: not in this event
    uint64_t expires;          // jiffies (timer_*) or ns (hrtimer_*)
    uint64_t now;
  };
  struct Ipi {
    int32_t cpu;
    uint64_t function;  // 0: not in this event
  };
  // Fields of kProbe* that the probe does not have are 0.
  struct Probe {
    uint64_t object;  // the wait queue head or the completion
    uint64_t head;    // its list's first entry: of an empty list an address inside of the object itself
    int32_t pid;      // ttwu: of the task to be woken
    uint32_t state;   // ttwu: its __state; prepare_to_wait: the state that it sets
    uint32_t mode;    // ttwu, wake_up: the states that are to be woken
    uint32_t value;  // completions: `done` before the call; wake_up: how many exclusive waiters; ttwu: on_cpu; ttwu_ret
  };
  struct Gap {
    uint64_t end_ns;  // time of the first event after the gap; UINT64_MAX: nothing came after it
    uint64_t lost;    // events; kLostUnknown when the kernel did not count
    GapCause cause;
  };
  union {
    Switch sw;
    Wake wake;
    Migrate migrate;
    Fork fork;
    Task task;
    StopRet stop_ret;
    Softirq softirq;
    Irq irq;
    Tasklet tasklet;
    Work work;
    KthreadWork kwork;
    Timer timer;
    Ipi ipi;
    Probe probe;
    Gap gap;
  };

  // Text up to its NUL, never past the record. Empty for a TextRef of size 0.
  std::string_view Text(TextRef ref) const;
  bool InHardirq() const { return (flags & (kFlagHardirq | kFlagNmi)) != 0; }
  bool InSoftirq() const { return (flags & kFlagSoftirq) != 0; }
  unsigned PreemptDepth() const { return preempt_count & 0x0f; }
};
static_assert(sizeof(Event) == 64);

}  // namespace wakewatch
