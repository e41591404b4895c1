#include "analysis/checks/kthread_lifecycle.h"

#include <algorithm>
#include <utility>

namespace wakewatch {
namespace {

constexpr EventType kEvents[] = {EventType::kSchedSwitch,      EventType::kSchedWaking,
                                 EventType::kSchedWakeup,      EventType::kSchedProcessFork,
                                 EventType::kSchedProcessExec, EventType::kSchedProcessExit,
                                 EventType::kSchedKthreadStop, EventType::kSchedKthreadStopRet,
                                 EventType::kWorkQueue,        EventType::kWorkStart,
                                 EventType::kWorkEnd};

constexpr std::string_view kHelperFunction = "call_usermodehelper_exec_work";

}  // namespace

const CheckInfo KthreadLifecycle::kInfo = {
    "kthread-lifecycle",
    "how kernel threads are created and stopped, and user-mode helpers started",
    kEvents,
    [](const CheckInput& input) -> std::unique_ptr<Check> { return std::make_unique<KthreadLifecycle>(input); },
    /*long_waits=*/false,
    /*adds_findings=*/false};

void KthreadLifecycle::OnStep(const Step& step) {
  const Event& event = *step.event;
  switch (event.type) {
    case EventType::kSchedSwitch: return OnSwitch(step);
    case EventType::kSchedWaking: return OnWaking(step);
    case EventType::kSchedWakeup:
      // Started before it had slept: it goes on into its function without a switch.
      if (!IsWatched(step.task, kChild) || !step.task->OnCpu()) return;
      if (Thread* const thread = Child(*step.task); thread != nullptr && thread->phase == Phase::kStarted) {
        RunsFunction(*step.task, event.ts_ns, thread);
      }
      return;
    case EventType::kSchedProcessFork: return OnFork(step);
    case EventType::kSchedProcessExec: return OnExec(event);
    case EventType::kSchedProcessExit: return OnExit(step);
    case EventType::kSchedKthreadStop: return OnStop(step);
    case EventType::kSchedKthreadStopRet: return OnStopRet(event);
    case EventType::kWorkQueue:
      if (!IsHelperWork(event.work.function)) return;
      MakeRoom(&queued_);
      queued_[event.work.work] = event.ts_ns;
      return;
    case EventType::kWorkStart: return OnWorkStart(event);
    case EventType::kWorkEnd:
      if (!executing_.empty()) executing_.erase(event.pid);
      return;
    default: return;
  }
}

std::string KthreadLifecycle::CommOf(int32_t pid) const {
  const Task* const task = input_.model.TaskOf(pid);
  return task == nullptr ? std::string() : std::string(task->comm());
}

template <typename Map>
void KthreadLifecycle::MakeRoom(Map* map) {
  if (map->size() < kOpenMax) return;
  given_up_ += map->size();
  map->clear();
}

KthreadLifecycle::Thread* KthreadLifecycle::Child(const Task& task) {
  const auto found = threads_.find(task.pid);
  if (found == threads_.end() || found->second.phase == Phase::kSettled) {
    Watched(task) &= static_cast<uint8_t>(~kChild);
    return nullptr;
  }
  if (!input_.model.Dark(found->second.life.fork_ns)) return &found->second;
  ++told_.voided;
  Settle(task, &found->second);
  return nullptr;
}

void KthreadLifecycle::Settle(const Task& task, Thread* thread) {
  thread->phase = Phase::kSettled;
  Watched(task) &= static_cast<uint8_t>(~kChild);
}

void KthreadLifecycle::RunsFunction(const Task& task, uint64_t now_ns, Thread* thread) {
  thread->life.function_run_ns = now_ns;
  thread->life.comm = task.comm();
  Settle(task, thread);
}

void KthreadLifecycle::OnSwitch(const Step& step) {
  if (IsWatched(step.prev, kChild)) {
    Thread* const thread = Child(*step.prev);
    const TaskState state = step.prev->state;
    const bool sleeps = state == TaskState::kSleeping || state == TaskState::kWaking;
    if (thread != nullptr && thread->phase == Phase::kFirstRun && sleeps) thread->phase = Phase::kParked;
  }
  // Who asked kthreadd waits in D for the answer; in any other sleep it has got it.
  if (IsWatched(step.prev, kRequester) && step.prev->state == TaskState::kSleeping && step.prev->sleep_letter != 'D') {
    CloseRequest(*step.prev);
  }
  if (!IsWatched(step.next, kChild)) return;
  Thread* const thread = Child(*step.next);
  if (thread == nullptr) return;
  if (thread->phase == Phase::kForked) {
    thread->phase = Phase::kFirstRun;
    thread->life.first_run_ns = step.event->ts_ns;
  } else if (thread->phase == Phase::kStarted) {
    RunsFunction(*step.next, step.event->ts_ns, thread);
  } else if (thread->phase == Phase::kParked) {
    Settle(*step.next, thread);  // back without a wake: what it does now is not known
  }
}

void KthreadLifecycle::OnWaking(const Step& step) {
  const Event& event = *step.event;
  const bool by_task = ContextOf(event) == WakeContext::kTask;
  if (event.wake.pid == kKthreaddPid) {
    const Task* const creator = step.cpu->current;
    if (!by_task || creator == nullptr || creator->pid != event.pid || creator->pid == kKthreaddPid) return;
    MakeRoom(&requests_);
    requests_[creator->pid] = {event.ts_ns, forks_};
    Watched(*creator) |= kRequester;
    return;
  }
  if (by_task && IsWatched(step.cpu->current, kChild) && step.cpu->current->pid == event.pid) Completes(step);
  if (IsWatched(step.task, kChild)) {
    Thread* const thread = Child(*step.task);
    if (thread != nullptr) StartedBy(step, thread);
  }
  // It waits for nothing but kthreadd's answer after its request, so it has that.
  if (by_task && IsWatched(step.cpu->current, kRequester) && step.cpu->current->pid == event.pid) {
    CloseRequest(*step.cpu->current);
  }
  if (IsWatched(step.task, kRequester)) {
    const auto request = requests_.find(step.task->pid);
    // Nobody was forked for it: kthreadd could not, or a signal made it give up.
    if (request != requests_.end() && request->second.forks == forks_) CloseRequest(*step.task);
  }
}

void KthreadLifecycle::CloseRequest(const Task& task) {
  requests_.erase(task.pid);
  Watched(task) &= static_cast<uint8_t>(~kRequester);
}

// A child that may be waking its creator.
void KthreadLifecycle::Completes(const Step& step) {
  Thread* const thread = Child(*step.cpu->current);
  if (thread == nullptr || thread->phase != Phase::kFirstRun || step.task == nullptr) return;
  const Task& woken = *step.task;
  const auto request = requests_.find(woken.pid);
  if (request != requests_.end() && request->second.ns <= thread->life.fork_ns) {
    NameCreator(woken.pid, thread);
    return;
  }
  if (woken.state != TaskState::kWaking || woken.sleep_letter != 'D') return;
  thread->several_woken = thread->several_woken || (thread->completed_pid >= 0 && thread->completed_pid != woken.pid);
  thread->completed_pid = woken.pid;
}

void KthreadLifecycle::StartedBy(const Step& step, Thread* thread) {
  const Event& event = *step.event;
  if (thread->phase != Phase::kFirstRun && thread->phase != Phase::kParked) return;
  thread->phase = Phase::kStarted;
  if (ContextOf(event) != WakeContext::kTask || thread->life.creator_pid >= 0 || event.pid <= 0) return;
  const auto request = requests_.find(event.pid);
  const bool asked = request != requests_.end() && request->second.ns <= thread->life.fork_ns;
  const bool told = thread->completed_pid == event.pid && !thread->several_woken;
  if (told || (asked && thread->completed_pid < 0)) NameCreator(event.pid, thread);
}

void KthreadLifecycle::NameCreator(int32_t pid, Thread* thread) {
  KthreadLife& life = thread->life;
  life.creator_pid = pid;
  life.creator_comm = CommOf(pid);
  const auto request = requests_.find(pid);
  if (request == requests_.end()) return;
  // A request that it made before a gap may have been answered in it.
  const bool whole = request->second.ns <= life.fork_ns && !input_.model.Dark(request->second.ns);
  if (whole) life.request_ns = request->second.ns;
  if (whole && input_.options.Inside(thread->begun_ns)) {
    Measure(life.request_ns, life.fork_ns, &told_.request_to_fork_ns);
  }
  requests_.erase(request);
  if (const Task* const task = input_.model.TaskOf(pid)) Watched(*task) &= static_cast<uint8_t>(~kRequester);
}

KthreadLifecycle::Thread& KthreadLifecycle::ThreadOf(int32_t pid, uint64_t now_ns) {
  const auto found = threads_.find(pid);
  if (found != threads_.end()) return found->second;
  if (threads_.size() >= kOpenMax) FileAll();
  Thread& thread = threads_[pid];
  thread.life.pid = pid;
  thread.begun_ns = now_ns;
  return thread;
}

void KthreadLifecycle::OnFork(const Step& step) {
  const Event& event = *step.event;
  const Event::Fork& fork = event.fork;
  if (step.task == nullptr) return;
  File(fork.child_pid);  // whoever had the pid died unseen
  if (fork.parent_pid == kKthreaddPid) {
    ++forks_;
    Thread& thread = ThreadOf(fork.child_pid, event.ts_ns);
    thread.life.fork_ns = event.ts_ns;
    thread.life.comm = event.Text(fork.child_comm);
    thread.phase = Phase::kForked;
    Watched(*step.task) |= kChild;
    return;
  }
  if (executing_.empty()) return;
  const auto found = executing_.find(fork.parent_pid);
  if (found == executing_.end() || input_.model.Dark(found->second.start_ns)) return;
  MakeRoom(&helpers_);
  FileHelper(fork.child_pid);
  HelperRun& run = helpers_[fork.child_pid];
  run.pid = fork.child_pid;
  run.worker_pid = fork.parent_pid;
  run.worker_comm = CommOf(fork.parent_pid);
  run.queue_ns = found->second.queue_ns;
  run.start_ns = found->second.start_ns;
  run.fork_ns = event.ts_ns;
}

bool KthreadLifecycle::IsHelperWork(uint64_t function) {
  if (function == 0) return false;
  if (function == helper_function_) return true;
  if (other_functions_.contains(function)) return false;
  if (input_.symbols.Find(function) == kHelperFunction) {
    helper_function_ = function;
    return true;
  }
  if (other_functions_.size() >= kOpenMax) other_functions_.clear();
  other_functions_.insert(function);
  return false;
}

void KthreadLifecycle::OnWorkStart(const Event& event) {
  if (!IsHelperWork(event.work.function)) return;
  MakeRoom(&executing_);
  Execution& execution = executing_[event.pid];
  execution = {event.work.work, 0, event.ts_ns};
  const auto queued = queued_.find(event.work.work);
  if (queued == queued_.end()) return;
  if (input_.model.Dark(queued->second)) {
    ++told_.voided;
  } else {
    execution.queue_ns = queued->second;
  }
  queued_.erase(queued);
}

void KthreadLifecycle::OnExec(const Event& event) {
  if (helpers_.empty()) return;
  const auto found = helpers_.find(event.task.pid);
  if (found == helpers_.end() || found->second.exec_ns != 0) return;
  HelperRun& run = found->second;
  if (input_.model.Dark(run.fork_ns)) {
    ++told_.voided;
    return FileHelper(run.pid);
  }
  run.exec_ns = event.ts_ns;
  const std::vector<EventFormat>& formats = input_.formats.events();
  if (event.format < formats.size()) {
    const FieldSpec* const field = formats[event.format].Find("filename");
    const Bytes record(event.record, event.record_size);
    if (field != nullptr) run.file = FieldText(*field, record, input_.formats.machine().order);
  }
  if (input_.options.Inside(run.fork_ns)) Measure(run.queue_ns, run.exec_ns, &told_.helper_queue_to_exec_ns);
}

void KthreadLifecycle::OnExit(const Step& step) {
  const Event& event = *step.event;
  if (const auto helper = helpers_.find(event.task.pid); helper != helpers_.end()) {
    if (!input_.model.Dark(helper->second.fork_ns)) helper->second.exit_ns = event.ts_ns;
    FileHelper(event.task.pid);
  }
  if (IsWatched(step.task, kRequester)) CloseRequest(*step.task);
  stops_.erase(event.task.pid);
  const auto found = threads_.find(event.task.pid);
  if (found == threads_.end() || step.task == nullptr) return;
  Thread& thread = found->second;
  KthreadLife& life = thread.life;
  Settle(*step.task, &thread);
  life.exit_ns = event.ts_ns;
  life.comm = step.task->comm();
  const bool measured = life.stop_ns != 0 && !input_.model.Dark(life.stop_ns) && input_.options.Inside(life.stop_ns);
  if (measured) Measure(life.stop_ns, life.exit_ns, &told_.stop_to_exit_ns);
  if (life.stop_ns == 0 || life.stop_ret_ns != 0) File(life.pid);
}

void KthreadLifecycle::OnStop(const Step& step) {
  const Event& event = *step.event;
  const int32_t pid = event.task.pid;
  if (event.pid <= 0 || pid <= 0) return;
  if (!threads_.contains(pid)) {
    // It may have exited by itself before: then nobody is woken, and the stop returns at once.
    const auto last =
        std::find_if(over_.rbegin(), over_.rend(), [pid](const Thread& thread) { return thread.life.pid == pid; });
    if (last != over_.rend() && last->life.stop_ns == 0 && last->life.exit_ns != 0) {
      threads_[pid] = std::move(*last);
      over_.erase(std::next(last).base());
    }
  }
  KthreadLife& life = ThreadOf(pid, event.ts_ns).life;
  if (const std::string_view comm = event.Text(event.task.comm); !comm.empty()) life.comm = comm;
  life.stop_ns = event.ts_ns;
  life.stopper_pid = event.pid;
  life.stopper_comm = CommOf(event.pid);
  MakeRoom(&stops_);
  stops_[event.pid].push_back({pid, event.ts_ns});
}

void KthreadLifecycle::OnStopRet(const Event& event) {
  const auto found = stops_.find(event.pid);
  if (found == stops_.end()) return;
  if (input_.model.Dark(found->second.back().ns)) {
    // One of the lost events may have been this stop's return, and another stop.
    told_.voided += found->second.size();
    for (const Stop& stop : found->second) File(stop.pid);
    stops_.erase(found);
    return;
  }
  const Stop stop = found->second.back();
  found->second.pop_back();
  if (found->second.empty()) stops_.erase(found);
  const auto thread = threads_.find(stop.pid);
  if (thread == threads_.end() || thread->second.life.stop_ns != stop.ns) return;
  KthreadLife& life = thread->second.life;
  life.stop_ret_ns = event.ts_ns;
  life.ret = event.stop_ret.ret;
  if (input_.options.Inside(life.stop_ns)) {
    Measure(life.stop_ns, life.stop_ret_ns, &told_.stop_to_return_ns);
    if (life.exit_ns >= life.stop_ns) Measure(life.exit_ns, life.stop_ret_ns, &told_.exit_to_return_ns);
  }
  if (life.exit_ns != 0) File(stop.pid);
}

void KthreadLifecycle::Measure(uint64_t start_ns, uint64_t end_ns, Histogram* histogram) {
  if (start_ns != 0 && end_ns >= start_ns) histogram->Add(end_ns - start_ns);
}

void KthreadLifecycle::File(int32_t pid) {
  const auto found = threads_.find(pid);
  if (found == threads_.end()) return;
  Thread thread = std::move(found->second);
  threads_.erase(found);
  if (!input_.options.Inside(thread.begun_ns)) return;
  Measure(thread.life.fork_ns, thread.life.first_run_ns, &told_.fork_to_run_ns);
  over_.push_back(std::move(thread));
  if (over_.size() <= LifecycleSummary::kListedMax) return;
  over_.pop_front();
  ++told_.kthreads_left_out;
}

// In an order that a restored run has too.
void KthreadLifecycle::FileAll() {
  given_up_ += threads_.size();
  std::vector<std::pair<uint64_t, int32_t>> order;
  for (const auto& [pid, thread] : threads_) order.emplace_back(thread.begun_ns, pid);
  std::sort(order.begin(), order.end());
  for (const auto& [begun_ns, pid] : order) File(pid);
}

void KthreadLifecycle::FileHelper(int32_t pid) {
  const auto found = helpers_.find(pid);
  if (found == helpers_.end()) return;
  if (input_.options.Inside(found->second.fork_ns)) helpers_over_.push_back(std::move(found->second));
  helpers_.erase(found);
  if (helpers_over_.size() <= LifecycleSummary::kListedMax) return;
  helpers_over_.pop_front();
  ++told_.helpers_left_out;
}

void KthreadLifecycle::Forget(const Task& task) {
  if (task.index < watched_.size()) watched_[task.index] = 0;
}

void KthreadLifecycle::Summarise(uint64_t, Summaries* summaries) const {
  LifecycleSummary& out = summaries->lifecycle;
  out = told_;
  std::vector<const Thread*> threads;
  for (const Thread& thread : over_) threads.push_back(&thread);
  for (const auto& [pid, thread] : threads_) {
    if (!input_.options.Inside(thread.begun_ns)) continue;
    Measure(thread.life.fork_ns, thread.life.first_run_ns, &out.fork_to_run_ns);
    threads.push_back(&thread);
  }
  std::sort(threads.begin(), threads.end(), [](const Thread* a, const Thread* b) {
    return a->begun_ns != b->begun_ns ? a->begun_ns < b->begun_ns : a->life.pid < b->life.pid;
  });
  std::vector<const HelperRun*> helpers;
  for (const HelperRun& run : helpers_over_) helpers.push_back(&run);
  for (const auto& [pid, run] : helpers_) {
    if (input_.options.Inside(run.fork_ns)) helpers.push_back(&run);
  }
  std::sort(helpers.begin(), helpers.end(), [](const HelperRun* a, const HelperRun* b) {
    return a->fork_ns != b->fork_ns ? a->fork_ns < b->fork_ns : a->pid < b->pid;
  });
  const auto beyond = [](size_t n) { return n - std::min(n, LifecycleSummary::kListedMax); };
  out.kthreads_left_out += beyond(threads.size());
  out.helpers_left_out += beyond(helpers.size());
  for (size_t i = beyond(threads.size()); i < threads.size(); ++i) out.kthreads.push_back(threads[i]->life);
  for (size_t i = beyond(helpers.size()); i < helpers.size(); ++i) out.helpers.push_back(*helpers[i]);
  if (given_up_ > 0) summaries->anomalies.Add(Anomaly::kOpenLimit, given_up_);
}

}  // namespace wakewatch
