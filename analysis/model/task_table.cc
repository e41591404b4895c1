#include "analysis/model/task_table.h"

#include <algorithm>
#include <cstring>

namespace wakewatch {
namespace {

// smpboot threads carry their CPU behind the slash and run nowhere else while it is online.
std::string_view CpuInName(ThreadKind kind, std::string_view comm) {
  switch (kind) {
    case ThreadKind::kKsoftirqd:
    case ThreadKind::kMigration:
    case ThreadKind::kCpuhp:
    case ThreadKind::kKtimers:
    case ThreadKind::kIdleInject: break;
    default: return {};
  }
  const size_t slash = comm.find('/');
  return slash == std::string_view::npos ? std::string_view() : comm.substr(slash + 1);
}

void SetCommText(Task* task, std::string_view comm) {
  task->comm_bytes = {};
  std::memcpy(task->comm_bytes.data(), comm.data(), std::min(comm.size(), Task::kCommBytes - 1));
}

}  // namespace

std::string_view Name(WakeContext context) {
  switch (context) {
    case WakeContext::kUnknown: return "unknown";
    case WakeContext::kTask: return "task";
    case WakeContext::kSoftirq: return "softirq";
    case WakeContext::kHardirq: return "hardirq";
  }
  return "unknown";
}

std::string_view Task::comm() const { return {comm_bytes.data(), strnlen(comm_bytes.data(), kCommBytes - 1)}; }

Task* TaskTable::Holder(int32_t pid) const {
  const auto at = static_cast<uint32_t>(pid);
  if (at < kDensePids) {
    const Page* const page = pages_[at / kPagePids].get();
    return page == nullptr ? nullptr : page->tasks[at % kPagePids];
  }
  const auto other = others_.find(pid);
  return other == others_.end() ? nullptr : other->second;
}

void TaskTable::Put(int32_t pid, Task* task) {
  const auto at = static_cast<uint32_t>(pid);
  if (at >= kDensePids) {
    if (task != nullptr) {
      others_[pid] = task;
    } else {
      others_.erase(pid);
    }
    return;
  }
  std::unique_ptr<Page>& page = pages_[at / kPagePids];
  if (page == nullptr) page = std::make_unique<Page>();
  Task*& slot = page->tasks[at % kPagePids];
  if (slot == nullptr && task != nullptr) ++page->used;
  if (slot != nullptr && task == nullptr) --page->used;
  slot = task;
  if (page->used == 0) page.reset();
}

Task* TaskTable::Find(int32_t pid, uint64_t now_ns) {
  Task* const holder = Holder(pid);
  if (holder == nullptr) return Make(pid, now_ns, 0);
  return Gone(*holder, now_ns) ? Make(pid, now_ns, holder->state_ns + 1) : holder;
}

Task* TaskTable::Make(int32_t pid, uint64_t now_ns, uint64_t not_before_ns) {
  Task* task = nullptr;
  if (free_.empty()) {
    task = &tasks_.emplace_back();
    task->index = static_cast<uint32_t>(tasks_.size() - 1);
  } else {
    task = &tasks_[free_.back()];
    free_.pop_back();
  }
  task->retired = false;
  task->pid = pid;
  task->first_seen_ns = now_ns;
  task->not_before_ns = not_before_ns;
  Put(pid, task);
  const auto known = known_.find(pid);
  if (known != known_.end() && known->second.since_ns >= not_before_ns) Describe(known->second, task);
  if (on_retire_ && kept() > limits_.tasks_max) due_ns_ = 0;
  return task;
}

void TaskTable::Describe(const Known& known, Task* task) {
  SetCommText(task, known.comm);
  task->affinity.set = known.cpus;
  task->only_cpu = cpu_sets_.Only(known.cpus);
  if (known.from_inventory && known.flags != 0) {
    task->kind = KindFromInventory(task->pid, known.flags, known.comm);
    task->kind_source = KindSource::kInventory;
  }
  Classify(task);
}

void TaskTable::Classify(Task* task) {
  const std::string_view comm = task->comm();
  switch (task->kind_source) {
    case KindSource::kInventory: break;
    case KindSource::kFork: task->kind = KindOfKthread(task->pid, comm); break;
    case KindSource::kName: task->kind = KindFromName(task->pid, comm); break;
  }
  if (task->only_cpu >= 0) return;
  const uint32_t named = cpu_sets_.Of(CpuInName(task->kind, comm));
  if (cpu_sets_.Only(named) < 0) return;
  task->affinity.set = named;
  task->only_cpu = cpu_sets_.Only(named);
}

void TaskTable::SetComm(Task* task, const Event& event, TextRef comm) {
  // Two loads decide in the usual case. A name of another size (__data_loc) takes the long way.
  if (comm.size == Task::kCommBytes && comm.offset + Task::kCommBytes <= event.record_size) [[likely]] {
    const uint8_t* const bytes = event.record + comm.offset;
    if (std::memcmp(bytes, task->comm_bytes.data(), Task::kCommBytes) == 0) [[likely]]
      return;
    std::memcpy(task->comm_bytes.data(), bytes, Task::kCommBytes);
    task->comm_bytes.back() = 0;
    Classify(task);
    return;
  }
  const std::string_view text = event.Text(comm);
  if (text.empty() || text.substr(0, Task::kCommBytes - 1) == task->comm()) return;
  SetCommText(task, text);
  Classify(task);
}

}  // namespace wakewatch
