// Why: workqueue items and kthread_worker items are measured alike: queued, started, ended, matched by the work pointer
// and never by CPU, since work moves between CPUs. This is what their two checks share.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "analysis/checks/check.h"
#include "analysis/checks/function_table.h"
#include "analysis/checks/worker_log.h"

namespace wakewatch {

class WorkItems {
 public:
  WorkItems(const CheckInput& input, std::string_view check);

  struct Queued {
    uint64_t queued_ns = 0, activated_ns = 0;  // activated_ns 0: not yet, or not for this kind
    uint64_t function = 0;
    uint32_t cpu = 0, activated_cpu = 0;
    WakeContext context = WakeContext::kUnknown;
    int32_t pid = 0;               // on whose time it was queued
    WorkerLog::Execution blocker;  // what ended right before it was activated; end_ns 0: not known
    static void Fields(auto& self, auto& archive) {
      archive(self.queued_ns, self.activated_ns, self.function, self.cpu, self.activated_cpu, self.context, self.pid,
              self.blocker);
    }
  };

  void Queue(const Event& event, uint64_t work, uint64_t function);
  void Activate(const Event& event, uint64_t work);
  // `start_event` names the event in the evidence, "workqueue_execute_start".
  void Start(const Step& step, uint64_t work, uint64_t function, std::string_view start_event);
  void End(const Event& event, uint64_t work);
  void OnSwitch(const Step& step) { log_.OnSwitch(step); }
  void Forget(const Task& task) { log_.Forget(task); }
  void Summarise(Summaries* summaries) const;
  static void Fields(auto& self, auto& archive) { archive(self.log_, self.queued_, self.functions_, self.given_up_); }

 private:
  struct Function {
    Histogram queue_to_start_ns, run_ns;
    uint64_t voided = 0, unmatched = 0;
    static void Fields(auto& self, auto& archive) {
      archive(self.queue_to_start_ns, self.run_ns, self.voided, self.unmatched);
    }
  };
  // Open at once. Cancelling an item emits nothing, so those that never start pile up: at the limit the old ones are
  // given up, and all of them when that is not enough.
  static constexpr size_t kQueuedMax = 1u << 17;
  static constexpr uint64_t kQueuedOldNs = 10'000'000'000;

  struct Cause {
    std::string cls, explanation;
    std::vector<Evidence> evidence;
  };
  void MakeRoom(uint64_t now_ns);
  Cause CauseOf(const Step& step, uint64_t work, const Queued& queued) const;
  bool PoolStalled(const Step& step, const Queued& queued, bool inside) const;
  Cause CauseOfExecution(const WorkerLog::Execution& execution, std::string_view before) const;
  void Report(const Step& step, uint64_t work, const Queued& queued, std::string_view start_event);

  const CheckInput input_;
  const std::string_view check_;
  WorkerLog log_;
  std::unordered_map<uint64_t, Queued> queued_;  // by work pointer
  FunctionTable<Function> functions_;
  uint64_t given_up_ = 0;
};

}  // namespace wakewatch
