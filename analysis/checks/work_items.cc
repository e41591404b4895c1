#include "analysis/checks/work_items.h"

#include <map>
#include <utility>

#include "analysis/checks/worker_pool.h"

namespace wakewatch {

WorkItems::WorkItems(const CheckInput& input, std::string_view check)
    : input_(input), check_(check), log_(input.model, input.options.latency_threshold_ns / 2) {}

void WorkItems::Queue(const Event& event, uint64_t work, uint64_t function) {
  // Queueing a pending item emits nothing, so an item that is still here was cancelled, which is silent too.
  if (queued_.size() >= kQueuedMax && !queued_.contains(work)) MakeRoom(event.ts_ns);
  Queued& queued = queued_[work];
  queued = Queued{};
  queued.queued_ns = event.ts_ns;
  queued.function = function;
  queued.cpu = event.cpu;
  queued.pid = event.pid;
  queued.context = ContextOf(event);
}

void WorkItems::MakeRoom(uint64_t now_ns) {
  const size_t before = queued_.size();
  std::erase_if(queued_, [&](const auto& item) { return now_ns - item.second.queued_ns > kQueuedOldNs; });
  if (queued_.size() > kQueuedMax / 4 * 3) queued_.clear();
  given_up_ += before - queued_.size();
}

void WorkItems::Activate(const Event& event, uint64_t work) {
  const auto found = queued_.find(work);
  if (found == queued_.end()) return;
  Queued& queued = found->second;
  queued.activated_ns = event.ts_ns;
  queued.activated_cpu = event.cpu;
  if (event.ts_ns - queued.queued_ns < input_.options.latency_threshold_ns / 2) return;
  // The worker that ended an item of this queue activates the next one on its way out (pwq_dec_nr_in_flight).
  if (const auto* const last = log_.Last(event.pid)) queued.blocker = *last;
}

void WorkItems::Start(const Step& step, uint64_t work, uint64_t function, std::string_view start_event) {
  const Event& event = *step.event;
  log_.Start(event, work, function);
  const auto found = queued_.find(work);
  if (found == queued_.end()) {
    if (input_.options.Inside(event.ts_ns)) ++functions_.Of(function).unmatched;
    return;
  }
  const Queued queued = found->second;
  queued_.erase(found);
  if (!input_.options.Inside(queued.queued_ns)) return;
  Function& measured = functions_.Of(function);
  // It could have been started, ended and queued again in a gap on any CPU.
  if (input_.model.Dark(queued.queued_ns)) {
    ++measured.voided;
    return;
  }
  const uint64_t waited_ns = event.ts_ns - queued.queued_ns;
  measured.queue_to_start_ns.Add(waited_ns);
  if (waited_ns >= input_.options.latency_threshold_ns) Report(step, work, queued, start_event);
}

void WorkItems::End(const Event& event, uint64_t work) {
  const WorkerLog::Execution* const execution = log_.End(event, work);
  if (execution == nullptr || !input_.options.Inside(execution->start_ns)) return;
  Function& measured = functions_.Of(execution->function);
  if (input_.model.Dark(execution->start_ns)) {
    ++measured.voided;
  } else {
    measured.run_ns.Add(event.ts_ns - execution->start_ns);
  }
}

WorkItems::Cause WorkItems::CauseOfExecution(const WorkerLog::Execution& execution, std::string_view before) const {
  const std::string name = input_.symbols.Name(execution.function);
  const Task* const worker = input_.model.TaskOf(execution.pid);
  const std::string who = worker == nullptr ? "pid " + std::to_string(execution.pid) : TaskText(*worker);
  Cause cause;
  cause.cls = execution.Ran() ? "hog" : "dependency";
  cause.explanation = std::string(before) + name + ", in " + who + " for " +
                      MillisText(execution.end_ns - execution.start_ns) +
                      (execution.Ran() ? ", kept its CPU busy" : ", slept most of that time");
  cause.evidence = {{execution.cpu, execution.start_ns, "execute_start function=" + name},
                    {execution.cpu, execution.end_ns, "execute_end function=" + name}};
  return cause;
}

WorkItems::Cause WorkItems::CauseOf(const Step& step, uint64_t work, const Queued& queued) const {
  const uint64_t start_ns = queued.queued_ns, end_ns = step.event->ts_ns;
  if (queued.activated_ns != 0 && (queued.activated_ns - start_ns) * 2 >= end_ns - start_ns) {
    const bool known = queued.blocker.end_ns > start_ns;
    if (known) return CauseOfExecution(queued.blocker, "it was not activated while the item before it, ");
    return {"dependency", "it was not activated: its queue had as many items in flight as it may (max_active)", {}};
  }
  const int32_t worker = step.event->pid;
  if (const auto* const waited = log_.Waiting(worker, start_ns, end_ns)) {
    return {waited->cause.cls, "its worker waited for a CPU: " + waited->cause.explanation, waited->evidence};
  }
  const auto* const busy = log_.Busy(worker, start_ns, end_ns);
  // Its own item is started only by the worker that is inside of it: work is not reentrant.
  const bool other_item = busy == nullptr || (!busy->Ran() && busy->work != work);
  if (other_item && PoolStalled(step, queued, busy != nullptr)) {
    Cause cause;
    if (busy != nullptr) cause = CauseOfExecution(*busy, "its worker was inside ");
    cause.cls = "pool-stall";
    cause.explanation = "no worker of its pool was woken although CPU " + std::to_string(step.event->cpu) +
                        " was idle" + (cause.explanation.empty() ? "" : "; " + cause.explanation);
    return cause;
  }
  if (busy != nullptr) return CauseOfExecution(*busy, "its worker was inside ");
  return {"unexplained", "its worker was neither busy nor waiting for a CPU, and that none was woken is not seen", {}};
}

// From its activation on, and for half of its wait at least, nobody woke a worker of the pool that was to take it, and
// the pool's CPU was idle, so none of them ran. `inside`: the worker that took it came out of another item.
bool WorkItems::PoolStalled(const Step& step, const Queued& queued, bool inside) const {
  const Task* const worker = step.cpu->current;
  if (queued.activated_ns == 0 || worker == nullptr || worker->pid != step.event->pid) return false;
  const auto pool = BoundPoolOf(worker->comm());
  if (!pool || pool->cpu != static_cast<int32_t>(step.event->cpu)) return false;
  const uint64_t end_ns = step.event->ts_ns, half_ns = queued.activated_ns + (end_ns - queued.activated_ns) / 2;
  // One that slept inside of its item is woken for that item's sake.
  if (!inside) {
    const WakeHistory::Wake* const wake = input_.wakes.Last(*worker);
    if (wake == nullptr || wake->waking_ns < half_ns) return false;
  }
  return NewestWake(*pool, worker, input_) < queued.activated_ns && MostlyIdle(*step.cpu, queued.activated_ns, end_ns);
}

void WorkItems::Report(const Step& step, uint64_t work, const Queued& queued, std::string_view start_event) {
  const Event& event = *step.event;
  const Task* const worker = step.cpu->current;
  const std::string name = input_.symbols.Name(queued.function);
  Cause cause = CauseOf(step, work, queued);
  Finding finding;
  finding.check = check_;
  finding.cls = std::move(cause.cls);
  finding.confidence = Confidence::kProven;
  finding.pid = event.pid;
  finding.comm = worker != nullptr && worker->pid == event.pid ? std::string(worker->comm()) : "";
  finding.cpu = event.cpu;
  finding.start_ns = queued.queued_ns;
  finding.end_ns = event.ts_ns;
  finding.waited_ns = event.ts_ns - queued.queued_ns;
  SetWaker(queued.context, queued.pid, input_.model, &finding);
  finding.evidence.push_back({queued.cpu, queued.queued_ns, "queue_work function=" + name});
  if (queued.activated_ns != 0) {
    finding.evidence.push_back({queued.activated_cpu, queued.activated_ns, "activate_work function=" + name});
  }
  for (Evidence& item : cause.evidence) finding.evidence.push_back(std::move(item));
  finding.evidence.push_back({event.cpu, event.ts_ns, std::string(start_event) + " function=" + name});
  finding.explanation =
      "work " + name + " waited " + MillisText(finding.waited_ns) + " until it was started: " + cause.explanation;
  input_.findings.Add(std::move(finding), work);
}

void WorkItems::Summarise(Summaries* summaries) const {
  struct Open {
    uint64_t censored = 0, voided = 0;
  };
  std::map<uint64_t, Open> open;  // by function
  for (const auto& [work, queued] : queued_) {
    if (!input_.options.Inside(queued.queued_ns)) continue;
    Open& counts = open[queued.function];
    ++(input_.model.Dark(queued.queued_ns) ? counts.voided : counts.censored);
  }
  const uint64_t given_up = given_up_ + log_.given_up();
  if (given_up > 0) summaries->anomalies.Add(Anomaly::kOpenLimit, given_up);
  const auto add = [&](uint64_t function, const Function& measured, const Open& counts) {
    WorkSummary& summary = summaries->work.emplace_back();
    summary.function = FunctionTable<Function>::Name(function, input_.symbols);
    summary.queue_to_start_ns = measured.queue_to_start_ns;
    summary.run_ns = measured.run_ns;
    summary.censored = counts.censored;
    summary.voided = measured.voided + counts.voided;
    summary.unmatched = measured.unmatched;
  };
  functions_.ForEach([&](uint64_t function, const Function& measured) {
    const auto found = open.find(function);
    add(function, measured, found == open.end() ? Open{} : found->second);
  });
  for (const auto& [function, counts] : open) {
    if (functions_.Find(function) == nullptr) add(function, Function{}, counts);
  }
}

}  // namespace wakewatch
