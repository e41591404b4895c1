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

uint64_t WorkerLog::OnCpu(int32_t pid, uint64_t now_ns) const {
  const Task* const task = model_.TaskOf(pid);
  return task == nullptr ? 0 : task->OnCpuAt(now_ns);
}

void WorkerLog::Start(const Event& event, uint64_t work, uint64_t function) {
  Worker& worker = workers_[event.pid];
  worker.current = Execution{work, function, event.ts_ns, 0, 0, event.pid, event.cpu};
  worker.on_cpu_at_start_ns = OnCpu(event.pid, event.ts_ns);
}

const WorkerLog::Execution* WorkerLog::End(const Event& event, uint64_t work) {
  const auto found = workers_.find(event.pid);
  if (found == workers_.end()) return nullptr;
  Worker& worker = found->second;
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
  Waited& waited = workers_[step.next->pid].waits.Push();
  waited = Waited{step.ended->start_ns, end_ns, CauseOfWait(*step.ended, end_ns, *step.cpu),
                  EvidenceOf(*step.ended, *step.next, &step)};
}

const WorkerLog::Execution* WorkerLog::Busy(int32_t pid, uint64_t start_ns, uint64_t end_ns) const {
  const auto found = workers_.find(pid);
  if (found == workers_.end()) return nullptr;
  Best<Execution> best{start_ns, end_ns};
  found->second.executions.ForEach([&](const Execution& execution) { best.Offer(execution); });
  return best.span;
}

const WorkerLog::Waited* WorkerLog::Waiting(int32_t pid, uint64_t start_ns, uint64_t end_ns) const {
  const auto found = workers_.find(pid);
  if (found == workers_.end()) return nullptr;
  Best<Waited> best{start_ns, end_ns};
  found->second.waits.ForEach([&](const Waited& waited) { best.Offer(waited); });
  return best.span;
}

const WorkerLog::Execution* WorkerLog::Last(int32_t pid) const {
  const auto found = workers_.find(pid);
  return found == workers_.end() || found->second.last.end_ns == 0 ? nullptr : &found->second.last;
}

}  // namespace wakewatch
