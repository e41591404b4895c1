// Why: the ways in which a wakeup gets lost, by the names that people and programs see, and which of them is believed
// when several explain one sleep.
#pragma once

#include <cstdint>
#include <string_view>

namespace wakewatch {

enum class LostClass : uint8_t {
  kCheckBeforeSleep,   // the condition was checked before the state was set, or not again after it
  kStateOverwritten,   // woken while running, then its state was set again
  kWakeBeforeEnqueue,  // the queue was woken before the sleeper stood in it
  kWaitqueueActive,    // waitqueue_active() without a barrier
  kCompletionInit,     // init_completion() with a waiter queued
  kCompletionReinit,   // re-initialised after complete(), or complete_all() reused
  kKthreadStop,        // kthread_stop() against a thread that checks before it sets its state
  kExclusiveConsumed,  // an exclusive wake taken by a waiter that leaves
  kWrongMask,          // woken for states that it does not sleep in
  kWakeUndelivered,    // sched_waking without sched_wakeup
  kTimerLost,          // a timer that was due and did not expire
  kTimerCancelled,     // the timer that wakes it was cancelled by another task
  kSoftirqStuck,       // a pending softirq that nobody runs
  kUndecided,          // somebody who wakes it waits for it in vain: how it was lost is not seen
};
constexpr LostClass LastOf(LostClass) { return LostClass::kUndecided; }
inline constexpr size_t kLostClasses = static_cast<size_t>(LostClass::kUndecided) + 1;

// "check-before-sleep".
constexpr std::string_view Name(LostClass cls) {
  switch (cls) {
    case LostClass::kCheckBeforeSleep: return "check-before-sleep";
    case LostClass::kStateOverwritten: return "state-overwritten";
    case LostClass::kWakeBeforeEnqueue: return "wake-before-enqueue";
    case LostClass::kWaitqueueActive: return "waitqueue-active";
    case LostClass::kCompletionInit: return "completion-init-with-waiter";
    case LostClass::kCompletionReinit: return "completion-reinit";
    case LostClass::kKthreadStop: return "kthread-stop";
    case LostClass::kExclusiveConsumed: return "exclusive-consumed";
    case LostClass::kWrongMask: return "wrong-mask";
    case LostClass::kWakeUndelivered: return "wake-undelivered";
    case LostClass::kTimerLost: return "timer-lost";
    case LostClass::kTimerCancelled: return "timer-cancelled";
    case LostClass::kSoftirqStuck: return "softirq-stuck";
    case LostClass::kUndecided: return "undecided";
  }
  return "undecided";
}

}  // namespace wakewatch
