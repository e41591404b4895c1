#include "analysis/checks/worker_log.h"

#include <algorithm>

namespace wakewatch {
namespace {

uint64_t Overlap(uint64_t from, uint64_t to, uint64_t start_ns, uint64_t end_ns) {
  const uint64_t low = std::max(from, start_ns), high = std::min(to, end_ns);
  return high > low ? high - low : 0;
}

// The span that overlaps most, if that is at least half.
template <typename Span>
struct Best {
  uint64_t start_ns, end_ns;
  const Span* span = nullptr;
  uint64_t overlap_ns = 0;

  void Offer(const Span& offered) {
    const uint64_t overlap = Overlap(offered.start_ns, offered.end_ns, start_ns, end_ns);
    if (overlap * 2 < end_ns - start_ns || overlap <= overlap_ns) return;
    span = &offered;
    overlap_ns = overlap;
  }
};

}  // namespace

const WorkerLog::Worker* WorkerLog::Find(int32_t pid) const {
  const auto found = workers_.find(pid);
  if (found == workers_.end()) return nullptr;
  const Worker& worker = found->second;
  if (worker.since_ns == kNotKnown) return &worker;
  const Task* const task = model_.TaskOf(pid);
  return task != nullptr && task->first_seen_ns == worker.since_ns ? &worker : nullptr;
}

WorkerLog::Worker& WorkerLog::Own(int32_t pid) {
  if (workers_.size() >= kWorkersMax && !workers_.contains(pid)) {
    given_up_ += workers_.size();
    workers_.clear();
  }
  if (Find(pid) == nullptr) workers_[pid] = Worker{};
  Worker& worker = workers_[pid];
  const Task* const task = model_.TaskOf(pid);
  worker.since_ns = task == nullptr ? kNotKnown : task->first_seen_ns;
  return worker;
}

void WorkerLog::Forget(const Task& task) {
  const auto found = workers_.find(task.pid);
  if (found != workers_.end() && found->second.since_ns == task.first_seen_ns) workers_.erase(found);
}

uint64_t WorkerLog::OnCpu(int32_t pid, uint64_t now_ns) const {
  const Task* const task = model_.TaskOf(pid);
  return task == nullptr ? 0 : task->OnCpuAt(now_ns);
}

void WorkerLog::Start(const Event& event, uint64_t work, uint64_t function) {
  Worker& worker = Own(event.pid);
  worker.current = Execution{work, function, event.ts_ns, 0, 0, event.pid, event.cpu};
  worker.on_cpu_at_start_ns = OnCpu(event.pid, event.ts_ns);
}

const WorkerLog::Execution* WorkerLog::End(const Event& event, uint64_t work) {
  if (Find(event.pid) == nullptr) return nullptr;
  Worker& worker = Own(event.pid);
  if (worker.current.start_ns == 0 || worker.current.work != work) return nullptr;
  worker.last = worker.current;
  worker.last.end_ns = event.ts_ns;
  worker.last.on_cpu_ns = OnCpu(event.pid, event.ts_ns) - worker.on_cpu_at_start_ns;
  worker.current = Execution{};
  const bool whole = !model_.Dark(worker.last.start_ns);
  if (whole && worker.last.end_ns - worker.last.start_ns >= span_min_ns_) worker.executions.Push() = worker.last;
  return &worker.last;
}

void WorkerLog::OnSwitch(const Step& step) {
  if (step.ended == nullptr || !step.measured) return;
  const uint64_t end_ns = step.event->ts_ns;
  if (end_ns - step.ended->start_ns < span_min_ns_ || !IsKernelThread(step.next->kind)) return;
  Waited& waited = Own(step.next->pid).waits.Push();
  waited = Waited{step.ended->start_ns, end_ns,
                  CauseOfWait(*step.ended, SplitOf(*step.next, &step, model_), end_ns, *step.cpu),
                  EvidenceOf(*step.ended, *step.next, &step)};
}

const WorkerLog::Execution* WorkerLog::Busy(int32_t pid, uint64_t start_ns, uint64_t end_ns) const {
  const Worker* const worker = Find(pid);
  if (worker == nullptr) return nullptr;
  Best<Execution> best{start_ns, end_ns};
  worker->executions.ForEach([&](const Execution& execution) { best.Offer(execution); });
  return best.span;
}

const WorkerLog::Waited* WorkerLog::Waiting(int32_t pid, uint64_t start_ns, uint64_t end_ns) const {
  const Worker* const worker = Find(pid);
  if (worker == nullptr) return nullptr;
  Best<Waited> best{start_ns, end_ns};
  worker->waits.ForEach([&](const Waited& waited) { best.Offer(waited); });
  return best.span;
}

const WorkerLog::Execution* WorkerLog::Last(int32_t pid) const {
  const Worker* const worker = Find(pid);
  return worker == nullptr || worker->last.end_ns == 0 ? nullptr : &worker->last;
}

}  // namespace wakewatch
