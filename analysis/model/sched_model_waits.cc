// What a wait is spent on: its stays on run queues, each split by what the CPU did meanwhile. The rest is in
// sched_model.cc. See delay_buckets.h for what the buckets mean.
#include <algorithm>

#include "analysis/model/sched_model.h"

namespace wakewatch {
namespace {

// The part of a real-time waiter's wait in which real-time tasks of these ranks ran.
struct RealTimeParts {
  uint64_t above_ns = 0, equal_ns = 0;
};

// Of the span that is open at `now_ns`, by its plain use.
RealTimeParts PartsAt(const CpuState& cpu, Rank rank, uint64_t now_ns) {
  if (!IsRealTime(rank)) return {};
  RealTimeParts parts{cpu.real_time_usage.Above(rank), cpu.real_time_usage.Of(rank)};
  if (cpu.use != Use::kRealTime || !cpu.seen || now_ns <= cpu.last_ns) return parts;
  if (cpu.rank < rank) parts.above_ns += now_ns - cpu.last_ns;
  if (cpu.rank == rank) parts.equal_ns += now_ns - cpu.last_ns;
  return parts;
}

}  // namespace

void SchedModel::Join(Task* task) { schedule_.Join(&task->affinity, task->wait.rank, now_ns_, &task->wait.place); }

void SchedModel::Queue(Task* task, CpuState* cpu) {
  Wait& wait = task->wait;
  wait.cpu = cpu->cpu;
  wait.queued = true;
  wait.queued_ns = now_ns_;
  wait.usage_at = cpu->UsageAt(now_ns_);
  if (IsRealTime(wait.rank)) [[unlikely]] {
    const RealTimeParts parts = PartsAt(*cpu, wait.rank, now_ns_);
    wait.real_time_above_at = parts.above_ns;
    wait.real_time_equal_at = parts.equal_ns;
  }
  if (cpu->seen && now_ns_ > cpu->last_ns && InTask(cpu->use)) AddArrival(*task, cpu);
  if (wait.migrations == 0) wait.ahead = cpu->queued + (cpu->task_use == Use::kFair && cpu->current != task ? 1 : 0);
  if (wait.rank == kFairRank) ++cpu->queued;
}

// A task that comes twice at one time is settled once.
void SchedModel::AddArrival(const Task& task, CpuState* cpu) const {
  for (auto arrival = cpu->arrivals.rbegin(); arrival != cpu->arrivals.rend() && arrival->ns == now_ns_; ++arrival) {
    if (arrival->task == task.index) return;
  }
  cpu->arrivals.push_back({task.index, now_ns_});
}

void SchedModel::Unqueue(Wait* wait) {
  if (!wait->queued) return;
  wait->queued = false;
  CpuState& cpu = cpus_[wait->cpu];
  if (wait->rank == kFairRank && cpu.queued > 0) --cpu.queued;
}

// The part of the wait on the run queue where it is now.
void SchedModel::AddStay(const Wait& wait, DelayBuckets* buckets, OffParts* off) const {
  const CpuState& cpu = cpus_[wait.cpu];
  // Differences of unsigned counters: what the copy expected too much of a use comes back with the open span.
  const uint64_t open_ns = cpu.seen && now_ns_ > cpu.last_ns ? now_ns_ - cpu.last_ns : 0;
  const auto used = [&](Use use) { return cpu.usage.Of(use) - wait.usage_at.Of(use) + (use == cpu.use ? open_ns : 0); };
  const uint64_t irq_off = used(Use::kIrqOff), real_time_off = used(Use::kRealTimeOff);
  off->irq_ns += irq_off;
  off->real_time_ns += real_time_off;
  buckets->Of(wait.migrations > 0 ? Bucket::kMigration : Bucket::kIdleExit) += used(Use::kIdle);
  buckets->Of(Bucket::kMigration) += used(Use::kStop);
  buckets->Of(Bucket::kHardirq) += used(Use::kHardirq);
  buckets->Of(Bucket::kSoftirq) += used(Use::kSoftirq);
  buckets->Of(Bucket::kOff) += used(Use::kPreemptOff) + irq_off + real_time_off;
  buckets->Of(BucketOfTask(kDeadlineRank, wait.rank)) += used(Use::kDeadline);
  buckets->Of(BucketOfTask(kFairRank, wait.rank)) += used(Use::kFair);
  const uint64_t real_time = used(Use::kRealTime);
  if (!IsRealTime(wait.rank)) [[likely]] {
    buckets->Of(BucketOfTask(kFirstRealTimeRank, wait.rank)) += real_time;
    return;
  }
  const RealTimeParts parts = PartsAt(cpu, wait.rank, now_ns_);
  const uint64_t above = parts.above_ns - wait.real_time_above_at, equal = parts.equal_ns - wait.real_time_equal_at;
  buckets->Of(Bucket::kHigher) += above;
  buckets->Of(Bucket::kEqual) += equal;
  buckets->Of(Bucket::kLower) += real_time - above - equal;
}

// It leaves that run queue and waits on.
void SchedModel::EndStay(Wait* wait) {
  if (!wait->has_earlier) {
    wait->has_earlier = true;
    wait->earlier = DelayBuckets{};
    wait->earlier_off = OffParts{};
  }
  AddStay(*wait, &wait->earlier, &wait->earlier_off);
  Unqueue(wait);
}

DelayBuckets SchedModel::BucketsAt(const Task& task, OffParts* off) const {
  DelayBuckets buckets;
  Split(task.wait, &buckets, off);
  return buckets;
}

void SchedModel::Split(const Wait& wait, DelayBuckets* buckets, OffParts* off) const {
  *buckets = wait.has_earlier ? wait.earlier : DelayBuckets{};
  *off = wait.has_earlier ? wait.earlier_off : OffParts{};
  const uint64_t wakeup_ns = wait.wakeup_ns == 0 ? now_ns_ : wait.wakeup_ns;
  buckets->Of(Bucket::kDelivery) = wakeup_ns - wait.start_ns;
  if (wait.queued) AddStay(wait, buckets, off);
  // Time in which nobody knows who was on the CPU: of a task that no switch named, in a gap, before its first event.
  const uint64_t known_ns = buckets->Total(), all_ns = now_ns_ - wait.start_ns;
  if (known_ns < all_ns) buckets->Of(Bucket::kUnexplained) = all_ns - known_ns;
}

// The span from cpu->last_ns turned out to be `off`: waits that came to the CPU within it took its beginning for time
// that its task ran.
void SchedModel::SettleArrivals(CpuState* cpu, Use off) {
  for (const CpuState::Arrival& arrival : cpu->arrivals) {
    Task* const task = tasks_.At(arrival.task);
    if (task == nullptr || !task->wait.queued) continue;
    Wait& wait = task->wait;
    if (wait.cpu != cpu->cpu || wait.queued_ns != arrival.ns) continue;
    const uint64_t before_ns = arrival.ns - cpu->last_ns;
    wait.usage_at.Subtract(cpu->use, before_ns);
    wait.usage_at.Add(off, before_ns);
    if (cpu->use != Use::kRealTime) continue;
    if (cpu->rank < wait.rank) wait.real_time_above_at -= before_ns;
    if (cpu->rank == wait.rank) wait.real_time_equal_at -= before_ns;
  }
}

// Its place among the waiting tasks follows what is known of where it may run, and its rank.
void SchedModel::Reseat(Task* task) {
  if (task->Waiting()) schedule_.Move(&task->affinity, task->wait.rank, now_ns_, &task->wait.place);
}

void SchedModel::OnSetPrio(const Event& event) {
  if (event.task.pid == 0) return;
  Task* const task = tasks_.Of(event.task.pid, event.ts_ns);
  step_.task = task;
  const Rank rank = RankOf(static_cast<int32_t>(event.task.value), task->kind);
  if (task->OnCpu()) {
    if (task->state == TaskState::kRunningWoken) task->wait.rank = rank;
    // What it counts as in others' buckets stays as it was when it was switched to.
    CpuState* const cpu = Seen(task->cpu);
    if (cpu != nullptr && cpu->current == task) schedule_.Runs(cpu->cpu, rank);
    return;
  }
  if (!task->Waiting() || rank == task->wait.rank) return;
  Wait& wait = task->wait;
  if (!wait.queued) {
    wait.rank = rank;
    return Reseat(task);
  }
  EndStay(&wait);
  wait.rank = rank;
  Queue(task, &cpus_[wait.cpu]);
  Reseat(task);
}

}  // namespace wakewatch
