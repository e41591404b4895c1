#include "analysis/checks/lost_wakeup/state_overwritten.h"

#include "analysis/checks/lost_wakeup/call_text.h"

namespace wakewatch {

Verdict StateOverwrittenVerdict(const WakeCall& call) {
  Verdict verdict = VerdictOn(call, LostClass::kStateOverwritten, Confidence::kStrong);
  verdict.evidence.push_back({call.cpu, call.ns, "sched_waking of the thread on its CPU"});
  verdict.explanation = WakerText(verdict) +
                        " woke it while it was on its CPU, it set its state again, and slept without what it does "
                        "after every wake";
  verdict.rule =
      "sched_waking of a thread on its CPU, then its switch-out asleep, and no visible act (complete, wake, queue) "
      "that "
      "its history shows after such wakes in between";
  verdict.assumption = "the wakeup announced something new: the thread had not taken it already";
  verdict.would_raise = "the value of its condition at the switch-out, which no probe of ours reads";
  return verdict;
}

}  // namespace wakewatch
