// What TaskTable does between events: it takes in what /proc said as its time comes, retires tasks, and is saved and
// loaded. The rest is in task_table.cc.
#include <algorithm>
#include <set>
#include <string>
#include <tuple>
#include <unordered_set>
#include <utility>

#include "analysis/model/task_table.h"

namespace wakewatch {
namespace {

bool Runs(const Task& task, std::span<const CpuState> cpus) {
  return std::any_of(cpus.begin(), cpus.end(), [&](const CpuState& cpu) { return cpu.current == &task; });
}

}  // namespace

void TaskTable::CatchUp(uint64_t now_ns, std::span<const CpuState> cpus) {
  TakeInfos(now_ns);
  if (on_retire_) RetireDue(now_ns, cpus);
  due_ns_ = upcoming_.empty() ? UINT64_MAX : upcoming_.front().since_ns;
  if (!deaths_.empty()) due_ns_ = std::min(due_ns_, deaths_.front().ns + kDeadNamedNs + 1);
}

void TaskTable::TakeInfos(uint64_t now_ns) {
  for (taken_ = std::max(taken_, infos_->first()); taken_ != infos_->added(); ++taken_) {
    Take(infos_->Number(taken_), now_ns);
    begun_ = true;
  }
  while (!upcoming_.empty() && upcoming_.front().since_ns <= now_ns) {
    std::pop_heap(upcoming_.begin(), upcoming_.end(), Later);
    Learn(upcoming_.back().pid, std::move(upcoming_.back().known));
    upcoming_.pop_back();
  }
  // About tasks that no event named, or that were given up.
  if (on_retire_ && known_.size() > 2 * limits_.tasks_max) {
    std::erase_if(known_, [this](const auto& item) { return Holder(item.first) == nullptr; });
  }
}

void TaskTable::Take(const ThreadInfo& info, uint64_t now_ns) {
  if (info.pid == 0) return;
  Known known{info.first_seen_ns, info.flags, cpu_sets_.Of(info.affinity), info.from_inventory, info.comm};
  if (info.first_seen_ns <= now_ns) return Learn(info.pid, std::move(known));
  upcoming_.push_back({info.first_seen_ns, numbered_++, info.pid, std::move(known)});
  std::push_heap(upcoming_.begin(), upcoming_.end(), Later);
}

void TaskTable::Learn(int32_t pid, Known known) {
  Known& place = known_[pid];
  if (known.since_ns < place.since_ns) return;  // it comes late, and something newer is known
  place = std::move(known);
  Task* const task = Holder(pid);
  // The dead stay as they were: what is said of their pid now is about a zombie, or about whoever comes next.
  if (task == nullptr || task->state == TaskState::kDead || place.since_ns < task->not_before_ns) return;
  Describe(place, task);
  relearnt_.push_back(task);
}

void TaskTable::RetireDead(const TaskLimits& limits, std::function<void(const Task&)> on_retire) {
  limits_ = limits;
  on_retire_ = std::move(on_retire);
}

void TaskTable::Died(const Task& task) {
  if (!on_retire_) return;
  deaths_.push_back({task.state_ns, task.index});
  due_ns_ = std::min(due_ns_, task.state_ns + kDeadNamedNs + 1);
}

bool TaskTable::StillDead(const Death& death) const {
  const Task& task = tasks_[death.index];
  return !task.retired && task.state == TaskState::kDead && task.state_ns == death.ns;
}

void TaskTable::RetireDue(uint64_t now_ns, std::span<const CpuState> cpus) {
  while (!deaths_.empty() && now_ns > deaths_.front().ns && now_ns - deaths_.front().ns > kDeadNamedNs) {
    const Death death = deaths_.front();
    deaths_.pop_front();
    if (!StillDead(death)) continue;
    Task* const task = &tasks_[death.index];
    if (IsKernelThread(task->kind) || Runs(*task, cpus)) {
      dead_kthreads_.push_back(death);
    } else {
      Retire(task);
    }
  }
  while (dead_kthreads_.size() > limits_.dead_kthreads_max) {
    const Death death = dead_kthreads_.front();
    dead_kthreads_.pop_front();
    if (!StillDead(death)) continue;
    // It died and is believed to be on a CPU: only that CPU's next switch clears that up.
    if (Runs(tasks_[death.index], cpus)) {
      dead_kthreads_.push_back(death);
      break;
    }
    Retire(&tasks_[death.index]);
  }
  if (kept() > limits_.tasks_max) GiveUpSilent(cpus);
}

// Who waits goes last, and who sleeps in D, which may become a finding.
void TaskTable::GiveUpSilent(std::span<const CpuState> cpus) {
  std::unordered_set<const Task*> running;
  for (const CpuState& cpu : cpus) running.insert(cpu.current);
  const auto rank = [](const Task* task) {
    const bool hangs = task->state == TaskState::kSleeping && task->sleep_letter == 'D';
    return std::tuple(task->Waiting() || hangs, IsKernelThread(task->kind),
                      std::max(task->state_ns, task->first_seen_ns), task->index);
  };
  std::vector<Task*> silent;
  for (Task& task : tasks_) {
    if (!task.retired && !running.contains(&task)) silent.push_back(&task);
  }
  const size_t wanted = std::min(silent.size(), kept() - limits_.tasks_max + limits_.tasks_max / 4);
  const auto end = silent.begin() + static_cast<ptrdiff_t>(wanted);
  std::nth_element(silent.begin(), end, silent.end(), [&](const Task* a, const Task* b) { return rank(a) < rank(b); });
  for (auto it = silent.begin(); it != end; ++it) {
    if ((*it)->state != TaskState::kDead) ++given_up_;
    Retire(*it);
  }
}

void TaskTable::Retire(Task* task) {
  on_retire_(*task);
  if (Holder(task->pid) == task) {
    Put(task->pid, nullptr);
    const auto known = known_.find(task->pid);
    const bool said_of_it =
        known != known_.end() && task->state == TaskState::kDead && known->second.since_ns <= task->state_ns;
    if (said_of_it) known_.erase(known);
  }
  const uint32_t index = task->index;
  *task = Task{};
  task->index = index;
  task->retired = true;
  free_.push_back(index);
}

void TaskTable::Save(ArchiveWriter& archive) const {
  Fields(*this, archive);
  archive(tasks_);
  for (const Task& task : tasks_) archive(Holder(task.pid) == &task);
}

void TaskTable::Load(uint64_t now_ns, ArchiveReader& archive) {
  Fields(*this, archive);
  archive(tasks_);
  size_t retired = 0;
  for (uint32_t index = 0; index < tasks_.size() && archive.ok(); ++index) {
    Task& task = tasks_[index];
    task.index = index;
    bool holds = false;
    archive(holds);
    if (holds && (task.retired || task.pid == 0 || Holder(task.pid) != nullptr)) return archive.Spoil();
    if (holds) Put(task.pid, &task);
    if (task.retired) ++retired;
  }
  std::vector<bool> is_free(tasks_.size());
  for (const uint32_t index : free_) {
    if (index >= tasks_.size() || !tasks_[index].retired || is_free[index]) return archive.Spoil();
    is_free[index] = true;
  }
  if (free_.size() != retired) archive.Spoil();
  for (const auto* deaths : {&deaths_, &dead_kthreads_}) {
    for (const Death& death : *deaths) {
      if (death.index >= tasks_.size()) archive.Spoil();
    }
  }
  std::make_heap(upcoming_.begin(), upcoming_.end(), Later);
  std::set<std::tuple<uint64_t, int32_t, std::string>> saved;
  for (const Upcoming& upcoming : upcoming_) saved.emplace(upcoming.since_ns, upcoming.pid, upcoming.known.comm);
  const bool begun = begun_;
  for (taken_ = infos_->first(); taken_ != infos_->added(); ++taken_) {
    const ThreadInfo& info = infos_->Number(taken_);
    begun_ = true;  // what is taken here is not to be taken again by the next one who loads
    if (begun && info.first_seen_ns <= now_ns) continue;
    if (!saved.contains({info.first_seen_ns, info.pid, info.comm})) Take(info, now_ns);
  }
  due_ns_ = 0;
}

}  // namespace wakewatch
