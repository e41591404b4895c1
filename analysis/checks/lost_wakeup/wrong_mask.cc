#include "analysis/checks/lost_wakeup/wrong_mask.h"

#include "analysis/checks/lost_wakeup/call_text.h"

namespace wakewatch {

bool IsWaitState(uint32_t state) {
  // Source: include/linux/sched.h. TASK_WAKEKILL, TASK_NOLOAD and TASK_FREEZABLE qualify a sleep.
  constexpr uint32_t kInterruptible = 0x1, kUninterruptible = 0x2;
  constexpr uint32_t kWakeKill = 0x100, kNoLoad = 0x400, kFreezable = 0x2000;
  const uint32_t sleep = state & (kInterruptible | kUninterruptible);
  return sleep != 0 && (state & ~(kInterruptible | kUninterruptible | kWakeKill | kNoLoad | kFreezable)) == 0;
}

Verdict WrongMaskVerdict(const WakeCall& call) {
  Verdict verdict = VerdictOn(call, LostClass::kWrongMask, Confidence::kStrong);
  verdict.evidence.push_back(
      {call.then_cpu, call.then_ns, "prepare_to_wait wq=" + HexText(call.object) + " state=" + HexText(call.state)});
  verdict.evidence.push_back({call.cpu, call.ns, TtwuText(call)});
  verdict.explanation = WakerText(verdict) + " tried to wake it from state mask " + HexText(call.mode) +
                        ", but it waits in state " + HexText(call.state);
  verdict.rule =
      "try_to_wake_up() with a mask that does not hold the state in which the thread had put itself into a wait queue; "
      "the thread slept on";
  verdict.assumption = "the call was meant for this wait, and no other waker of the queue names its state";
  verdict.would_raise = "the source of the waker: which wake_up variant it calls";
  return verdict;
}

}  // namespace wakewatch
