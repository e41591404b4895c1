#include "analysis/checks/priority_inversion.h"

#include <gtest/gtest.h>

#include "analysis/checks/check_test_support.h"

namespace wakewatch {
namespace {

constexpr uint64_t kMs = 1'000'000;
constexpr int16_t kRealTimePrio = 40;

// A real-time thread is woken at 1000 ms on CPU 1, where `runner` of `runner_prio` goes on until `in_ms`. Before that a
// real-time task had the CPU from `busy_from_ms` on.
std::string Told(int16_t runner_prio, uint64_t in_ms, uint64_t busy_from_ms = 999, uint8_t flags = 0) {
  CheckRun run(PriorityInversion::kInfo);
  run.options().latency_threshold_ns = 5 * kMs;
  run.input().AddThread(7, "irq/24-eth0", kPfKthreadFlag, 0, "1");
  Script script;
  script.On(1)
      .Switch(1 * kMs, 7, kSleepS, 0)
      .Switch(busy_from_ms * kMs, 0, 0, 6, kRealTimePrio)
      .Switch(999 * kMs + 1, 6, kSleepS, 8, runner_prio)
      .Waking(1000 * kMs, 8, 7, 1)
      .Wakeup(1000 * kMs + 1, 8, 7, 1);
  std::vector<Event> events = script.events();
  for (const size_t i : {size_t{3}, size_t{4}}) events[i].wake.prio = kRealTimePrio;
  Script rest;
  rest.On(1, flags);
  for (uint64_t ms = 1004; ms < in_ms; ms += 4) rest.Tick(ms * kMs, 1, 8);
  rest.On(1).Switch(in_ms * kMs, 8, kPreemptedR, 7, kRealTimePrio);
  events.insert(events.end(), rest.events().begin(), rest.events().end());
  run.Play(events);
  return run.Told();
}

TEST(PriorityInversion, ATaskOfLowerRankRanOn) {
  EXPECT_EQ("unexplained 7 1000000000..1060000000; ", Told(120, 1060));
  EXPECT_EQ("unexplained 7 1000000000..1060000000; ", Told(41, 1060)) << "also of real-time tasks";
}

TEST(PriorityInversion, SaysNothing) {
  EXPECT_EQ("", Told(39, 1060)) << "of a task of higher rank";
  EXPECT_EQ("", Told(kRealTimePrio, 1060)) << "of one of the same rank";
  EXPECT_EQ("", Told(120, 1028)) << "of less than three of the longest ticks";
  EXPECT_EQ("", Told(120, 1060, 100)) << "where real-time tasks had most of the last second: they may be throttled";
  EXPECT_EQ("", Told(120, 1060, 999, kFlagNeedResched)) << "of a section without preemption";
}

}  // namespace
}  // namespace wakewatch
