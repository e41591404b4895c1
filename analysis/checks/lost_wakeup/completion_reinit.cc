#include "analysis/checks/lost_wakeup/completion_reinit.h"

#include "analysis/checks/lost_wakeup/call_text.h"

namespace wakewatch {

Verdict CompletionReinitVerdict(const CompletionWait& wait) {
  Verdict verdict;
  verdict.cls = LostClass::kCompletionReinit;
  verdict.confidence = Confidence::kStrong;
  verdict.waker_pid = wait.complete.pid;
  verdict.waker_comm = wait.complete.comm;
  const std::string object = HexText(wait.object);
  verdict.evidence.push_back({wait.complete.cpu, wait.complete.ns, "complete x=" + object + ", nobody in its list"});
  verdict.evidence.push_back({wait.cpu, wait.ns, "wait_for_completion x=" + object + " done=0"});
  verdict.explanation =
      WakerText(verdict) + " completed " + object + " before it waited, but when it began to wait that was wiped out";
  verdict.rule =
      "complete() with nobody waiting, then wait_for_completion() on it entered with done = 0 although nobody took it, "
      "and a wait longer than usual";
  verdict.assumption =
      "the completion was meant for this wait: it was not taken by try_wait_for_completion(), nor "
      "given up before it was re-initialised";
  verdict.would_raise = "a probe on reinit_completion()'s caller, which is inlined";
  return verdict;
}

}  // namespace wakewatch
