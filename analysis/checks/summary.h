// Why: what the checks count besides findings: distributions with their n, and what was censored or voided, one value a
// thread, work function, softirq vector, tasklet and CPU. All times are nanoseconds of the trace clock.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "analysis/base/anomaly.h"
#include "analysis/base/histogram.h"
#include "analysis/checks/finding.h"
#include "analysis/model/delay_buckets.h"
#include "analysis/model/rules.h"
#include "analysis/model/task.h"
#include "analysis/model/wake_history.h"
#include "analysis/trace/reader.h"

namespace wakewatch {

// Who was on the CPU while a task waited for it.
struct Competitor {
  int32_t pid = 0;  // -1: several, each for a short time
  std::string comm;
  Bucket bucket = Bucket::kEqual;  // kHigher, kEqual, kLower, kMigration
  uint64_t ns = 0;
  static void Fields(auto& self, auto& archive) { archive(self.pid, self.comm, self.bucket, self.ns); }
};

// One of a thread's longest waits after a wakeup, with all that is needed to check it against the events.
struct WorstWait {
  uint64_t start_ns = 0, wakeup_ns = 0, in_ns = 0;
  uint32_t cpu = 0;
  WakeContext context = WakeContext::kUnknown;
  int32_t waker_pid = -1;  // -1: woken from an interrupt, or not known
  std::string waker_comm;
  DelayBuckets buckets;  // sum to in_ns - start_ns
  std::string cause;
  uint64_t excess_ns = 0;
  bool affinity_known = false;
  std::vector<Competitor> competitors;  // the longest first
  uint64_t competitors_of_ns = 0;       // of the time on the run queue it is known who was on the CPU
  std::vector<Evidence> evidence;       // in order of time
  std::vector<ChainLink> chain;         // who woke it, who woke that one, and so on
  static void Fields(auto& self, auto& archive) {
    archive(self.start_ns, self.wakeup_ns, self.in_ns, self.cpu, self.context, self.waker_pid, self.waker_comm,
            self.buckets, self.cause, self.excess_ns, self.affinity_known, self.competitors, self.competitors_of_ns,
            self.evidence, self.chain);
  }
};

struct ThreadSummary {
  int32_t pid = 0;
  uint64_t first_seen_ns = 0;  // tells two users of one pid apart
  std::string comm;
  ThreadKind kind = ThreadKind::kUser;
  KindSource kind_source = KindSource::kName;
  uint64_t wakeups = 0;
  Histogram wakeup_latency_ns, delivery_ns, runqueue_ns, preempted_ns;
  Histogram excess_latency_ns;     // of wakeups: n is that of wakeup_latency_ns
  uint64_t assumed_affinity = 0;   // of these, where it may run was not known
  DelayBuckets buckets;            // what the sum of wakeup_latency_ns was spent on
  DelayBuckets preempted_buckets;  // and that of preempted_ns
  std::vector<WorstWait> worst;    // its longest waits after a wakeup, the longest first
  uint64_t on_cpu_ns = 0;
  uint64_t censored = 0;  // waits still open when the trace ended
  uint64_t voided = 0;    // waits given up because a gap or a contradiction touched them
};

struct WorkSummary {
  std::string function;
  Histogram queue_to_start_ns, run_ns;
  uint64_t censored = 0, voided = 0;
  uint64_t unmatched = 0;  // executions whose queueing was not seen (flush barriers, before the trace)
};

struct SoftirqSummary {
  std::string vector;
  Histogram raise_to_entry_ns;
  uint64_t in_ksoftirqd = 0;  // entries that ran in ksoftirqd
  uint64_t entries = 0, censored = 0, voided = 0;
};

struct TaskletSummary {
  std::string function;
  Histogram raise_to_entry_ns, run_ns;
};

struct CpuSummary {
  uint32_t cpu = 0;
  uint64_t first_ns = 0, last_ns = 0, events = 0, gaps = 0;
  uint64_t lost = 0;          // events, as far as they were counted
  bool lost_unknown = false;  // at least one gap has no count
  CpuStats stats;             // the kernel's own account when known
  bool have_stats = false;
  static void Fields(auto& self, auto& archive) {  // of events and gaps: the kernel's account is the input's
    archive(self.first_ns, self.last_ns, self.events, self.gaps, self.lost, self.lost_unknown);
  }
};

// Where a recording broke a rule of the scheduler model, or seems to have. See analysis/model/rules.h.
struct RulePlace {
  RuleVerdict verdict = RuleVerdict::kViolation;
  uint32_t cpu = 0;
  uint64_t ts_ns = 0;
  int32_t pid = 0;   // the task that the rule is about
  std::string text;  // "sched_wakeup of a task that sleeps and that no sched_waking named"
  static void Fields(auto& self, auto& archive) { archive(self.verdict, self.cpu, self.ts_ns, self.pid, self.text); }
};
struct RuleSummary {
  std::string name;      // "wakeup-needs-waking"
  uint64_t checked = 0;  // how often it could have been broken
  uint64_t violations = 0, missing = 0, artefacts = 0, voided = 0;
  std::vector<RulePlace> places;  // the first of them
};

// Sleeps of kernel threads that may have lost a wakeup of this class, and of which the recorded events cannot tell.
struct Undecidable {
  std::string cls;  // "check-before-sleep"
  uint64_t sleeps = 0;
  std::vector<std::string> needs;  // the probes that would decide them; empty: no events do
};

// How the obligations of one class ended: what somebody had to do by a deadline. See checks/lost_wakeup/obligation.h.
struct ObligationSummary {
  std::string cls;
  uint64_t opened = 0;      // the sum of all below
  uint64_t discharged = 0;  // in time
  uint64_t late = 0;        // after the deadline: a delay
  uint64_t expired = 0;     // not by the deadline: findings
  uint64_t censored = 0;    // the trace ended before the deadline
  uint64_t voided = 0;      // a gap, an exit or a change of CPUs touches it
  uint64_t unlearned = 0;   // too little was seen of the thread to set a deadline
  uint64_t open = 0;        // not over yet
  static void Fields(auto& self, auto& archive) {
    archive(self.cls, self.opened, self.discharged, self.late, self.expired, self.censored, self.voided, self.unlearned,
            self.open);
  }
};

// A kernel thread that was created or stopped, or both. A time of 0 was not seen; -1 for a pid is not known.
struct KthreadLife {
  int32_t pid = 0;
  std::string comm;  // the newest; a thread has its creator's choice only after it was created
  int32_t creator_pid = -1;
  std::string creator_comm;
  uint64_t request_ns = 0;       // the creator woke kthreadd
  uint64_t fork_ns = 0;          // by kthreadd
  uint64_t first_run_ns = 0;     // it came onto a CPU, to say that it exists
  uint64_t function_run_ns = 0;  // it came onto a CPU to run its function
  int32_t stopper_pid = -1;
  std::string stopper_comm;
  uint64_t stop_ns = 0;      // sched_kthread_stop
  uint64_t exit_ns = 0;      // sched_process_exit
  uint64_t stop_ret_ns = 0;  // sched_kthread_stop_ret
  int32_t ret = 0;           // what the thread's function returned; with stop_ret_ns
  static void Fields(auto& self, auto& archive) {
    archive(self.pid, self.comm, self.creator_pid, self.creator_comm, self.request_ns, self.fork_ns, self.first_run_ns,
            self.function_run_ns, self.stopper_pid, self.stopper_comm, self.stop_ns, self.exit_ns, self.stop_ret_ns,
            self.ret);
  }
};

// A user-mode helper that a kworker started for the kernel. A time of 0 was not seen.
struct HelperRun {
  int32_t pid = 0;
  std::string file;  // that it executed; empty: not seen
  int32_t worker_pid = 0;
  std::string worker_comm;
  uint64_t queue_ns = 0;  // its work item was queued
  uint64_t start_ns = 0;  // and started
  uint64_t fork_ns = 0, exec_ns = 0, exit_ns = 0;
  static void Fields(auto& self, auto& archive) {
    archive(self.pid, self.file, self.worker_pid, self.worker_comm, self.queue_ns, self.start_ns, self.fork_ns,
            self.exec_ns, self.exit_ns);
  }
};

// How kernel threads and user-mode helpers came and went.
struct LifecycleSummary {
  static constexpr size_t kListedMax = 1000;  // of each list
  std::vector<KthreadLife> kthreads;          // the newest, by their first event
  std::vector<HelperRun> helpers;             // the newest, by fork
  uint64_t kthreads_left_out = 0, helpers_left_out = 0;
  Histogram request_to_fork_ns, fork_to_run_ns;
  Histogram stop_to_exit_ns, stop_to_return_ns;
  Histogram exit_to_return_ns;  // where they came in this order
  Histogram helper_queue_to_exec_ns;
  uint64_t voided = 0;  // creations, stops and helpers that a gap touched: not followed any further
  static void Fields(auto& self, auto& archive) {  // without the lists
    archive(self.kthreads_left_out, self.helpers_left_out, self.request_to_fork_ns, self.fork_to_run_ns,
            self.stop_to_exit_ns, self.stop_to_return_ns, self.exit_to_return_ns, self.helper_queue_to_exec_ns,
            self.voided);
  }
};

// What the checks hand over when a trace ends.
struct Summaries {
  std::vector<ThreadSummary> threads;
  std::vector<WorkSummary> work;
  std::vector<SoftirqSummary> softirq;
  std::vector<TaskletSummary> tasklets;
  std::vector<Undecidable> undecidable;
  std::vector<ObligationSummary> obligations;
  std::vector<RuleSummary> rules;
  LifecycleSummary lifecycle;
  AnomalyCounts anomalies;
};

}  // namespace wakewatch
