#include "analysis/checks/lost_wakeup/completion_init.h"

#include "analysis/checks/lost_wakeup/call_text.h"

namespace wakewatch {

Verdict CompletionInitVerdict(const CompletionWait& wait) {
  Verdict verdict;
  verdict.cls = LostClass::kCompletionInit;
  verdict.confidence = Confidence::kProven;
  verdict.waker_pid = wait.complete.pid;
  verdict.waker_comm = wait.complete.comm;
  const std::string object = HexText(wait.object);
  verdict.evidence.push_back({wait.cpu, wait.ns, "wait_for_completion x=" + object + " done=0"});
  verdict.evidence.push_back({wait.complete.cpu, wait.complete.ns, "complete x=" + object + ", nobody in its list"});
  verdict.explanation = WakerText(verdict) + " completed " + object +
                        " while it slept in wait_for_completion() on it, and its list of waiters was empty";
  verdict.rule = "complete() finds an empty list while a task that entered wait_for_completion() on it still sleeps";
  return verdict;
}

}  // namespace wakewatch
