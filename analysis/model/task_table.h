// Why: tasks by pid, at the cost of two loads an event, also when pids are reused: the table answers with whoever has
// the pid now and keeps those who had it before, for the report. What /proc said about tasks is taken in as event time
// reaches it. In a run without an end tasks that died are retired, or they would pile up for weeks.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "analysis/base/archive.h"
#include "analysis/model/cpu_sets.h"
#include "analysis/model/cpu_state.h"
#include "analysis/model/task.h"
#include "analysis/trace/thread_infos.h"

namespace wakewatch {

// How long a pid goes on to name the task that died with it: a wait that it began can end later. An event that names
// the pid after that is about somebody else, whose fork was not seen.
inline constexpr uint64_t kDeadNamedNs = 10'000'000'000;

// What bounds the tasks of a run without an end.
struct TaskLimits {
  // Kernel threads that died are kept for the report, up to this many. Each costs some 7 KiB, most of them the events of
  // its worst waits, and twice that while a snapshot is stored: a host that makes kworkers all day gets here.
  size_t dead_kthreads_max = 1024;
  // More tasks at once are silent ones whose end was lost, or a hostile trace: a quarter is given up, the most silent.
  size_t tasks_max = 1u << 17;
};

class TaskTable {
 public:
  // `infos`: what /proc or the trace's header says about tasks.
  explicit TaskTable(const ThreadInfos& infos) : infos_(&infos) {}

  // Before each event: true when there is something to do before it, which CatchUp does.
  bool Behind(uint64_t now_ns) const { return now_ns >= due_ns_ || infos_->added() != taken_; }
  // `cpus`: who runs there is not retired.
  void CatchUp(uint64_t now_ns, std::span<const CpuState> cpus);

  // The task that has `pid` now; made on first sight. Never of pid 0: the idle tasks are no tasks here.
  Task* Of(int32_t pid, uint64_t now_ns) {
    const auto at = static_cast<uint32_t>(pid);
    if (at < kDensePids) [[likely]] {
      const Page* const page = pages_[at / kPagePids].get();
      if (page != nullptr) [[likely]] {
        Task* const task = page->tasks[at % kPagePids];
        if (task != nullptr && task->state != TaskState::kDead) [[likely]]
          return task;
      }
    }
    return Find(pid, now_ns);
  }
  // Who had this pid last, dead or not; null when nobody did.
  Task* Holder(int32_t pid) const;
  // The task that `pid` names at `now_ns`, without making one.
  const Task* Peek(int32_t pid, uint64_t now_ns) const {
    const Task* const task = Holder(pid);
    return task == nullptr || Gone(*task, now_ns) ? nullptr : task;
  }
  // A new task takes over `pid`.
  Task* Replace(int32_t pid, uint64_t now_ns) { return Make(pid, now_ns, now_ns); }
  // To be told of each death, after state and state_ns say so.
  void Died(const Task& task);
  // The task's name as an event at hand has it.
  void SetComm(Task* task, const Event& event, TextRef comm);
  const CpuSets& cpu_sets() const { return cpu_sets_; }
  // The tasks about which CatchUp learnt something since the last call.
  std::vector<Task*> TakeRelearnt() { return std::exchange(relearnt_, {}); }

  // Retires tasks from now on, telling `on_retire` first; then Task::index is free for another.
  void RetireDead(const TaskLimits& limits, std::function<void(const Task&)> on_retire);
  uint64_t given_up() const { return given_up_; }  // retired alive, since there were too many

  void Save(ArchiveWriter& archive) const;
  // Of the infos at hand only those later than `now_ns` are taken: the others are in what was saved.
  void Load(uint64_t now_ns, ArchiveReader& archive);
  // Null when nobody has that place.
  const Task* At(uint64_t index) const {
    return index < tasks_.size() && !tasks_[index].retired ? &tasks_[index] : nullptr;
  }
  Task* At(uint64_t index) { return index < tasks_.size() && !tasks_[index].retired ? &tasks_[index] : nullptr; }

  // Calls visit(const Task&) for every task that is kept.
  template <typename Visit>
  void ForEach(Visit&& visit) const {
    for (const Task& task : tasks_) {
      if (!task.retired) visit(task);
    }
  }

 private:
  // PID_MAX_LIMIT of 64-bit kernels. A hostile trace may name others; those go into a map.
  static constexpr uint32_t kDensePids = 1u << 22;
  static constexpr uint32_t kPagePids = 1024;
  struct Page {
    std::array<Task*, kPagePids> tasks{};
    uint32_t used = 0;
  };
  // What is known of the task that has a pid, or will be seen to have it.
  struct Known {
    uint64_t since_ns = 0;
    uint32_t flags = 0;
    uint32_t cpus = CpuSets::kUnknown;  // that it may run on
    bool from_inventory = false;
    std::string comm;
    static void Fields(auto& self, auto& archive) {
      archive(self.since_ns, self.flags, self.cpus, self.from_inventory, self.comm);
    }
  };
  struct Upcoming {
    uint64_t since_ns = 0, number = 0;  // in the order of taking, which decides between those of one moment
    int32_t pid = 0;
    Known known;
    static void Fields(auto& self, auto& archive) { archive(self.since_ns, self.number, self.pid, self.known); }
  };
  struct Death {
    uint64_t ns = 0;
    uint32_t index = 0;
    static void Fields(auto& self, auto& archive) { archive(self.ns, self.index); }
  };

  static bool Gone(const Task& task, uint64_t now_ns) {
    return task.state == TaskState::kDead && now_ns > task.state_ns && now_ns - task.state_ns > kDeadNamedNs;
  }
  static bool Later(const Upcoming& a, const Upcoming& b) {
    return a.since_ns != b.since_ns ? a.since_ns > b.since_ns : a.number > b.number;
  }
  void Describe(const Known& known, Task* task);
  void Classify(Task* task);
  Task* Find(int32_t pid, uint64_t now_ns);
  // What was said of the pid before `not_before_ns` was about a former owner.
  Task* Make(int32_t pid, uint64_t now_ns, uint64_t not_before_ns);
  void Put(int32_t pid, Task* task);
  static void Fields(auto& self, auto& archive) {
    archive(self.cpu_sets_, self.begun_, self.numbered_, self.upcoming_, self.known_, self.free_, self.deaths_,
            self.dead_kthreads_, self.given_up_);
  }
  void TakeInfos(uint64_t now_ns);
  void Take(const ThreadInfo& info, uint64_t now_ns);
  void Learn(int32_t pid, Known known);
  void RetireDue(uint64_t now_ns, std::span<const CpuState> cpus);
  void GiveUpSilent(std::span<const CpuState> cpus);
  void Retire(Task* task);
  bool StillDead(const Death& death) const;
  size_t kept() const { return tasks_.size() - free_.size(); }

  const ThreadInfos* infos_;
  CpuSets cpu_sets_;
  std::vector<Task*> relearnt_;
  uint64_t taken_ = 0;              // of infos_
  uint64_t numbered_ = 0;           // upcoming infos so far
  bool begun_ = false;              // some were taken
  uint64_t due_ns_ = UINT64_MAX;    // when CatchUp has something to do
  std::vector<Upcoming> upcoming_;  // a heap, the earliest in front
  std::unordered_map<int32_t, Known> known_;
  std::deque<Task> tasks_;
  std::vector<std::unique_ptr<Page>> pages_{kDensePids / kPagePids};
  std::unordered_map<int32_t, Task*> others_;

  std::function<void(const Task&)> on_retire_;  // empty: nothing is retired
  TaskLimits limits_;
  std::vector<uint32_t> free_;  // places in tasks_
  std::deque<Death> deaths_;    // by time; tasks may have come back, or died again, since
  std::deque<Death> dead_kthreads_;
  uint64_t given_up_ = 0;
};

}  // namespace wakewatch
