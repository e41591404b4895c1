// Why: the engine's tests hold one way of running against another: straight, interrupted and restored, live. They need
// streams of events in which much happens, made up or recorded. Not part of the engine.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "analysis/model/model_test_support.h"
#include "analysis/report/engine.h"
#include "analysis/report/report_json.h"
#include "analysis/trace/formats_list.h"

namespace wakewatch::engine_test {

// Events as a machine might have them, and as none ever would: tasks are woken, run, fork and die, work is queued and
// executed, softirqs are raised, and now and then a CPU loses events or a word of it is a lie.
class MadeUpRun {
 public:
  static constexpr int32_t kCpus = 4;
  static constexpr int32_t kKernelPids = 24;  // from 1 on; user tasks follow

  explicit MadeUpRun(uint32_t seed, size_t steps) : random_(seed) {
    for (int32_t pid = 1; pid <= kKernelPids; ++pid) {
      if (pid % 3 != 0)
        input_.AddThread(pid,
                         pid % 5 == 0 ? "ksoftirqd/" + std::to_string(pid % kCpus) : "kworker/0:" + std::to_string(pid),
                         kPfKthreadFlag, pid % 2 == 0 ? 0 : 1 + random_() % 100'000);
    }
    input_.names().Add(kTick, "tick_sched_timer");
    input_.names().Add(kHelper, "call_usermodehelper_exec_work");
    for (size_t i = 0; i < steps; ++i) Step();
  }

  ScriptInput& input() { return input_; }
  const ScriptInput& input() const { return input_; }
  const std::vector<Event>& events() const { return script_.events(); }

 private:
  static constexpr uint64_t kTick = 0xffffffff81000000, kHelper = 0xffffffff81000800;

  uint32_t Below(uint32_t n) { return random_() % n; }
  bool Once(uint32_t n) { return Below(n) == 0; }
  int32_t SomePid() {
    return Once(3) ? static_cast<int32_t>(100 + Below(40)) : static_cast<int32_t>(1 + Below(kKernelPids));
  }

  void Step() {
    now_ns_ += Once(400) ? uint64_t{Below(4'000)} * 1'000'000 : 1 + Below(Once(10) ? 400 : 30);
    const auto cpu = static_cast<uint16_t>(Below(kCpus));
    script_.On(cpu, Once(4) ? kFlagNeedResched : Once(5) ? kFlagSoftirq : 0);
    int32_t& current = current_[cpu];
    const uint64_t object = 0x1000 + Below(12) * 64, function = 0xffffffff82000000 + Below(6) * 256;
    switch (Below(16)) {
      case 0:
      case 1:
      case 2: Switch(&current); return;
      case 3:
      case 4: Wake(current, cpu); return;
      case 5: Fork(current); return;
      case 6: script_.Migrate(now_ns_, current, SomePid(), cpu, static_cast<int32_t>(Below(kCpus))); return;
      case 7: script_.Work(now_ns_, EventType::kWorkQueue, object, function, current); return;
      case 8: script_.Work(now_ns_, EventType::kWorkActivate, object, function, current); return;
      case 9:
        script_.Work(now_ns_, Once(2) ? EventType::kWorkStart : EventType::kWorkEnd, object, function, current);
        return;
      case 10:
        script_.KthreadWork(now_ns_,
                            Once(3)   ? EventType::kKthreadWorkQueue
                            : Once(2) ? EventType::kKthreadWorkStart
                                      : EventType::kKthreadWorkEnd,
                            object, function, current);
        return;
      case 11:
      case 12: Softirq(current); return;
      case 13:
        script_.Tasklet(now_ns_, Once(2) ? EventType::kTaskletEntry : EventType::kTaskletExit, object, function,
                        current);
        return;
      case 14: script_.Tick(now_ns_, kTick, current); return;
      default:
        if (Once(12)) script_.Gap(now_ns_, Once(5) ? UINT64_MAX : now_ns_ + Below(300), Once(2) ? kLostUnknown : 3);
        if (Once(2)) Interrupt(current);
        if (Once(2)) Lifecycle(current);
    }
  }
  void Interrupt(int32_t current) {
    const EventType types[] = {EventType::kIrqEntry, EventType::kIrqExit, EventType::kTimerExpireEntry,
                               EventType::kTimerExpireExit, EventType::kHrtimerExpireExit};
    const EventType type = types[Below(5)];
    if (type == EventType::kIrqEntry || type == EventType::kIrqExit) {
      script_.Irq(now_ns_, type, static_cast<int32_t>(Below(40)), current);
    } else {
      script_.Timer(now_ns_, type, kHelper + Below(2) * 256, current);
    }
  }
  // Kernel threads are asked for and stopped, and helpers started.
  void Lifecycle(int32_t current) {
    switch (Below(6)) {
      case 0: script_.Waking(now_ns_, current, 2, 0); return;
      case 1: script_.About(now_ns_, EventType::kSchedKthreadStop, current, SomePid()); return;
      case 2: script_.StopRet(now_ns_, current, 0); return;
      case 3: script_.About(now_ns_, EventType::kSchedProcessExit, current, SomePid()); return;
      case 4: script_.About(now_ns_, EventType::kSchedProcessExec, current, SomePid()); return;
      default:
        script_.Work(now_ns_, EventType::kWorkQueue, 0x9000, kHelper, current);
        script_.Work(now_ns_, EventType::kWorkStart, 0x9000, kHelper, current);
        script_.Fork(now_ns_, current, static_cast<int32_t>(100 + Below(40)));
    }
  }
  void Switch(int32_t* current) {
    const int32_t next = Once(3)                     ? 0
                         : ready_.empty() || Once(6) ? SomePid()
                                                     : ready_[Below(static_cast<uint32_t>(ready_.size()))];
    const uint32_t states[] = {kRunnable, kSleepS, kSleepS, kSleepS, kSleepD, kPreemptedR, kZombie};
    const uint32_t state = states[Below(Once(3) ? 7 : 6)];
    const int32_t prev = Once(60) ? SomePid() : *current;
    script_.Switch(now_ns_, prev, state, next, static_cast<int16_t>(Once(5) ? 49 : 120));
    if (state == kZombie && Once(2)) script_.Free(now_ns_, next, prev);
    std::erase(ready_, next);
    if (state == kPreemptedR) ready_.push_back(prev);
    *current = next;
  }
  void Wake(int32_t waker, uint16_t cpu) {
    const int32_t pid = SomePid();
    if (!Once(8)) script_.Waking(now_ns_, waker, pid, cpu);
    now_ns_ += Below(40);
    if (!Once(8)) script_.Wakeup(now_ns_, waker, pid, cpu);
    ready_.push_back(pid);
  }
  void Fork(int32_t parent) {
    const int32_t child = static_cast<int32_t>(100 + Below(40));
    if (!Once(8)) script_.Fork(now_ns_, Once(4) ? 2 : parent, child);
    script_.WakeupNew(now_ns_, parent, child, 0);
    ready_.push_back(child);
  }
  void Softirq(int32_t current) {
    const uint32_t vec = Once(2) ? 6 : Below(11);
    script_.Softirq(now_ns_,
                    Once(3)   ? EventType::kSoftirqRaise
                    : Once(2) ? EventType::kSoftirqEntry
                              : EventType::kSoftirqExit,
                    vec, current);
  }

  std::mt19937 random_;
  ScriptInput input_;
  Script script_;
  uint64_t now_ns_ = 1000;
  int32_t current_[kCpus] = {};
  std::vector<int32_t> ready_;
};

// All events of a recording in merged order, and what they lie in.
struct Recorded {
  std::unique_ptr<TraceInput> input;
  std::vector<std::unique_ptr<EventBlock>> blocks;
  std::vector<Event> events;

  static Recorded Read(const std::string& path) {
    Recorded recorded;
    auto input = OpenTrace(path);
    EXPECT_TRUE(input) << path;
    if (!input) return recorded;
    recorded.input = *std::move(input);
    auto readers = recorded.input->OpenCpus();
    EXPECT_TRUE(readers) << path;
    if (!readers) return recorded;
    for (const auto& reader : *readers) {
      for (;;) {
        auto& block = recorded.blocks.emplace_back(std::make_unique<EventBlock>());
        const auto more = reader->Fill(block.get(), 4096);
        if (!more || !*more) break;
        recorded.events.insert(recorded.events.end(), block->events.begin(), block->events.end());
      }
    }
    std::stable_sort(recorded.events.begin(), recorded.events.end(), [](const Event& a, const Event& b) {
      return a.ts_ns != b.ts_ns ? a.ts_ns < b.ts_ns : a.cpu < b.cpu;
    });
    return recorded;
  }
};

inline EngineOptions TightOptions(bool live) {
  EngineOptions options;
  options.latency_threshold_ns = 100;
  options.hung_threshold_ns = 2000;
  options.live = live;
  return options;
}

inline std::unique_ptr<Engine> MakeEngine(const TraceInput& input, const EngineOptions& options) {
  auto engine = Engine::Create(input, options);
  EXPECT_TRUE(engine);
  return *std::move(engine);
}

template <typename Events>
void Push(const Events& events, size_t from, size_t to, Engine* engine) {
  for (size_t i = from; i < to; ++i) engine->Push(events[i]);
}

inline std::string Json(const Report& report) { return ReportJson(report, true); }

}  // namespace wakewatch::engine_test
