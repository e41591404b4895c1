#include "analysis/checks/delay_cause.h"

#include <cstdio>

namespace wakewatch {
namespace {

std::string Percent(uint64_t part, uint64_t whole) {
  return std::to_string(whole == 0 ? 0 : part * 100 / whole) + " %";
}

bool Half(uint64_t part, uint64_t whole) { return whole > 0 && part >= whole - whole / 2; }

std::string CpuText(uint32_t cpu) { return "CPU " + std::to_string(cpu); }

DelayCause CauseOfDelivery(const Wait& wait) {
  const uint64_t time_ns = wait.wakeup_ns - wait.start_ns;
  const CpuUsage used = wait.slow_delivery ? wait.delivery_usage : CpuUsage{};
  const std::string cpu = CpuText(wait.cpu);
  if (wait.slow_delivery && Half(wait.delivery_silent_ns, time_ns)) {
    return {"irq-off", cpu + " was busy and took no interrupt for " + Percent(wait.delivery_silent_ns, time_ns) +
                           " of the delivery"};
  }
  if (wait.idle_target || Half(used.Of(Use::kIdle), time_ns)) {
    return {"idle-exit", cpu + " was idle and took that long to come out of it"};
  }
  if (Half(used.Of(Use::kHardirq), time_ns)) return {"hardirq", cpu + " ran hard interrupt handlers"};
  if (Half(used.Of(Use::kSoftirq), time_ns)) return {"softirq", cpu + " ran softirqs"};
  return {"delivery", "the wakeup took that long to reach " + cpu};
}

std::string WakeText(std::string_view event, const Task& task, const Wait& wait, int64_t target_cpu) {
  return std::string(event) + " comm=" + std::string(task.comm()) + " pid=" + std::to_string(task.pid) +
         " prio=" + std::to_string(wait.prio) + " target_cpu=" + std::to_string(target_cpu);
}

std::string SwitchText(const Step& step, const Task& task) {
  const Event::Switch& sw = step.event->sw;
  const std::string prev = step.prev != nullptr ? std::string(step.prev->comm()) : "swapper";
  return "sched_switch prev_comm=" + prev + " prev_pid=" + std::to_string(sw.prev_pid) +
         " prev_prio=" + std::to_string(sw.prev_prio) + " next_comm=" + std::string(task.comm()) +
         " next_pid=" + std::to_string(sw.next_pid) + " next_prio=" + std::to_string(sw.next_prio);
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
  const Row rows[] = {
      {waiter_is_real_time ? 0 : used.Of(Use::kRealTime), "real-time", " ran real-time tasks for "},
      {used.Of(Use::kReschedPending), "preempt-off", " was to reschedule and did not for "},
      {cpu.silences.LongestWithin(start_ns, end_ns), "irq-off", " was busy and took no interrupt for "},
      {used.Of(Use::kHardirq), "hardirq", " ran hard interrupt handlers for "},
      {used.Of(Use::kSoftirq), "softirq", " ran softirqs for "},
      {used.Of(Use::kRealTime), "real-time", " ran real-time tasks for "},
      {used.Of(Use::kFair), waiter_is_real_time ? "unexplained" : "pile-up",
       " ran other tasks of its class or below for "},
      {used.Of(Use::kIdle), "idle-exit", " was idle for "},
  };
  for (const Row& row : rows) {
    if (Half(row.ns, time_ns))
      return {std::string(row.cls), CpuText(cpu.cpu) + row.what + Percent(row.ns, time_ns) + " of it"};
  }
  return {"unexplained", "nothing that " + CpuText(cpu.cpu) + " did took half of it"};
}

DelayCause CauseOfWait(const Wait& wait, uint64_t end_ns, const CpuState& cpu) {
  const uint64_t wakeup_ns = wait.wakeup_ns == 0 ? end_ns : wait.wakeup_ns;
  const uint64_t delivery_ns = wakeup_ns - wait.start_ns;
  const uint64_t queued_ns = end_ns - wakeup_ns;
  if (delivery_ns > queued_ns) return CauseOfDelivery(wait);
  CpuUsage used = cpu.UsageAt(end_ns).Since(wait.usage_at);
  if (wait.migrations > 0) used.Add(wait.usage_before);
  DelayCause cause = CauseOfUse(used, cpu, wakeup_ns, end_ns, wait.prio);
  if (cause.cls == "idle-exit" && wait.migrations > 0) {
    return {"migration", "it was moved between run queues " + std::to_string(wait.migrations) +
                             " times while a CPU that it waited for was idle"};
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

void SetWaker(WakeContext context, int32_t pid, const SchedModel& model, Finding* finding) {
  if (context != WakeContext::kTask || pid < 0) return;
  finding->waker_pid = pid;
  const Task* const waker = model.TaskOf(pid);
  if (waker != nullptr) finding->waker_comm = waker->comm();
}

Finding WaitFinding(std::string_view check, const Wait& wait, const Task& task, const Step* ended, uint64_t end_ns,
                    const SchedModel& model) {
  const CpuState& cpu = ended != nullptr ? *ended->cpu : model.cpu(wait.cpu);
  const DelayCause cause = CauseOfWait(wait, end_ns, cpu);
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
  if (ended != nullptr && ended->prev != nullptr && (cause.cls == "real-time" || cause.cls == "pile-up")) {
    finding.explanation += ", " + TaskText(*ended->prev) + " last";
  }
  if (ended == nullptr) finding.explanation += "; it had not run when the trace ended";
  return finding;
}

}  // namespace wakewatch
