// Why: the smallest program that loses a wakeup and shows something of it, every instruction known.
#pragma once

#include "analysis/protocol/search/program_test_support.h"

namespace wakewatch::protocol {

inline constexpr uint32_t kSleeper = 0, kWaker = 1;                      // tasks
inline constexpr uint32_t kWakingKind = 0, kOutKind = 1, kNoopKind = 2;  // events

// The sleeper looks at `cond` and sleeps where it is not set; the waker sets it and wakes. Waking and sleeping are seen
// at E0, a wake of a task that does not sleep at E1. With `looks_again` the sleeper looks once more where it cannot
// miss it.
inline Program SleeperProgram(bool looks_again = false) {
  Assembler assembler(Memory::kSc);
  const auto cond = static_cast<int32_t>(assembler.Global("cond"));
  const int32_t on_rq = cond + 1 + static_cast<int32_t>(Assembler::kOnRq);  // of the sleeper, whose region comes next
  for (const char* name : {"sched_waking", "sched_switch_out"}) {
    assembler.Event({name, 0, {EventKind::Arg::kTask}});
  }
  assembler.Event({"ttwu", 1, {EventKind::Arg::kTask}});
  const int32_t self = static_cast<int32_t>(kSleeper);
  const std::vector<Instruction> sleep = {{Op::kAtomicBegin}, {Op::kConst, 0},        {Op::kStore, on_rq},
                                          {Op::kConst, self}, {Op::kEvent, kOutKind}, {Op::kAtomicEnd},
                                          {Op::kPoint, 2}};
  const std::vector<Instruction> look_and_sleep = {{Op::kAtomicBegin},  {Op::kLoad, cond},  {Op::kJumpIfZero, 5},
                                                   {Op::kAtomicEnd},    {Op::kPoint, 3},    {Op::kConst, 0},
                                                   {Op::kStore, on_rq}, {Op::kConst, self}, {Op::kEvent, kOutKind},
                                                   {Op::kAtomicEnd},    {Op::kPoint, 2}};
  std::vector<Point> points(4);
  points[2].kind = PointKind::kSleep;
  assembler.Code(points, {{{Op::kLoad, cond}, {Op::kJumpIfZero, 3}, {Op::kPoint, 3}, {Op::kPoint, 1}},
                          looks_again ? look_and_sleep : sleep,
                          {{Op::kLoad, on_rq}, {Op::kAwait}, {Op::kPoint, 3}},
                          {{Op::kEnd}}});
  assembler.Condition(2, "cond", {{Op::kLoad, cond}, {Op::kResult}});
  assembler.Add("sleeper", 0);
  assembler.Code({}, {{{Op::kConst, 1}, {Op::kStore, cond}, {Op::kPoint, 1}},
                      {{Op::kAtomicBegin},
                       {Op::kLoad, on_rq},
                       {Op::kJumpIfZero, 7},
                       {Op::kConst, self},
                       {Op::kEvent, kNoopKind},
                       {Op::kAtomicEnd},
                       {Op::kPoint, 2},
                       {Op::kConst, self},
                       {Op::kEvent, kWakingKind},
                       {Op::kConst, 1},
                       {Op::kStore, on_rq},
                       {Op::kAtomicEnd},
                       {Op::kPoint, 2}},
                      {{Op::kEnd}}});
  assembler.Add("waker", 1);
  return assembler.End();
}

}  // namespace wakewatch::protocol
