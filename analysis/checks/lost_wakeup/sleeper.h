// Why: what the rules about a sleeper's own mistakes have in common: the window from its coming back onto a CPU to its
// next sleep, the wake calls that fell into that window and woke nobody, what it visibly did in it, and what it was
// seen to do after wakes before. All of it is of one kernel thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "analysis/base/archive.h"
#include "analysis/checks/check.h"
#include "analysis/checks/lost_wakeup/period.h"
#include "analysis/checks/lost_wakeup/verdict.h"

namespace wakewatch {

// Why a wake call woke nobody.
enum class CallKind : uint8_t {
  kNoOp,          // the sleeper was RUNNING
  kWokenRunning,  // its state was set back to RUNNING while it was still on its CPU
  kEmptyQueue,    // nobody stood in the queue
  kWrongMask,     // its state is not among those that were to be woken
};
constexpr CallKind LastOf(CallKind) { return CallKind::kWrongMask; }

struct WakeCall {
  CallKind kind = CallKind::kNoOp;
  uint64_t ns = 0;
  uint64_t then_ns = 0;  // kEmptyQueue: when the sleeper came to stand in the queue; kWrongMask: set its state
  uint64_t object = 0;   // the queue; 0: none
  uint32_t cpu = 0, then_cpu = 0;
  uint32_t state = 0, mode = 0;
  int32_t pid = -1;  // who called; -1: an interrupt
  std::string comm;
  static void Fields(auto& self, auto& archive) {
    archive(self.kind, self.ns, self.then_ns, self.object, self.cpu, self.then_cpu, self.state, self.mode, self.pid,
            self.comm);
  }
};

// Something that others can see a thread do.
enum class ActKind : uint8_t { kComplete, kWakeQueue, kWakeTask, kQueueWork };
constexpr ActKind LastOf(ActKind) { return ActKind::kQueueWork; }
inline constexpr size_t kActKinds = static_cast<size_t>(LastOf(ActKind{})) + 1;
// When a kind was first and last seen of anybody: 0 never.
struct ActSeen {
  uint64_t first_ns = 0, last_ns = 0;
  static void Fields(auto& self, auto& archive) { archive(self.first_ns, self.last_ns); }
};
using ActsSeen = std::array<ActSeen, kActKinds>;
struct Act {
  uint64_t ns = 0;
  uint32_t key = 0;  // of the kind alone, or of the kind and the object

  // Objects may be new each time, so a habit can be one of the kind alone.
  static uint32_t KeyOf(ActKind kind) { return static_cast<uint32_t>(kind) + 1; }
  static uint32_t KeyOf(ActKind kind, uint64_t object);
  static bool OfObject(uint32_t key) { return key >= 0x100; }
  static void Fields(auto& self, auto& archive) { archive(self.ns, self.key); }
};

// Which acts follow the wakes of one waker, as a rule.
class ActHabit {
 public:
  // A wake: what the thread does from now on answers it.
  void Begin(uint64_t now_ns) {
    if (begun_ns_ != 0) ++n_;
    begun_ns_ = now_ns;
    seen_ = 0;
    answered_ = false;
  }
  void Add(uint32_t key, uint64_t now_ns);
  // From a wake to the first usual act.
  const Period& response() const { return response_; }
  uint32_t n() const { return n_; }
  // It was seen after at least nine in ten wakes. Where acts on certain objects are usual, only those count.
  bool Usual(uint32_t key) const;
  bool HasUsual() const;
  // A kind of its usual acts was seen of anybody before `window_ns` and from then on: acts of that kind are recorded.
  bool UsualSeenAround(uint64_t window_ns, const ActsSeen& seen) const;
  static void Fields(auto& self, auto& archive) {
    archive(self.n_, self.begun_ns_, self.seen_, self.answered_, self.counts_, self.response_);
  }

 private:
  struct Count {
    uint32_t key = 0, hits = 0;
    static void Fields(auto& self, auto& archive) { archive(self.key, self.hits); }
  };
  bool Usual(const Count& count) const { return count.hits != 0 && n_ >= kLearnedMin && count.hits * 10 >= n_ * 9; }
  bool HasUsualObject() const;

  uint32_t n_ = 0;         // wakes whose answers are known
  uint64_t begun_ns_ = 0;  // the one that is not over
  bool answered_ = false;  // by a usual act
  uint32_t seen_ = 0;      // bits of counts_ that followed it
  std::array<Count, 12> counts_;
  Period response_;
};

// A sleep with wake calls in front of it that woke nobody.
struct DoubtfulSleep {
  Verdicts::Sleep sleep;
  uint64_t window_ns = 0;
  uint32_t wakes = 0;  // that the window began with, and that something is owed for: 0 or 1
  std::vector<WakeCall> calls;
  std::vector<Act> acts;
  static void Fields(auto& self, auto& archive) {
    archive(self.sleep, self.window_ns, self.wakes, self.calls, self.acts);
  }
};

struct Sleeper {
  static constexpr size_t kCallsMax = 6, kActsMax = 16, kHabitsMax = 8, kHeldMax = 4;

  int32_t pid = 0;
  bool coming = true;           // it is asleep, or woken and not on a CPU yet
  uint64_t window_ns = 0;       // it came onto a CPU out of a sleep; 0: not seen
  uint32_t window_wakes = 0;    // as DoubtfulSleep::wakes
  bool owing = false;           // the sleep that it was in had calls in front of it
  uint32_t sleeps = 0;          // tells one sleep from the next
  std::vector<WakeCall> calls;  // in this window, the newest
  std::vector<Act> acts;        // in this window, the newest
  uint64_t prepared_queue = 0, prepared_ns = 0;
  uint32_t prepared_state = 0, prepared_cpu = 0;
  // After the wakes of one task, or of anybody but its own timer, out of sleeps of one letter: what it waits for in D
  // is another thing than what it idles for in S.
  struct OfWaker {
    int32_t pid = -1;
    char letter = 0;
    ActHabit habit;
    static void Fields(auto& self, auto& archive) { archive(self.pid, self.letter, self.habit); }
  };
  static constexpr int32_t kAnybody = -2;
  std::vector<OfWaker> habits;
  std::vector<DoubtfulSleep> pending;  // the one that it is in, before its deadline
  std::vector<DoubtfulSleep> held;     // behind their deadlines, until enough is learnt to judge them

  // A wake out of a sleep of `letter`, by a task or (-1) by an interrupt.
  void BeginHabits(int32_t pid, char letter, uint64_t now_ns);
  const ActHabit* HabitOf(int32_t pid, char letter) const;
  void AddCall(WakeCall call);
  void AddAct(ActKind kind, uint64_t object, uint64_t now_ns);
  void BeginWindow(uint64_t now_ns);
  static void Fields(auto& self, auto& archive) {
    archive(self.pid, self.coming, self.window_ns, self.window_wakes, self.owing, self.sleeps, self.calls, self.acts,
            self.prepared_queue, self.prepared_ns, self.prepared_state, self.prepared_cpu, self.habits, self.pending,
            self.held);
  }
};

// What a sleeper's history says of a wake call.
enum class Answer : uint8_t {
  kUnlearned,  // too few wakes were seen to know how it answers them, or its answers may not be recorded any more
  kSilent,     // it answers wakes in no visible way
  kAnswered,   // it did what it does after a wake
  kMissing,    // it did not
};
Answer AnswerTo(const WakeCall& call, const DoubtfulSleep& sleep, const Sleeper& sleeper, const ActsSeen& seen);

}  // namespace wakewatch
