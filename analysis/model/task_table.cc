#include "analysis/model/task_table.h"

#include <algorithm>
#include <cstring>

#include "analysis/base/cpu_list.h"

namespace wakewatch {
namespace {

// The CPU of an affinity list that names exactly one; -1 otherwise.
int32_t OnlyCpuOf(std::string_view affinity) {
  const auto cpus = ParseCpuList(affinity);
  return cpus && cpus->size() == 1 ? static_cast<int32_t>(cpus->front()) : -1;
}

// smpboot threads carry their CPU behind the slash and run nowhere else while it is online.
int32_t CpuOfName(ThreadKind kind, std::string_view comm) {
  switch (kind) {
    case ThreadKind::kKsoftirqd:
    case ThreadKind::kMigration:
    case ThreadKind::kCpuhp:
    case ThreadKind::kKtimers:
    case ThreadKind::kIdleInject: break;
    default: return -1;
  }
  const size_t slash = comm.find('/');
  return slash == std::string_view::npos ? -1 : OnlyCpuOf(comm.substr(slash + 1));
}

void Classify(Task* task) {
  const std::string_view comm = task->comm();
  switch (task->kind_source) {
    case KindSource::kInventory: break;
    case KindSource::kFork: task->kind = KindOfKthread(task->pid, comm); break;
    case KindSource::kName: task->kind = KindFromName(task->pid, comm); break;
  }
  if (task->only_cpu < 0) task->only_cpu = CpuOfName(task->kind, comm);
}

void SetCommText(Task* task, std::string_view comm) {
  task->comm_bytes = {};
  std::memcpy(task->comm_bytes.data(), comm.data(), std::min(comm.size(), Task::kCommBytes - 1));
}

void Describe(const ThreadInfo& info, Task* task) {
  SetCommText(task, info.comm);
  task->only_cpu = OnlyCpuOf(info.affinity);
  if (info.from_inventory && info.flags != 0) {
    task->kind = KindFromInventory(task->pid, info.flags, info.comm);
    task->kind_source = KindSource::kInventory;
  }
  Classify(task);
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

Task** TaskTable::SlotOf(int32_t pid) {
  const auto at = static_cast<uint32_t>(pid);
  if (at >= kDensePids) return &others_[pid];
  std::unique_ptr<Page>& page = pages_[at / kPagePids];
  if (page == nullptr) page = std::make_unique<Page>();
  return &(*page)[at % kPagePids];
}

const Task* TaskTable::Peek(int32_t pid) const {
  const auto at = static_cast<uint32_t>(pid);
  if (at < kDensePids) {
    const Page* const page = pages_[at / kPagePids].get();
    return page == nullptr ? nullptr : (*page)[at % kPagePids];
  }
  const auto other = others_.find(pid);
  return other == others_.end() ? nullptr : other->second;
}

Task* TaskTable::Find(int32_t pid, uint64_t now_ns) {
  Task** const slot = SlotOf(pid);
  if (*slot == nullptr) {
    *slot = Make(pid, now_ns);
    const auto known = known_->find(pid);
    if (known != known_->end()) Describe(known->second, *slot);
  }
  return *slot;
}

Task* TaskTable::Make(int32_t pid, uint64_t now_ns) {
  Task& task = tasks_.emplace_back();
  task.pid = pid;
  task.index = static_cast<uint32_t>(tasks_.size() - 1);
  task.first_seen_ns = now_ns;
  return &task;
}

Task* TaskTable::Replace(int32_t pid, uint64_t now_ns) {
  Task** const slot = SlotOf(pid);
  *slot = Make(pid, now_ns);
  // What was known before this moment was said of the pid's former owner.
  const auto known = known_->find(pid);
  if (known != known_->end() && known->second.first_seen_ns >= now_ns) Describe(known->second, *slot);
  return *slot;
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
