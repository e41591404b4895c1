// What wakes do to tasks: waking, wakeup, wakeup_new, and moves between run queues. The rest is in sched_model.cc.
#include <algorithm>

#include "analysis/model/sched_model.h"

namespace wakewatch {
namespace {

// A wakeup this far in front of its own waking is out of order; farther apart they do not belong together.
constexpr uint64_t kSkewMaxNs = 1'000'000;
// Shorter deliveries are not looked into: they are no finding's cause.
constexpr uint64_t kDeliveryOfNoteNs = 1'000'000;

}  // namespace

void SchedModel::BeginWake(Task* task, const Event& event) {
  DropWait(task);
  Wait& wait = task->wait;
  wait.Begin(WaitKind::kWake, event.ts_ns);
  wait.has_waking = true;
  wait.context = ContextOf(event);
  wait.waker_pid = event.pid;
  wait.waker_cpu = event.cpu;
  wait.prio = event.wake.prio;
  wait.rank = RankOf(wait.prio, task->kind);
  wait.waking_target = event.wake.target_cpu;
  if (CpuState* const target = Seen(event.wake.target_cpu)) {
    wait.cpu = target->cpu;
    wait.idle_target = target->Idle();
    wait.usage_at = target->UsageAt(event.ts_ns);
  } else {
    wait.usage_at = CpuUsage{};
  }
}

void SchedModel::OnWaking(CpuState*, const Event& event) {
  has_waking_ = true;
  if (event.wake.pid == 0) return;
  Task* const task = tasks_.Of(event.wake.pid, event.ts_ns);
  step_.task = task;
  tasks_.SetComm(task, event, event.wake.comm);
  switch (task->state) {
    case TaskState::kSleeping:
      if (!Dark(task->state_ns, *task)) step_.slept_since_ns = task->sleep_ns;
      BeginWake(task, event);
      BeWaking(task, event);
      return;
    case TaskState::kRunning:
      BeginWake(task, event);
      task->state = TaskState::kRunningWoken;  // since when it runs stays in state_ns
      return;
    case TaskState::kRunningWoken: return;
    case TaskState::kReady:
      if (task->wait.kind == WaitKind::kPreempted) return;  // legal between setting its state and schedule()
      if (IsLateWaking(*task, event)) {
        skew_ns_ = std::max(skew_ns_, event.ts_ns - task->wait.wakeup_ns);
        ++skew_pairs_;
        task->wait.void_from_start = false;
        task->wait.has_waking = true;
        task->wait.context = ContextOf(event);
        task->wait.waker_pid = event.pid;
        task->wait.waker_cpu = event.cpu;
        task->wait.waking_target = event.wake.target_cpu;
        return;
      }
      break;
    case TaskState::kUnknown:
      BeginWake(task, event);
      task->wait.from_unknown = true;
      BeWaking(task, event);
      return;
    case TaskState::kWaking:
    case TaskState::kNew:
    case TaskState::kDead: break;
  }
  Contradict(*task, Anomaly::kStateResync);
  BeginWake(task, event);
  task->wait.void_from_start = task->wait.accounted_for = true;
  BeWaking(task, event);
}

void SchedModel::BeWaking(Task* task, const Event& event) {
  task->state = TaskState::kWaking;
  task->state_ns = event.ts_ns;
  Join(task);
}

bool SchedModel::IsLateWaking(const Task& task, const Event& event) const {
  const Wait& wait = task.wait;
  return wait.kind == WaitKind::kWake && !wait.has_waking && wait.wakeup_cpu != event.cpu &&
         event.ts_ns - wait.wakeup_ns <= kSkewMaxNs;
}

void SchedModel::Deliver(Task* task, const Event& event) {
  Wait& wait = task->wait;
  wait.wakeup_ns = event.ts_ns;
  wait.wakeup_cpu = event.cpu;
  if (CpuState* const from = Seen(wait.cpu); from != nullptr && event.ts_ns - wait.start_ns >= kDeliveryOfNoteNs) {
    wait.delivery_usage = from->UsageAt(event.ts_ns).Since(wait.usage_at);
    wait.slow_delivery = true;
    wait.delivery_silent_ns = from->silences.LongestWithin(wait.start_ns, event.ts_ns);
  }
  CpuState* const target = Seen(event.wake.target_cpu);
  Queue(task, target != nullptr ? target : &cpus_[event.cpu]);
  if (wait.has_waking && wait.waker_cpu != event.cpu) ++skew_pairs_;
  task->cpu = static_cast<int32_t>(wait.cpu);
  if (event.wake.target_cpu >= 0) task->affinity.See(static_cast<uint32_t>(event.wake.target_cpu));
  task->state = TaskState::kReady;
  task->state_ns = event.ts_ns;
  Reseat(task);
}

void SchedModel::BeginAtWakeup(Task* task, const Event& event) {
  DropWait(task);
  Wait& wait = task->wait;
  wait.Begin(WaitKind::kWake, event.ts_ns);
  wait.context = ContextOf(event);
  wait.waker_pid = event.pid;
  wait.waker_cpu = event.cpu;
  wait.prio = event.wake.prio;
  wait.rank = RankOf(wait.prio, task->kind);
  wait.void_from_start = has_waking_;
  Join(task);
  Deliver(task, event);
}

void SchedModel::OnWakeup(CpuState*, const Event& event) {
  if (event.wake.pid == 0) return;
  Task* const task = tasks_.Of(event.wake.pid, event.ts_ns);
  step_.task = task;
  tasks_.SetComm(task, event, event.wake.comm);
  switch (task->state) {
    case TaskState::kWaking: Deliver(task, event); return;
    case TaskState::kRunningWoken:
      task->state = TaskState::kRunning;
      task->wait.kind = WaitKind::kNone;
      return;
    case TaskState::kRunning: return;
    case TaskState::kSleeping: {
      // Its waking is missing, or late by the clocks' skew, or this trace has none.
      const bool gap_may_be_why = Dark(task->state_ns);
      BeginAtWakeup(task, event);
      task->wait.accounted_for = gap_may_be_why;
      return;
    }
    case TaskState::kUnknown:
      BeginAtWakeup(task, event);
      task->wait.void_from_start = task->wait.accounted_for = task->wait.from_unknown = true;
      return;
    case TaskState::kReady:
      if (task->wait.kind == WaitKind::kPreempted) return;
      break;
    case TaskState::kNew:
    case TaskState::kDead: break;
  }
  Contradict(*task, Anomaly::kStateResync);
  BeginAtWakeup(task, event);
  task->wait.void_from_start = task->wait.accounted_for = true;
}

void SchedModel::OnWakeupNew(CpuState*, const Event& event) {
  if (event.wake.pid == 0) return;
  Task* const task = tasks_.Of(event.wake.pid, event.ts_ns);
  step_.task = task;
  tasks_.SetComm(task, event, event.wake.comm);
  const bool follows = task->state == TaskState::kNew || task->state == TaskState::kUnknown;
  if (!follows) Contradict(*task, Anomaly::kStateResync);
  BeginAtWakeup(task, event);
  task->wait.kind = WaitKind::kNew;
  task->wait.void_from_start = task->wait.accounted_for = !follows;
}

void SchedModel::OnMigrate(const Event& event) {
  if (event.migrate.pid == 0) return;
  Task* const task = tasks_.Of(event.migrate.pid, event.ts_ns);
  step_.task = task;
  if (event.migrate.dest_cpu >= 0) task->affinity.See(static_cast<uint32_t>(event.migrate.dest_cpu));
  Reseat(task);
  CpuState* const to = Seen(event.migrate.dest_cpu);
  if (to == nullptr) return;
  Wait& wait = task->wait;
  if (task->state == TaskState::kReady) {
    EndStay(&wait);
    ++wait.migrations;
    Queue(task, to);
  } else if (task->state == TaskState::kWaking) {
    wait.cpu = to->cpu;
    wait.idle_target = to->Idle();
    wait.usage_at = to->UsageAt(event.ts_ns);
  } else {
    return;
  }
  task->cpu = static_cast<int32_t>(to->cpu);
}

}  // namespace wakewatch
