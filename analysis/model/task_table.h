// Why: tasks by pid, at the cost of two loads an event, also when pids are reused: the table answers with whoever has
// the pid now and keeps those who had it before, for the report.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "analysis/model/task.h"
#include "analysis/trace/reader.h"

namespace wakewatch {

class TaskTable {
 public:
  // `known`: what /proc or the trace's header says about tasks, by pid.
  explicit TaskTable(const std::map<int32_t, ThreadInfo>& known) : known_(&known) {}

  // The task that has `pid` now; made on first sight. Never of pid 0: the idle tasks are no tasks here.
  Task* Of(int32_t pid, uint64_t now_ns) {
    const auto at = static_cast<uint32_t>(pid);
    if (at < kDensePids) [[likely]] {
      Page* const page = pages_[at / kPagePids].get();
      if (page != nullptr && (*page)[at % kPagePids] != nullptr) [[likely]]
        return (*page)[at % kPagePids];
    }
    return Find(pid, now_ns);
  }
  // The same without making one: null when nothing had this pid yet.
  const Task* Peek(int32_t pid) const;
  // A new task takes over `pid`.
  Task* Replace(int32_t pid, uint64_t now_ns);
  // The task's name as an event at hand has it.
  static void SetComm(Task* task, const Event& event, TextRef comm);

  const std::deque<Task>& all() const { return tasks_; }
  std::deque<Task>& all() { return tasks_; }

 private:
  // PID_MAX_LIMIT of 64-bit kernels. A hostile trace may name others; those go into a map.
  static constexpr uint32_t kDensePids = 1u << 22;
  static constexpr uint32_t kPagePids = 1024;
  using Page = std::array<Task*, kPagePids>;

  Task* Find(int32_t pid, uint64_t now_ns);
  Task** SlotOf(int32_t pid);
  Task* Make(int32_t pid, uint64_t now_ns);

  const std::map<int32_t, ThreadInfo>* known_;
  std::deque<Task> tasks_;
  std::vector<std::unique_ptr<Page>> pages_{kDensePids / kPagePids};
  std::unordered_map<int32_t, Task*> others_;
};

}  // namespace wakewatch
