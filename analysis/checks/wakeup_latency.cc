#include "analysis/checks/wakeup_latency.h"

#include "analysis/checks/delay_cause.h"

namespace wakewatch {
namespace {

constexpr EventType kEvents[] = {EventType::kSchedSwitch, EventType::kSchedWakeup, EventType::kSchedWakeupNew};

}  // namespace

const CheckInfo WakeupLatency::kInfo = {
    "wakeup-latency", "a task ran late after it was woken: sched_waking (or sched_wakeup_new) to the switch to it",
    kEvents, [](const CheckInput& input) -> std::unique_ptr<Check> { return std::make_unique<WakeupLatency>(input); }};

void WakeupLatency::OnStep(const Step& step) {
  if (step.event->type != EventType::kSchedSwitch) {
    if (step.task != nullptr && input_.options.Inside(step.event->ts_ns)) ++Of(*step.task).wakeups;
    return;
  }
  if (step.ended == nullptr) return;
  const Wait& wait = *step.ended;
  if (!input_.options.Inside(wait.start_ns)) return;
  const Task& task = *step.next;
  Counts& counts = Of(task);
  if (!step.measured) {
    ++counts.voided;
    return;
  }
  const uint64_t end_ns = step.event->ts_ns;
  Measure(wait, step, &counts);
  if (input_.options.on_wait) HandOver(wait, step);
  if (end_ns - wait.start_ns < input_.options.latency_threshold_ns) return;
  // ksoftirqd's waits and preempted waits have checks of their own.
  if (wait.kind == WaitKind::kPreempted || task.kind == ThreadKind::kKsoftirqd) return;
  input_.findings.Add(WaitFinding(kInfo.name, wait, task, &step, end_ns, input_.model));
}

void WakeupLatency::HandOver(const Wait& wait, const Step& step) const {
  MeasuredWait measured;
  measured.kind = wait.kind;
  measured.pid = step.next->pid;
  measured.comm = step.next->comm();
  measured.thread = step.next->kind;
  measured.prio = wait.prio;
  measured.cpu = step.event->cpu;
  measured.start_ns = wait.start_ns;
  measured.has_waking = wait.has_waking;
  measured.wakeup_ns = wait.wakeup_ns;
  measured.in_ns = step.event->ts_ns;
  measured.context = wait.context;
  if (wait.kind != WaitKind::kPreempted && wait.context == WakeContext::kTask) {
    measured.waker_pid = wait.waker_pid;
    const Task* const waker = input_.model.TaskOf(wait.waker_pid);
    if (waker != nullptr) measured.waker_comm = waker->comm();
  }
  measured.buckets = wait.buckets;
  measured.cause = ClassOfWait(wait, {wait.buckets, wait.off}, measured.in_ns, input_.model.cpu(wait.cpu));
  measured.excess_ns = input_.options.ExcessOf(wait);
  measured.affinity_known = step.next->affinity.known();
  measured.slice_bound_ns = SliceBound(wait);
  input_.options.on_wait(measured);
}

void WakeupLatency::Measure(const Wait& wait, const Step& step, Counts* counts) {
  const uint64_t end_ns = step.event->ts_ns;
  if (wait.kind == WaitKind::kPreempted) {
    counts->preempted_ns.Add(end_ns - wait.start_ns);
    counts->preempted_buckets.Add(wait.buckets);
    return;
  }
  counts->runqueue_ns.Add(end_ns - wait.wakeup_ns);
  // Without its sched_waking only the second part is known.
  if (wait.kind == WaitKind::kWake && !wait.has_waking) return;
  counts->wakeup_latency_ns.Add(end_ns - wait.start_ns);
  counts->delivery_ns.Add(wait.wakeup_ns - wait.start_ns);
  counts->buckets.Add(wait.buckets);
  const uint64_t excess_ns = input_.options.ExcessOf(wait);
  if (excess_ns == 0) {
    ++counts->in_time;
  } else {
    counts->excess_latency_ns.Add(excess_ns);
  }
  if (!step.next->affinity.known()) ++counts->assumed_affinity;
  if (IsKernelThread(step.next->kind) && counts->worst.Takes(end_ns - wait.start_ns)) {
    counts->worst.Add(DescribeWait(step, input_));
  }
}

void WakeupLatency::Forget(const Task& task) {
  if (task.index >= counts_.size()) return;
  forgotten_wakeups_ += counts_[task.index].wakeups;
  counts_[task.index] = Counts{};
}

void WakeupLatency::Summarise(uint64_t, Summaries* summaries) const {
  if (forgotten_wakeups_ > 0) summaries->anomalies.Add(Anomaly::kWakeupsRetired, forgotten_wakeups_);
  const SchedModel& model = input_.model;
  model.tasks().ForEach([&](const Task& task) {
    static const Counts kNone;
    const Counts& counts = task.index < counts_.size() ? counts_[task.index] : kNone;
    ThreadSummary& summary = summaries->threads.emplace_back();
    summary.pid = task.pid;
    summary.first_seen_ns = task.first_seen_ns;
    summary.comm = task.comm();
    summary.kind = task.kind;
    summary.kind_source = task.kind_source;
    summary.wakeups = counts.wakeups;
    summary.wakeup_latency_ns = counts.wakeup_latency_ns;
    summary.delivery_ns = counts.delivery_ns;
    summary.runqueue_ns = counts.runqueue_ns;
    summary.preempted_ns = counts.preempted_ns;
    summary.excess_latency_ns = counts.excess_latency_ns;
    summary.excess_latency_ns.AddTimes(0, counts.in_time);
    summary.assumed_affinity = counts.assumed_affinity;
    summary.buckets = counts.buckets;
    summary.preempted_buckets = counts.preempted_buckets;
    summary.worst = counts.worst.waits();
    summary.on_cpu_ns = task.OnCpuAt(model.now_ns());
    summary.voided = counts.voided + task.dropped_waits;
    if (!task.Waiting()) return;
    const bool whole = !task.wait.void_from_start && !model.Dark(task.wait.start_ns, task);
    ++(whole ? summary.censored : summary.voided);
  });
}

}  // namespace wakewatch
