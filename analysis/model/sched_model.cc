#include "analysis/model/sched_model.h"

#include <algorithm>

namespace wakewatch {
namespace {

constexpr size_t kCpusMax = UINT16_MAX + 1;  // that an event can name

}  // namespace

SchedModel::SchedModel(const TraceInput& input)
    : prev_states_(input.formats().prev_states()),
      metadata_(input.metadata()),
      kernel_version_(KernelVersion(input.metadata().kernel)),
      stale_sleep_kernel_(PrintsStaleSleeps(kernel_version_)),
      tasks_(input.metadata().threads),
      tick_(input.symbols()) {
  if (metadata_.loss_marked) return;
  for (const CpuStats& stats : metadata_.stats) {
    if (stats.overrun > 0) overwritten_.push_back(stats.cpu);
  }
}

const CpuState& SchedModel::cpu(uint32_t cpu) const {
  static const CpuState kNever;
  return cpu < cpus_.size() ? cpus_[cpu] : kNever;
}

void SchedModel::AddCpus(uint32_t last) {
  for (auto cpu = static_cast<uint32_t>(cpus_.size()); cpu <= last; ++cpu) cpus_.emplace_back().cpu = cpu;
}

bool SchedModel::Dark(uint64_t start_ns, const Task& task) const {
  if (!Dark(start_ns)) return false;
  if (task.only_cpu < 0) return true;
  const auto own = static_cast<uint32_t>(task.only_cpu);
  return own >= cpus_.size() || cpus_[own].dark_end_ns > start_ns ||
         std::ranges::find(overwritten_, own) != overwritten_.end();
}

const Step& SchedModel::Apply(const Event& event) {
  CpuState* const cpu = &Cpu(event.cpu);
  step_ = Step{};
  step_.event = &event;
  step_.cpu = cpu;
  now_ns_ = event.ts_ns;
  if (tasks_.Behind(now_ns_)) [[unlikely]] {
    tasks_.CatchUp(now_ns_, cpus_);
    for (Task* const task : tasks_.TakeRelearnt()) Reseat(task);
  }
  if (event.type == EventType::kGap) {
    OnGap(cpu, event);
  } else {
    Advance(cpu, event);
    // A switch is missing: somebody runs here of whom no rank is known.
    if (event.pid != cpu->current_pid && event.type != EventType::kSchedSwitch) [[unlikely]] {
      schedule_.Runs(cpu->cpu, ReferenceSchedule::kNobody);
    }
    Take(cpu, event);
  }
  schedule_.Settle(now_ns_);
  return step_;
}

void SchedModel::Take(CpuState* cpu, const Event& event) {
  switch (event.type) {
    case EventType::kSchedSwitch: OnSwitch(cpu, event); break;
    case EventType::kSchedWaking: OnWaking(cpu, event); break;
    case EventType::kSchedWakeup: OnWakeup(cpu, event); break;
    case EventType::kSchedWakeupNew: OnWakeupNew(cpu, event); break;
    case EventType::kSchedMigrateTask: OnMigrate(event); break;
    case EventType::kSchedProcessFork: OnFork(event); break;
    case EventType::kSchedProcessExit: OnExit(event); break;
    case EventType::kSchedProcessFree: OnFree(event); break;
    case EventType::kSchedPiSetprio: OnSetPrio(event); break;
    case EventType::kIrqEntry:
    case EventType::kIrqExit:
    case EventType::kSoftirqEntry:
    case EventType::kSoftirqExit:
    case EventType::kHrtimerExpireEntry: OnContext(cpu, event); break;
    default: break;
  }
}

void SchedModel::FirstEvent(CpuState* cpu, const Event& event) {
  cpu->seen = true;
  cpu->last_ns = event.ts_ns;
  cpu->current_pid = event.pid;
  cpu->current_known = event.pid == 0;
  cpu->rank = kIdleRank;
  cpu->task_use = event.pid == 0 ? Use::kIdle : Use::kUnknown;
  cpu->use = cpu->task_use;
  const bool idle = event.pid == 0 && !cpu->going_offline;
  schedule_.Runs(cpu->cpu, idle ? kIdleRank : ReferenceSchedule::kNobody);
  // The kernel says that this buffer overflowed, and no page says where: perhaps in front of its first event.
  if (std::erase(overwritten_, cpu->cpu) == 0 || cpu->dark_end_ns != 0) return;
  cpu->dark_end_ns = event.ts_ns;
  dark_end_ns_ = std::max(dark_end_ns_, event.ts_ns);
}

void SchedModel::Advance(CpuState* cpu, const Event& event) {
  if (!cpu->seen) [[unlikely]]
    FirstEvent(cpu, event);
  const uint64_t passed_ns = event.ts_ns - cpu->last_ns;
  Use use = cpu->use;
  if (InTask(use)) {
    const bool silent = passed_ns > tick_.silence_ns();
    if (silent) [[unlikely]]
      cpu->silences.Add(cpu->last_ns, event.ts_ns);
    if ((cpu->last_flags & event.flags & kFlagNeedResched) != 0) {
      use = Use::kPreemptOff;
    } else if (silent && (event.flags & (kFlagNeedResched | kFlagNeedReschedLazy)) != 0) {
      use = Use::kIrqOff;
    }
    if (use != cpu->use && cpu->use <= Use::kRealTime) use = Use::kRealTimeOff;
    if (use != cpu->use && !cpu->arrivals.empty()) SettleArrivals(cpu, use);
  }
  cpu->usage.Add(use, passed_ns);
  if (use == Use::kRealTime) [[unlikely]]
    cpu->real_time_usage.Add(cpu->rank, passed_ns);
  cpu->arrivals.clear();
  cpu->last_ns = event.ts_ns;
  cpu->flags_before = cpu->last_flags;
  cpu->last_flags = event.flags;
}

void SchedModel::OnContext(CpuState* cpu, const Event& event) {
  switch (event.type) {
    case EventType::kIrqEntry:
      if (cpu->irq_depth < UINT8_MAX) ++cpu->irq_depth;
      break;
    case EventType::kIrqExit:
      if (cpu->irq_depth > 0) --cpu->irq_depth;
      break;
    case EventType::kSoftirqEntry: cpu->in_softirq = true; break;
    case EventType::kSoftirqExit: cpu->in_softirq = false; break;
    default:
      if (!tick_.IsTick(event.timer.function)) return;
      if (cpu->last_tick_ns != 0) tick_.Learn(event.ts_ns - cpu->last_tick_ns);
      cpu->last_tick_ns = event.ts_ns;
      return;
  }
  cpu->use = cpu->irq_depth > 0 ? Use::kHardirq : cpu->in_softirq ? Use::kSoftirq : cpu->task_use;
}

void SchedModel::OnSwitch(CpuState* cpu, const Event& event) {
  step_.prev = Leave(cpu, event);
  step_.next = Enter(cpu, event);
  cpu->current = step_.next;
  cpu->current_pid = event.sw.next_pid;
  cpu->current_known = true;
  cpu->irq_depth = 0;
  cpu->in_softirq = false;
  if (event.sw.next_prio == kPrioUnknown) [[unlikely]]
    anomalies_.Add(Anomaly::kPrioMissing);
  const Rank before = cpu->rank;
  const Rank rank = step_.next == nullptr ? kIdleRank : RankOf(event.sw.next_prio, step_.next->kind);
  if (step_.next != nullptr && step_.next->kind == ThreadKind::kCpuhp) cpu->hotplug = true;
  Run(cpu, rank);
  // The last that a CPU does on its way down: its migration thread takes it out, then it is idle for good.
  const bool from_migration = step_.prev != nullptr && step_.prev->kind == ThreadKind::kMigration;
  cpu->going_offline = cpu->hotplug && rank == kIdleRank && from_migration;
  if (cpu->going_offline) schedule_.Runs(cpu->cpu, ReferenceSchedule::kNobody);
  cpu->runs.Add({event.ts_ns, event.sw.next_pid, rank});
  if (IsRealTime(rank) || IsRealTime(before)) {
    cpu->real_time_log.Note(event.ts_ns, cpu->usage.Of(Use::kRealTime));
  }
}

// A task of `rank` was switched to.
void SchedModel::Run(CpuState* cpu, Rank rank) {
  cpu->rank = rank;
  cpu->task_use = cpu->use = UseOf(rank);
  schedule_.Runs(cpu->cpu, rank);
}

Task* SchedModel::Leave(CpuState* cpu, const Event& event) {
  const Event::Switch& sw = event.sw;
  if (cpu->current_known && cpu->current_pid != sw.prev_pid) [[unlikely]] {
    // T6. Real kernels show unmarked missing switches now and then: tolerated, and counted.
    anomalies_.Add(Anomaly::kMissingSwitch);
    if (cpu->current != nullptr) Lose(cpu->current);
    step_.lost = cpu->current;
  }
  if (sw.prev_pid == 0) return nullptr;
  Task* const task = tasks_.Of(sw.prev_pid, event.ts_ns);
  tasks_.SetComm(task, event, sw.prev_comm);
  task->prio = sw.prev_prio;
  BeRunning(task);
  step_.prev_since_ns = task->state_ns;
  if (task->state_ns != 0) task->on_cpu_ns += event.ts_ns - task->state_ns;
  SwitchOut(task, cpu, event);
  return task;
}

// A switch away from `task` shows that it was on the CPU: corrects what was believed of it.
void SchedModel::BeRunning(Task* task) {
  switch (task->state) {
    case TaskState::kRunning:
    case TaskState::kRunningWoken: return;
    case TaskState::kUnknown: break;
    case TaskState::kWaking:
      if (task->wait.from_unknown) {
        // It was on its CPU all along when it was woken; T5 is what follows.
        LeaveSchedule(&task->wait);
        task->state = TaskState::kRunningWoken;
        task->state_ns = 0;
        return;
      }
      Contradict(*task, Anomaly::kStateResync);
      break;
    default:
      if (!task->wait.from_unknown) Contradict(*task, Anomaly::kStateResync);
      break;
  }
  DropWait(task);
  task->state = TaskState::kRunning;
  task->state_ns = 0;
}

void SchedModel::DropWait(Task* task) {
  if (task->Waiting()) ++task->dropped_waits;
  LeaveSchedule(&task->wait);
  task->wait.kind = WaitKind::kNone;
}

void SchedModel::LeaveSchedule(Wait* wait) {
  Unqueue(wait);
  schedule_.Leave(now_ns_, &wait->place);
}

void SchedModel::SwitchOut(Task* task, CpuState* cpu, const Event& event) {
  const uint32_t raw = event.sw.prev_state;
  task->cpu = static_cast<int32_t>(cpu->cpu);
  task->affinity.See(cpu->cpu);
  const bool woken = task->state == TaskState::kRunningWoken;
  task->state_ns = event.ts_ns;
  if (prev_states_.Runnable(raw)) {
    Wait& wait = task->wait;
    wait.Begin(WaitKind::kPreempted, event.ts_ns);
    wait.wakeup_ns = event.ts_ns;
    wait.prio = event.sw.prev_prio;
    wait.rank = RankOf(wait.prio, task->kind);
    wait.wakeup_cpu = wait.waker_cpu = cpu->cpu;
    wait.preempted_in_kernel = prev_states_.PreemptedInKernel(raw);
    task->state = TaskState::kReady;
    Join(task);
    Queue(task, cpu);
    return;
  }
  task->sleep_letter = prev_states_.Letter(raw);
  if (task->sleep_letter == 'X' || task->sleep_letter == 'Z') {
    task->state = TaskState::kDead;
    task->wait.kind = WaitKind::kNone;
    tasks_.Died(*task);
    return;
  }
  task->sleep_ns = event.ts_ns;
  // T5: the waker waits until the task is off its CPU, then delivers.
  task->state = woken ? TaskState::kWaking : TaskState::kSleeping;
  if (woken) Join(task);
}

Task* SchedModel::Enter(CpuState* cpu, const Event& event) {
  const Event::Switch& sw = event.sw;
  if (sw.next_pid == 0) return nullptr;
  Task* const task = tasks_.Of(sw.next_pid, event.ts_ns);
  tasks_.SetComm(task, event, sw.next_comm);
  switch (task->state) {
    case TaskState::kReady: EndWait(task); break;
    case TaskState::kWaking:
      // T1, T2: the wakeup between is missing.
      Contradict(*task, Anomaly::kStateResync);
      task->wait.void_from_start = task->wait.accounted_for = true;
      EndWait(task);
      break;
    case TaskState::kSleeping:
    case TaskState::kNew:
      // T3. The stop class's threads also start this way on a CPU that comes online.
      if (task->sleep_letter == 'S' && stale_sleep_kernel_) {
        Contradict(*task, Anomaly::kStaleSleepState);
      } else if (task->kind != ThreadKind::kMigration) {
        Contradict(*task, Anomaly::kStateResync);
      }
      break;
    case TaskState::kRunning:
    case TaskState::kRunningWoken:
      if (task->cpu >= 0 && static_cast<size_t>(task->cpu) < cpus_.size()) {
        CpuState& elsewhere = cpus_[static_cast<size_t>(task->cpu)];
        if (elsewhere.current == task && &elsewhere != cpu) {
          elsewhere.current = nullptr;
          elsewhere.current_known = false;
          schedule_.Runs(elsewhere.cpu, ReferenceSchedule::kNobody);
        }
      }
      Contradict(*task, Anomaly::kStateResync);
      break;
    case TaskState::kDead: Contradict(*task, Anomaly::kStateResync); break;
    case TaskState::kUnknown: break;
  }
  task->state = TaskState::kRunning;
  task->state_ns = event.ts_ns;
  task->sleep_ns = 0;
  task->cpu = static_cast<int32_t>(cpu->cpu);
  task->affinity.See(cpu->cpu);
  task->prio = sw.next_prio;
  return task;
}

void SchedModel::EndWait(Task* task) {
  Wait& wait = task->wait;
  if (wait.kind == WaitKind::kNone) return;
  Split(wait, &wait.buckets, &wait.off);
  LeaveSchedule(&wait);
  step_.ended = &wait;  // stays as it is until the task's next wait begins
  step_.measured = !wait.void_from_start && !Dark(wait.start_ns, *task);
  if (wait.void_from_start && !wait.accounted_for) Contradict(*task, Anomaly::kStateResync);
  if (step_.measured) step_.slept_since_ns = task->sleep_ns;
}

void SchedModel::OnFork(const Event& event) {
  const Event::Fork& fork = event.fork;
  if (fork.child_pid == 0) return;
  // Whoever had the pid died unseen.
  if (Task* const former = tasks_.Holder(fork.child_pid)) Die(former, event.ts_ns);
  Task* const task = tasks_.Replace(fork.child_pid, event.ts_ns);
  step_.task = task;
  task->state = TaskState::kNew;
  task->state_ns = event.ts_ns;
  constexpr int32_t kKthreaddPid = 2;
  if (fork.parent_pid == kKthreaddPid && task->kind_source != KindSource::kInventory) {
    task->kind_source = KindSource::kFork;
    task->kind = KindOfKthread(fork.child_pid, task->comm());
  }
  tasks_.SetComm(task, event, fork.child_comm);
}

void SchedModel::OnExit(const Event& event) {
  if (event.task.pid == 0) return;
  step_.task = tasks_.Of(event.task.pid, event.ts_ns);
  step_.task->exiting = true;
}

void SchedModel::OnFree(const Event& event) {
  if (event.task.pid == 0) return;
  Task* task = tasks_.Holder(event.task.pid);
  if (task == nullptr) task = tasks_.Of(event.task.pid, event.ts_ns);
  step_.task = task;
  Die(task, event.ts_ns);
}

void SchedModel::Die(Task* task, uint64_t now_ns) {
  if (task->state == TaskState::kDead) return;
  DropWait(task);
  task->state = TaskState::kDead;
  task->state_ns = now_ns;
  tasks_.Died(*task);
}

void SchedModel::OnGap(CpuState* cpu, const Event& event) {
  cpu->dark_end_ns = std::max(cpu->dark_end_ns, event.gap.end_ns);
  dark_end_ns_ = std::max(dark_end_ns_, event.gap.end_ns);
  if (cpu->current != nullptr) {
    Lose(cpu->current);
    step_.lost = cpu->current;
  }
  cpu->current = nullptr;
  cpu->current_known = false;
  cpu->arrivals.clear();
  cpu->runs.Add({event.ts_ns, RunLog::kNobody, kIdleRank});
  schedule_.Runs(cpu->cpu, ReferenceSchedule::kNobody);
  cpu->seen = false;
  cpu->in_softirq = false;
  cpu->irq_depth = 0;
  cpu->last_flags = 0;
  cpu->last_tick_ns = 0;
}

void SchedModel::Lose(Task* task) {
  DropWait(task);
  task->state = TaskState::kUnknown;
  task->state_ns = 0;
  task->sleep_ns = 0;
}

void SchedModel::Contradict(const Task& task, Anomaly anomaly) {
  const bool known_since_start = task.state_ns != 0;
  if (known_since_start && !Dark(task.state_ns)) anomalies_.Add(anomaly);
}

void SchedModel::RetireDead(const TaskLimits& limits, std::function<void(const Task&)> on_retire) {
  tasks_.RetireDead(limits, [this, on_retire = std::move(on_retire)](const Task& task) {
    LeaveSchedule(&tasks_.At(task.index)->wait);
    on_retire(task);
  });
}

void SchedModel::Save(ArchiveWriter& archive) const {
  Fields(*this, archive);
  tasks_.Save(archive);
  // 0: nobody who is known.
  for (const CpuState& cpu : cpus_) archive(cpu.current == nullptr ? uint64_t{0} : cpu.current->index + uint64_t{1});
}

void SchedModel::Load(ArchiveReader& archive) {
  Fields(*this, archive);
  if (cpus_.size() > kCpusMax) archive.Spoil();
  tasks_.Load(now_ns_, archive);
  tasks_.ForEach([&](const Task& task) {
    if (!schedule_.Holds(task.wait.place) || (task.wait.queued && task.wait.cpu >= cpus_.size())) archive.Spoil();
  });
  for (uint32_t number = 0; number < cpus_.size() && archive.ok(); ++number) {
    CpuState& cpu = cpus_[number];
    cpu.cpu = number;
    uint64_t current = 0;
    archive(current);
    if (current == 0) continue;
    cpu.current = tasks_.At(current - 1);
    if (cpu.current == nullptr) archive.Spoil();
  }
}

}  // namespace wakewatch
