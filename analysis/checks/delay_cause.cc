#include "analysis/checks/delay_cause.h"

#include <algorithm>
#include <cstdio>

namespace wakewatch {
namespace {

std::string Percent(uint64_t part, uint64_t whole) {
  return std::to_string(whole == 0 ? 0 : part * 100 / whole) + " %";
}

bool Half(uint64_t part, uint64_t whole) { return whole > 0 && part >= whole - whole / 2; }

std::string CpuText(uint32_t cpu) { return "CPU " + std::to_string(cpu); }

std::string_view ClassOfDelivery(const Wait& wait) {
  const uint64_t time_ns = wait.wakeup_ns - wait.start_ns;
  const CpuUsage used = wait.slow_delivery ? wait.delivery_usage : CpuUsage{};
  if (wait.slow_delivery && Half(wait.delivery_silent_ns, time_ns)) return "irq-off";
  if (wait.idle_target || Half(used.Of(Use::kIdle), time_ns)) return "idle-exit";
  if (Half(used.Of(Use::kHardirq), time_ns)) return "hardirq";
  return Half(used.Of(Use::kSoftirq), time_ns) ? "softirq" : "delivery";
}

std::string_view ClassOfBucket(Bucket bucket, const Wait& wait, const WaitSplit& split) {
  switch (bucket) {
    case Bucket::kDelivery: return ClassOfDelivery(wait);
    case Bucket::kIdleExit: return "idle-exit";
    case Bucket::kHardirq: return "hardirq";
    case Bucket::kSoftirq: return "softirq";
    case Bucket::kHigher: return "real-time";
    case Bucket::kEqual: return wait.rank == kFairRank ? "pile-up" : "real-time";
    case Bucket::kMigration: return "migration";
    case Bucket::kOff: return Half(split.off.irq_ns, split.buckets.Of(Bucket::kOff)) ? "irq-off" : "preempt-off";
    case Bucket::kLower:
    case Bucket::kUnexplained: break;
  }
  return "unexplained";
}

// The largest, of equal ones the first.
Bucket LargestBucket(const Wait& wait, const WaitSplit& split, uint64_t end_ns, const CpuState& cpu) {
  DelayBuckets buckets = split.buckets;
  // Whether it could reschedule or not, a task above it would have gone on.
  if (wait.rank >= kFairRank) {
    const uint64_t above_ns = std::min(split.off.real_time_ns, buckets.Of(Bucket::kOff));
    buckets.Of(Bucket::kOff) -= above_ns;
    buckets.Of(Bucket::kHigher) += above_ns;
  }
  // A clock that runs late makes many short silences, which are no reason.
  const uint64_t silent_ns = cpu.silences.LongestWithin(wait.start_ns, end_ns);
  if (!Half(silent_ns, end_ns - wait.start_ns)) {
    buckets.Of(Bucket::kOff) -= std::min(buckets.Of(Bucket::kOff), split.off.irq_ns);
  }
  return static_cast<Bucket>(std::max_element(buckets.ns.begin(), buckets.ns.end()) - buckets.ns.begin());
}

std::string_view WordsOf(Bucket bucket) {
  switch (bucket) {
    case Bucket::kDelivery: return "until its wakeup was delivered";
    case Bucket::kIdleExit: return "idle";
    case Bucket::kHardirq: return "in hard interrupt handlers";
    case Bucket::kSoftirq: return "in softirqs";
    case Bucket::kHigher: return "running tasks of higher rank";
    case Bucket::kEqual: return "running tasks of its own rank";
    case Bucket::kLower: return "running tasks of lower rank";
    case Bucket::kMigration: return "moving it to another CPU";
    case Bucket::kOff: return "with preemption or interrupts off";
    case Bucket::kUnexplained: return "not explained";
  }
  return "not explained";
}

// "; hog (pid 12) was on it for 8.10 ms of the 9.00 ms in which that is known": who was on the CPU longest.
std::string CompetitorsText(const Competitors& competitors) {
  if (competitors.tasks.empty() || competitors.tasks.front().pid < 0) return {};
  const Competitor& first = competitors.tasks.front();
  return "; " + first.comm + " (pid " + std::to_string(first.pid) + ") was on it for " + MillisText(first.ns) +
         " of the " + MillisText(competitors.covered_ns) + " in which that is known";
}

// "62 % running tasks of its own rank, 31 % in softirqs": what took a twentieth or more, the most first.
std::string SharesText(const DelayBuckets& buckets) {
  std::vector<Bucket> order;
  const uint64_t total = buckets.Total();
  for (size_t i = 0; i < kBucketCount; ++i) {
    if (total > 0 && buckets.ns[i] >= total / 20 && buckets.ns[i] > 0) order.push_back(static_cast<Bucket>(i));
  }
  std::stable_sort(order.begin(), order.end(), [&](Bucket a, Bucket b) { return buckets.Of(a) > buckets.Of(b); });
  std::string text;
  for (const Bucket bucket : order) {
    if (!text.empty()) text += ", ";
    text += Percent(buckets.Of(bucket), total) + " ";
    text += WordsOf(bucket);
  }
  return text;
}

std::string PrioText(std::string_view field, int32_t prio) {
  return prio == kPrioUnknown ? std::string() : " " + std::string(field) + "=" + std::to_string(prio);
}

std::string WakeText(std::string_view event, const Task& task, const Wait& wait, int64_t target_cpu) {
  return std::string(event) + " comm=" + std::string(task.comm()) + " pid=" + std::to_string(task.pid) +
         PrioText("prio", wait.prio) + " target_cpu=" + std::to_string(target_cpu);
}

std::string SwitchText(const Step& step, const Task& task) {
  const Event::Switch& sw = step.event->sw;
  const std::string prev = step.prev != nullptr ? std::string(step.prev->comm()) : "swapper";
  return "sched_switch prev_comm=" + prev + " prev_pid=" + std::to_string(sw.prev_pid) +
         PrioText("prev_prio", sw.prev_prio) + " next_comm=" + std::string(task.comm()) +
         " next_pid=" + std::to_string(sw.next_pid) + PrioText("next_prio", sw.next_prio);
}

}  // namespace

std::string MillisText(uint64_t ns) {
  char text[32];
  const double ms = static_cast<double>(ns) / 1e6;
  std::snprintf(text, sizeof text, ms < 10 ? "%.2f ms" : ms < 100 ? "%.1f ms" : "%.0f ms", ms);
  return text;
}

std::string TaskText(const Task& task) { return std::string(task.comm()) + " (pid " + std::to_string(task.pid) + ")"; }

DelayCause CauseOfUse(const CpuUsage& used, const CpuState& cpu, uint64_t start_ns, uint64_t end_ns, int32_t prio) {
  struct Row {
    uint64_t ns;
    std::string_view cls;
    const char* what;
  };
  // A real-time task keeps a fair one waiting whatever else is true of the CPU; the next two say more than who ran.
  const bool waiter_is_real_time = prio >= 0 && prio < kFirstFairPrio;
  const uint64_t time_ns = end_ns - start_ns;
  const uint64_t real_time_ns =
      used.Of(Use::kStop) + used.Of(Use::kDeadline) + used.Of(Use::kRealTime) + used.Of(Use::kRealTimeOff);
  const Row rows[] = {
      {waiter_is_real_time ? 0 : real_time_ns, "real-time", " ran real-time tasks for "},
      {used.Of(Use::kPreemptOff) + (waiter_is_real_time ? used.Of(Use::kRealTimeOff) : 0), "preempt-off",
       " was to reschedule and did not for "},
      {cpu.silences.LongestWithin(start_ns, end_ns), "irq-off", " was busy and took no interrupt for "},
      {used.Of(Use::kHardirq), "hardirq", " ran hard interrupt handlers for "},
      {used.Of(Use::kSoftirq), "softirq", " ran softirqs for "},
      {real_time_ns, "real-time", " ran real-time tasks for "},
      {used.Of(Use::kFair) + used.Of(Use::kUnknown), waiter_is_real_time ? "unexplained" : "pile-up",
       " ran other tasks of its class or below for "},
      {used.Of(Use::kIdle), "idle-exit", " was idle for "},
  };
  for (const Row& row : rows) {
    if (Half(row.ns, time_ns))
      return {std::string(row.cls), CpuText(cpu.cpu) + row.what + Percent(row.ns, time_ns) + " of it"};
  }
  return {"unexplained", "nothing that " + CpuText(cpu.cpu) + " did took half of it"};
}

WaitSplit SplitOf(const Task& task, const Step* ended, const SchedModel& model) {
  if (ended != nullptr) return {ended->ended->buckets, ended->ended->off};
  WaitSplit split;
  split.buckets = model.BucketsAt(task, &split.off);
  return split;
}

std::string_view ClassOfWait(const Wait& wait, const WaitSplit& split, uint64_t end_ns, const CpuState& cpu) {
  return ClassOfBucket(LargestBucket(wait, split, end_ns, cpu), wait, split);
}

DelayCause CauseOfWait(const Wait& wait, const WaitSplit& split, uint64_t end_ns, const CpuState& cpu) {
  DelayCause cause{std::string(ClassOfWait(wait, split, end_ns, cpu)), ""};
  cause.explanation = CpuText(cpu.cpu) + " spent it " + SharesText(split.buckets);
  if (wait.migrations > 0) {
    cause.explanation += "; it was moved between run queues " + std::to_string(wait.migrations) + " times";
  }
  return cause;
}

std::vector<Evidence> EvidenceOf(const Wait& wait, const Task& task, const Step* ended) {
  std::vector<Evidence> evidence;
  if (wait.kind == WaitKind::kPreempted) {
    evidence.push_back({wait.waker_cpu, wait.start_ns,
                        "sched_switch prev_comm=" + std::string(task.comm()) + " prev_pid=" + std::to_string(task.pid) +
                            " prev_state=" + (wait.preempted_in_kernel ? "R+" : "R")});
  } else {
    if (wait.has_waking) {
      evidence.push_back({wait.waker_cpu, wait.start_ns, WakeText("sched_waking", task, wait, wait.waking_target)});
    }
    if (wait.wakeup_ns != 0) {
      evidence.push_back(
          {wait.wakeup_cpu, wait.wakeup_ns,
           WakeText(wait.kind == WaitKind::kNew ? "sched_wakeup_new" : "sched_wakeup", task, wait, wait.cpu)});
    }
  }
  if (ended != nullptr) evidence.push_back({ended->event->cpu, ended->event->ts_ns, SwitchText(*ended, task)});
  return evidence;
}

Competitors CompetitorsOn(const CpuState& cpu, uint64_t start_ns, uint64_t end_ns, Rank rank, const SchedModel& model) {
  Competitors found;
  const auto add = [&](int32_t pid, Rank running, uint64_t ns) {
    if (pid == 0 || pid == RunLog::kNobody) return;
    for (Competitor& competitor : found.tasks) {
      if (competitor.pid != pid) continue;
      competitor.ns += ns;
      return;
    }
    const Task* const task = pid > 0 ? model.TaskOf(pid) : nullptr;
    found.tasks.push_back({pid, task == nullptr ? "" : std::string(task->comm()),
                           running == kStopRank ? Bucket::kMigration : BucketOfTask(running, rank), ns});
  };
  const bool all = cpu.runs.ForEachBack(start_ns, end_ns, [&](const RunLog::Run& run, uint64_t run_end_ns) {
    const uint64_t from_ns = std::max(run.start_ns, start_ns);
    if (run.pid != RunLog::kNobody) found.covered_ns += run_end_ns - from_ns;
    add(run.pid, run.rank, run_end_ns - from_ns);
  });
  Competitors in_stretches;
  if (!all) {
    std::swap(found, in_stretches);
    found.covered_ns = cpu.runs.ForEachStretch(start_ns, end_ns, add);
    if (found.covered_ns < in_stretches.covered_ns) std::swap(found, in_stretches);
  }
  std::stable_sort(found.tasks.begin(), found.tasks.end(),
                   [](const Competitor& a, const Competitor& b) { return a.ns > b.ns; });
  return found;
}

void SetWaker(WakeContext context, int32_t pid, const SchedModel& model, Finding* finding) {
  if (context != WakeContext::kTask || pid < 0) return;
  finding->waker_pid = pid;
  const Task* const waker = model.TaskOf(pid);
  if (waker != nullptr) finding->waker_comm = waker->comm();
}

Finding WaitFinding(std::string_view check, const Wait& wait, const Task& task, const Step* ended, uint64_t end_ns,
                    const SchedModel& model) {
  const CpuState& cpu = ended != nullptr ? *ended->cpu : model.cpu(wait.cpu);
  const DelayCause cause = CauseOfWait(wait, SplitOf(task, ended, model), end_ns, cpu);
  Finding finding;
  finding.check = check;
  finding.cls = cause.cls;
  finding.confidence = Confidence::kProven;
  finding.pid = task.pid;
  finding.comm = task.comm();
  finding.cpu = static_cast<int32_t>(cpu.cpu);
  finding.start_ns = wait.start_ns;
  finding.end_ns = end_ns;
  finding.waited_ns = end_ns - wait.start_ns;
  if (wait.kind != WaitKind::kPreempted) SetWaker(wait.context, wait.waker_pid, model, &finding);
  finding.evidence = EvidenceOf(wait, task, ended);
  const std::string_view how = wait.kind == WaitKind::kPreempted ? "was preempted and waited " : "waited ";
  finding.explanation = std::string(task.comm()) + " " + std::string(how) + MillisText(finding.waited_ns) +
                        " for CPU " + std::to_string(cpu.cpu);
  if (wait.kind != WaitKind::kPreempted && wait.has_waking && wait.wakeup_ns != 0) {
    finding.explanation += " (" + MillisText(wait.wakeup_ns - wait.start_ns) + " until its wakeup was delivered, " +
                           MillisText(end_ns - wait.wakeup_ns) + " on the run queue)";
  }
  finding.explanation += ": " + cause.explanation;
  finding.explanation += CompetitorsText(CompetitorsOn(
      model.cpu(wait.cpu), wait.wakeup_ns == 0 ? wait.start_ns : wait.wakeup_ns, end_ns, wait.rank, model));
  if (cause.cls == "pile-up" && wait.ahead > 0) {
    finding.explanation += "; fair tasks in front of it: " + std::to_string(wait.ahead) +
                           ", for which slices alone would take " + MillisText(SliceBound(wait)) +
                           " (a comparison, not a rule)";
  }
  if (ended == nullptr) finding.explanation += "; it had not run when the trace ended";
  return finding;
}

}  // namespace wakewatch
