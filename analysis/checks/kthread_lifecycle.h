// Why: a kernel thread that starts or stops late holds up whoever waits for it. One pass follows three protocols:
//   creation  the creator puts a request on kthreadd's list and wakes it; kthreadd forks; the child completes the
//             request, which wakes the creator if it sleeps, and sleeps until it is started (kthread_run, or a later
//             wake_up_process); then it runs its function.
//   stop      sched_kthread_stop, the thread's exit, sched_kthread_stop_ret. The last names no thread: it belongs to
//             the last stop of that stopper which has not returned. The thread wakes its stopper inside of do_exit, a
//             little before sched_process_exit, so the return may come first.
//   helper    a kworker executes call_usermodehelper_exec_work, forks, and the child executes a program.
// kthreadd serves a list, and a request that comes while it is awake emits nothing, so a fork alone does not tell whose
// it is. The creator is named on the child's own evidence only: the child woke it out of D in its first run, and it had
// a request open or is the one that starts the child; or it had a request open and starts the child.
// Source: kernel/kthread.c (__kthread_create_on_node, create_kthread, kthread, kthread_stop), kernel/exit.c
// (do_exit), kernel/umh.c.
#pragma once

#include <deque>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "analysis/checks/check.h"

namespace wakewatch {

class KthreadLifecycle : public Check {
 public:
  explicit KthreadLifecycle(const CheckInput& input) : input_(input) {}
  void OnStep(const Step& step) override;
  void Summarise(uint64_t end_ns, Summaries* summaries) const override;
  void Forget(const Task& task) override;
  void Save(ArchiveWriter& archive) const override { Fields(*this, archive); }
  void Load(ArchiveReader& archive) override { Fields(*this, archive); }

  static const CheckInfo kInfo;

 private:
  static constexpr int32_t kKthreaddPid = 2;
  static constexpr size_t kOpenMax = 8192;  // of each kind; more at once are a hostile trace, or ends that were lost
  // Bits of watched_.
  static constexpr uint8_t kChild = 1, kRequester = 2;

  enum class Phase : uint8_t {
    kSettled,   // it runs its function, or its creation was not seen or is not known
    kForked,    // never on a CPU
    kFirstRun,  // has not slept yet
    kParked,    // sleeps until somebody starts it
    kStarted,   // was woken, does not run yet
  };
  friend constexpr Phase LastOf(Phase) { return Phase::kStarted; }
  struct Thread {
    KthreadLife life;
    Phase phase = Phase::kSettled;
    int32_t completed_pid = -1;  // whom it woke out of D in its first run; -1: nobody
    bool several_woken = false;  // more than one: nobody can be told from it
    uint64_t begun_ns = 0;       // its first event, for the span and the order
    static void Fields(auto& self, auto& archive) {
      archive(self.life, self.phase, self.completed_pid, self.several_woken, self.begun_ns);
    }
  };
  struct Request {
    uint64_t ns = 0;
    uint64_t forks = 0;  // of kthreadd, when it was made
    static void Fields(auto& self, auto& archive) { archive(self.ns, self.forks); }
  };
  struct Stop {
    int32_t pid = 0;
    uint64_t ns = 0;
    static void Fields(auto& self, auto& archive) { archive(self.pid, self.ns); }
  };
  // A kworker inside call_usermodehelper_exec_work.
  struct Execution {
    uint64_t work = 0, queue_ns = 0, start_ns = 0;
    static void Fields(auto& self, auto& archive) { archive(self.work, self.queue_ns, self.start_ns); }
  };
  static void Fields(auto& self, auto& archive) {
    archive(self.watched_, self.forks_, self.requests_, self.threads_, self.stops_, self.over_, self.queued_,
            self.executing_, self.helpers_, self.helpers_over_, self.told_, self.given_up_);
  }

  void OnSwitch(const Step& step);
  void OnWaking(const Step& step);
  void OnFork(const Step& step);
  void OnExec(const Event& event);
  void OnExit(const Step& step);
  void OnStop(const Step& step);
  void OnStopRet(const Event& event);
  void OnWorkStart(const Event& event);

  uint8_t& Watched(const Task& task) {
    if (task.index >= watched_.size()) [[unlikely]]
      watched_.resize(task.index + size_t{1});
    return watched_[task.index];
  }
  bool IsWatched(const Task* task, uint8_t bit) const {
    return task != nullptr && task->index < watched_.size() && (watched_[task->index] & bit) != 0;
  }
  // The creation of `task` as far as it can be followed; null when it is not, or not any more.
  Thread* Child(const Task& task);
  void Settle(const Task& task, Thread* thread);
  void Completes(const Step& step);
  void StartedBy(const Step& step, Thread* thread);
  void NameCreator(int32_t pid, Thread* thread);
  void RunsFunction(const Task& task, uint64_t now_ns, Thread* thread);
  void CloseRequest(const Task& task);
  std::string CommOf(int32_t pid) const;
  Thread& ThreadOf(int32_t pid, uint64_t now_ns);
  // It is over, or given up.
  void File(int32_t pid);
  void FileAll();
  void FileHelper(int32_t pid);
  bool IsHelperWork(uint64_t function);
  template <typename Map>
  void MakeRoom(Map* map);
  // Adds `end - start` where both are known.
  static void Measure(uint64_t start_ns, uint64_t end_ns, Histogram* histogram);

  const CheckInput input_;
  std::vector<uint8_t> watched_;                          // by Task::index
  uint64_t forks_ = 0;                                    // by kthreadd
  std::unordered_map<int32_t, Request> requests_;         // by creator
  std::unordered_map<int32_t, Thread> threads_;           // alive, or a stop of it has not returned; by pid
  std::unordered_map<int32_t, std::vector<Stop>> stops_;  // by stopper, the innermost last
  std::deque<Thread> over_;                               // the newest last
  std::unordered_map<uint64_t, uint64_t> queued_;         // helpers' work items: when each was queued
  std::unordered_map<int32_t, Execution> executing_;      // by kworker
  std::unordered_map<int32_t, HelperRun> helpers_;        // by child
  std::deque<HelperRun> helpers_over_;
  LifecycleSummary told_;  // of what is over: figures, and how many were left out
  uint64_t given_up_ = 0;

  // What is known about functions by their address; not saved, since names are asked again.
  uint64_t helper_function_ = 0;
  std::unordered_set<uint64_t> other_functions_;
};

}  // namespace wakewatch
