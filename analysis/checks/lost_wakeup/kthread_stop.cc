#include "analysis/checks/lost_wakeup/kthread_stop.h"

#include <utility>

namespace wakewatch {
namespace {

constexpr EventType kEvents[] = {EventType::kSchedKthreadStop, EventType::kSchedSwitch, EventType::kSchedWaking,
                                 EventType::kSchedProcessExit, EventType::kTimerStart,  EventType::kHrtimerStart};
constexpr size_t kStopsMax = 4096;  // at once; more are not looked at

}  // namespace

const LostWakeupRuleInfo KthreadStop::kInfo = {kEvents,
                                               [](const LostWakeupInput& input) -> std::unique_ptr<LostWakeupRule> {
                                                 return std::make_unique<KthreadStop>(input);
                                               }};

void KthreadStop::OnStep(const Step& step) {
  const Event& event = *step.event;
  if (event.type == EventType::kSchedKthreadStop) return OnStop(step);
  if (stops_.empty()) return;
  switch (event.type) {
    case EventType::kSchedSwitch:
      if (step.prev != nullptr && step.prev->state == TaskState::kSleeping) OnSleep(*step.prev);
      // Back on a CPU without a sched_waking: a signal cancelled the sleep, and it looks at its condition again.
      if (step.next != nullptr) {
        const auto stop = stops_.find(step.next->index);
        if (stop != stops_.end() && stop->second.sleep_ns != 0) End(*step.next, Outcome::kDischarged);
      }
      return;
    case EventType::kSchedWaking:
    case EventType::kSchedProcessExit:
      if (step.task != nullptr) End(*step.task, Outcome::kDischarged);
      return;
    default: break;
  }
  const Task* const current = step.cpu->current;
  if (current == nullptr || current->pid != event.pid || ContextOf(event) != WakeContext::kTask) return;
  const auto stop = stops_.find(current->index);
  if (stop != stops_.end() && timers_.IsTimeout(event.timer.function)) stop->second.timeout_armed = true;
}

void KthreadStop::OnStop(const Step& step) {
  const Event& event = *step.event;
  const Task* const task = input_.check.model.TaskOf(event.task.pid);
  if (task == nullptr || event.pid <= 0 || stops_.size() >= kStopsMax) return;
  // Asleep: it is woken. Woken and not back yet: it will look.
  const bool preempted = task->state == TaskState::kReady && task->wait.kind == WaitKind::kPreempted;
  if (!task->OnCpu() && !preempted) return;
  End(*task, Outcome::kVoid);
  const Task* const stopper = input_.check.model.TaskOf(event.pid);
  stops_[task->index] = {
      event.ts_ns, event.cpu, task->pid, event.pid, stopper == nullptr ? "" : std::string(stopper->comm()), false, 0};
  input_.ledger.Open(LostClass::kKthreadStop);
}

void KthreadStop::OnSleep(const Task& task) {
  const auto found = stops_.find(task.index);
  if (found == stops_.end()) return;
  Stop& stop = found->second;
  if (stop.timeout_armed) return End(task, Outcome::kDischarged);
  stop.sleep_ns = task.sleep_ns;
  input_.deadlines.Add({task.sleep_ns + input_.check.options.sleep_threshold_ns, input_.number, task.index});
}

void KthreadStop::End(const Task& task, Outcome outcome) {
  if (stops_.erase(task.index) == 0) return;
  input_.ledger.End(LostClass::kKthreadStop, outcome);
}

void KthreadStop::OnDeadline(const Deadline& deadline) {
  const auto found = stops_.find(static_cast<uint32_t>(deadline.key));
  if (found == stops_.end()) return;
  const Stop stop = found->second;
  if (stop.sleep_ns + input_.check.options.sleep_threshold_ns != deadline.ns) return;
  const Task* const task = input_.check.model.TaskOf(stop.pid);
  if (task == nullptr || task->index != found->first) return;
  if (input_.check.model.Dark(stop.ns) || task->sleep_ns != stop.sleep_ns) return End(*task, Outcome::kVoid);
  End(*task, Outcome::kExpired);
  const Task* const stopper = input_.check.model.TaskOf(stop.stopper_pid);
  const bool waits = stopper != nullptr && stopper->state == TaskState::kSleeping;
  Verdict verdict;
  verdict.cls = LostClass::kKthreadStop;
  verdict.confidence = waits ? Confidence::kProven : Confidence::kStrong;
  verdict.waker_pid = stop.stopper_pid;
  verdict.waker_comm = stop.stopper_comm;
  verdict.evidence.push_back({stop.cpu, stop.ns, "sched_kthread_stop pid=" + std::to_string(stop.pid)});
  if (waits) {
    verdict.evidence.push_back({static_cast<uint32_t>(stopper->cpu < 0 ? 0 : stopper->cpu), stopper->sleep_ns,
                                "sched_switch prev_pid=" + std::to_string(stop.stopper_pid) + ", the stopper waits"});
  }
  verdict.explanation = WakerText(verdict) + " stopped it while it was running: no wakeup of it followed, and it slept";
  verdict.rule = "sched_kthread_stop of a running thread, then its switch-out asleep, with no sched_waking in between";
  verdict.assumption = waits ? "" : "the stopper is not seen to wait for its exit";
  verdict.would_raise = waits ? "" : "the stopper's switch-out";
  input_.verdicts.Accuse(*task, deadline.ns, std::move(verdict));
}

}  // namespace wakewatch
