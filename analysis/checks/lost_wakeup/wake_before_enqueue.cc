#include "analysis/checks/lost_wakeup/wake_before_enqueue.h"

#include "analysis/checks/lost_wakeup/call_text.h"

namespace wakewatch {

Verdict WakeBeforeEnqueueVerdict(const WakeCall& call) {
  Verdict verdict = VerdictOn(call, LostClass::kWakeBeforeEnqueue, Confidence::kStrong);
  const std::string queue = HexText(call.object);
  verdict.evidence.push_back({call.cpu, call.ns, "wake_up wq=" + queue + ", nobody in it"});
  verdict.evidence.push_back({call.then_cpu, call.then_ns, "it enters wq=" + queue});
  verdict.explanation = WakerText(verdict) + " woke wait queue " + queue +
                        " before it stood in it; it then slept there without what it does after every wake";
  verdict.rule =
      "__wake_up() on an empty queue between the thread's last switch-in and its entering that queue, then its sleep, "
      "and no visible act (complete, wake, queue) that its history shows after wakes between the call and the sleep";
  verdict.assumption = "it did not look at its condition again after it had entered the queue";
  verdict.would_raise = "the value of its condition at the switch-out, which no probe of ours reads";
  return verdict;
}

}  // namespace wakewatch
