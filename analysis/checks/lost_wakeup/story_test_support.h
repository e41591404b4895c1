// Why: stories about lost wakeups have the same cast: a kernel thread that drains (pid 7, on CPU 0), a task that feeds
// it (pid 5, on CPU 1), and rounds in which all is well, from which the rules learn. Times are in ms. Not part of the
// checks.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "analysis/checks/lost_wakeup/restart_test_support.h"

namespace wakewatch {

inline constexpr uint64_t kMs = 1'000'000;
inline constexpr int32_t kDrain = 7, kFeed = 5;
inline constexpr uint64_t kQueue = 0x1000, kDone = 0x2000;
inline constexpr uint32_t kStateS = 1, kStateD = 2, kModeNormal = 3, kModeInterruptible = 1;

inline Event::Probe TtwuFields(int32_t pid, uint32_t state, uint32_t mode = kModeNormal) {
  return {0, 0, pid, state, mode, 0};
}
inline Event::Probe CompletionFields(uint64_t x, uint32_t done, bool empty) {
  return {x, empty ? x + 16 : x + 0x900000, 0, 0, 0, done};
}
inline Event::Probe WakeQueueFields(uint64_t queue, bool empty) {
  return {queue, empty ? queue + 8 : queue + 0x900000, 0, 0, kModeInterruptible, 1};
}
inline Event::Probe EnterFields(uint64_t queue, uint32_t state) { return {queue, 0, 0, state, 0, 0}; }

class Story {
 public:
  // The drain's first sleep begins.
  explicit Story(uint32_t letter = kSleepS) : letter_(letter) { script_.On(0).Switch(1 * kMs, kDrain, letter_, 0); }
  Script& script() { return script_; }

  // The feeder calls try_to_wake_up() and wakes the sleeping drain, which comes onto its CPU a ms later.
  Story& Wake(uint64_t ms) {
    Call(ms, letter_ == kSleepD ? kStateD : kStateS, true);
    script_.On(0).Wakeup(ms * kMs + 200'000, 0, kDrain, 0).Switch((ms + 1) * kMs, 0, kRunnable, kDrain);
    return *this;
  }
  // A call that finds the drain in `state`; `woke`: and wakes it.
  Story& Call(uint64_t ms, uint32_t state, bool woke, uint32_t mode = kModeNormal) {
    script_.On(1).Probe(ms * kMs, EventType::kProbeTtwu, kFeed, TtwuFields(kDrain, state, mode));
    if (woke) script_.Waking(ms * kMs + 100'000, kFeed, kDrain, 0);
    script_.On(1).Probe(ms * kMs + 150'000, EventType::kProbeTtwuRet, kFeed, {0, 0, 0, 0, 0, woke ? 1u : 0u});
    return *this;
  }
  Story& Answer(uint64_t ms) {
    script_.On(0).Probe(ms * kMs, EventType::kProbeComplete, kDrain, CompletionFields(kDone, 0, true));
    return *this;
  }
  Story& Sleep(uint64_t ms) {
    script_.On(0).Switch(ms * kMs, kDrain, letter_, 0);
    return *this;
  }
  // Rounds of 20 ms in which the drain is woken and answers (or not), from `ms` on.
  Story& Rounds(uint64_t ms, int count, bool answers = true) {
    for (int i = 0; i < count; ++i, ms += 20) {
      Wake(ms);
      if (answers) Answer(ms + 2);
      Sleep(ms + 3);
    }
    return *this;
  }
  // An interrupt on the drain's CPU wakes it.
  Story& Rescue(uint64_t ms) {
    script_.On(0, kFlagHardirq).Waking(ms * kMs, 0, kDrain, 0).Wakeup(ms * kMs + 1000, 0, kDrain, 0);
    script_.On(0).Switch(ms * kMs + 2000, 0, kRunnable, kDrain);
    return *this;
  }
  // Something happens elsewhere, so time is known to have passed.
  Story& Pass(uint64_t ms) {
    script_.On(1).Switch(ms * kMs, 0, kRunnable, 99).On(1).Switch(ms * kMs + 1000, 99, kSleepS, 0);
    return *this;
  }

 private:
  Script script_;
  uint32_t letter_;
};

// "check-before-sleep strong 43..143 open; ": class, confidence, start and end in ms of each finding, in their order.
inline std::string TextOf(const std::vector<Finding>& findings) {
  std::string text;
  for (const Finding& finding : findings) {
    text += finding.cls + " " + std::string(Name(finding.confidence)) + " " + std::to_string(finding.start_ns / kMs) +
            ".." + std::to_string(finding.end_ns / kMs) + (finding.open ? " open; " : "; ");
  }
  return text;
}
// What is told of a story, and that restarts change nothing of it.
inline std::string ToldOf(const std::vector<Event>& events, LostWakeupRun* run) {
  run->input().AddThread(kDrain, "drain", kPfKthreadFlag);
  const std::string told = TextOf(run->Play(events).findings());
  EXPECT_EQ(told, TextOf(run->FindingsWithRestarts(events))) << "with restarts";
  return told;
}
inline std::string ToldOf(Story story, LostWakeupRun* run) { return ToldOf(story.script().events(), run); }
inline std::string ToldOf(Story story) {
  LostWakeupRun run;
  return ToldOf(std::move(story), &run);
}

}  // namespace wakewatch
