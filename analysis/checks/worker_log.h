// Why: why a work item started late is told by what its worker did meanwhile: it was inside another item, or it waited
// for a CPU. This keeps the last few long spans of each worker, so that the question can be asked when the item starts.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "analysis/checks/delay_cause.h"
#include "analysis/model/sched_model.h"

namespace wakewatch {

class WorkerLog {
 public:
  // Spans shorter than `span_min_ns` are not kept: they cannot be the half of a wait of note.
  WorkerLog(const SchedModel& model, uint64_t span_min_ns) : model_(model), span_min_ns_(span_min_ns) {}

  struct Execution {
    uint64_t work = 0, function = 0;
    uint64_t start_ns = 0, end_ns = 0;  // end_ns 0: still going on
    uint64_t on_cpu_ns = 0;             // of the worker, within the span
    int32_t pid = 0;                    // of the worker
    uint32_t cpu = 0;                   // where it started
    // On a CPU for at least half of it; else it slept or waited.
    bool Ran() const { return on_cpu_ns * 2 >= end_ns - start_ns; }
    static void Fields(auto& self, auto& archive) {
      archive(self.work, self.function, self.start_ns, self.end_ns, self.on_cpu_ns, self.pid, self.cpu);
    }
  };
  struct Waited {
    uint64_t start_ns = 0, end_ns = 0;
    DelayCause cause;
    std::vector<Evidence> evidence;
    static void Fields(auto& self, auto& archive) { archive(self.start_ns, self.end_ns, self.cause, self.evidence); }
  };

  void Start(const Event& event, uint64_t work, uint64_t function);
  // The execution that ends; null when its start was not seen or was of another item.
  const Execution* End(const Event& event, uint64_t work);
  // A worker's wait for a CPU ended.
  void OnSwitch(const Step& step);

  // The execution by this worker, or the wait of it, that covers most of [start_ns, end_ns]; null when none covers
  // half.
  const Execution* Busy(int32_t pid, uint64_t start_ns, uint64_t end_ns) const;
  const Waited* Waiting(int32_t pid, uint64_t start_ns, uint64_t end_ns) const;
  // The last execution that this worker ended; null when none was seen.
  const Execution* Last(int32_t pid) const;

  void Forget(const Task& task);
  uint64_t given_up() const { return given_up_; }  // workers, since there were too many
  static void Fields(auto& self, auto& archive) { archive(self.workers_, self.given_up_); }

 private:
  static constexpr size_t kKept = 8;
  template <typename Span>
  struct Ring {
    std::array<Span, kKept> spans;
    uint64_t count = 0;
    Span& Push() { return spans[count++ % kKept]; }
    template <typename Visit>
    void ForEach(Visit&& visit) const {
      for (size_t i = 0; i < kKept && i < count; ++i) visit(spans[i]);
    }
    static void Fields(auto& self, auto& archive) { archive(self.spans, self.count); }
  };
  static constexpr uint64_t kNotKnown = UINT64_MAX;
  static constexpr size_t kWorkersMax = 1u << 14;
  struct Worker {
    uint64_t since_ns = kNotKnown;  // the task's first_seen_ns: a pid alone may mean somebody else later
    Execution current;              // start_ns 0: none
    uint64_t on_cpu_at_start_ns = 0;
    Execution last;
    Ring<Execution> executions;
    Ring<Waited> waits;
    static void Fields(auto& self, auto& archive) {
      archive(self.since_ns, self.current, self.on_cpu_at_start_ns, self.last, self.executions, self.waits);
    }
  };

  // Null when nothing is kept of whoever has this pid now.
  const Worker* Find(int32_t pid) const;
  Worker& Own(int32_t pid);
  uint64_t OnCpu(int32_t pid, uint64_t now_ns) const;

  const SchedModel& model_;
  const uint64_t span_min_ns_;
  std::unordered_map<int32_t, Worker> workers_;  // by pid
  uint64_t given_up_ = 0;
};

}  // namespace wakewatch
