#include "analysis/checks/lost_wakeup/check_before_sleep.h"

#include "analysis/checks/lost_wakeup/call_text.h"

namespace wakewatch {

Verdict CheckBeforeSleepVerdict(const WakeCall& call) {
  Verdict verdict = VerdictOn(call, LostClass::kCheckBeforeSleep, Confidence::kStrong);
  verdict.evidence.push_back({call.cpu, call.ns, TtwuText(call)});
  verdict.explanation = WakerText(verdict) +
                        " tried to wake it while it was still running, which does nothing; it then slept without what "
                        "it does after every wake";
  verdict.rule =
      "try_to_wake_up() found the thread in TASK_RUNNING between its last switch-in and its sleep, and no visible act "
      "(complete, wake, queue) that its history shows after such wakes came between the call and the sleep";
  verdict.assumption = "the call announced something new: the thread had not taken it in an earlier pass already";
  verdict.would_raise = "the value of its condition at the switch-out, which no probe of ours reads";
  return verdict;
}

}  // namespace wakewatch
