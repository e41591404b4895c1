#include "analysis/protocol/search/search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <thread>

#include "analysis/protocol/search/interpreter.h"
#include "analysis/protocol/search/program_test_support.h"

namespace wakewatch::protocol {
namespace {

using Code = std::vector<Instruction>;

// As many threads as wanted, each taking the next piece of work.
CheckHost Threads(size_t count) {
  CheckHost host;
  host.parallel = [count](size_t n, const std::function<void(size_t)>& work) {
    std::atomic<size_t> next{0};
    std::vector<std::thread> threads;
    for (size_t thread = 0; thread < count; ++thread) {
      threads.emplace_back([&] {
        for (size_t at = next++; at < n; at = next++) work(at);
      });
    }
    for (std::thread& thread : threads) thread.join();
  };
  return host;
}

CheckResult Checked(const Program& program, CheckOptions options = {}, const CheckHost& host = {}) {
  options.memory = program.memory;
  auto result = Search(program, options, host);
  EXPECT_TRUE(result.has_value()) << (result ? "" : result.error().Text());
  return result ? std::move(*result) : CheckResult{};
}

CheckOptions Plain() {
  CheckOptions options;
  options.partial_order = options.symmetry = false;
  return options;
}

// A task that checks, sets its state and sleeps, and one that sets the condition and wakes it.
Program SleeperAndWaker(bool sets_first, Memory memory = Memory::kSc, bool barrier = true) {
  Assembler a(memory);
  const int32_t cond = static_cast<int32_t>(a.Global("cond"));
  const int32_t state = cond + 1, on_rq = cond + 2;  // of the sleeper, whose region comes next
  const Code set =
      barrier ? Code{{Op::kAtomicBegin}, {Op::kConst, 1}, {Op::kStore, state}, {Op::kAtomicEnd}, {Op::kPoint, 1}}
              : Code{{Op::kConst, 1}, {Op::kStore, state}, {Op::kPoint, 1}};
  Code set_second = set, check_first = {{Op::kLoad, cond}, {Op::kJumpIfZero, 3}, {Op::kPoint, 4}, {Op::kPoint, 1}};
  set_second.back().a = 2;
  const Code check_second = {{Op::kLoad, cond}, {Op::kJumpIfZero, 3}, {Op::kPoint, 4}, {Op::kPoint, 2}};
  const Code leave = {{Op::kAtomicBegin}, {Op::kLoad, state},  {Op::kJumpIfZero, 7},
                      {Op::kConst, 0},    {Op::kStore, on_rq}, {Op::kAtomicEnd},
                      {Op::kPoint, 3},    {Op::kAtomicEnd},    {Op::kPoint, 4}};
  const Code asleep = {{Op::kLoad, on_rq}, {Op::kAwait}, {Op::kPoint, 4}};
  Point sleep;
  sleep.kind = PointKind::kSleep;
  sleep.statement = static_cast<uint32_t>(a.Text("schedule()"));
  if (sets_first)
    a.Code({{}, {}, {}, sleep}, {set, check_second, leave, asleep, {{Op::kEnd}}});
  else
    a.Code({{}, {}, {}, sleep}, {check_first, set_second, leave, asleep, {{Op::kEnd}}});
  a.Condition(3, "cond", {{Op::kLoad, cond}, {Op::kResult}});
  a.Add("worker", 0);
  const Code wake = {{Op::kAtomicBegin},  {Op::kLoad, state},  {Op::kJumpIfZero, 7},
                     {Op::kConst, 0},     {Op::kStore, state}, {Op::kConst, 1},
                     {Op::kStore, on_rq}, {Op::kAtomicEnd},    {Op::kPoint, 2}};
  a.Code({}, {{{Op::kConst, 1}, {Op::kStore, cond}, {Op::kPoint, 1}}, wake, {{Op::kEnd}}});
  a.Add("waker", 1);
  return a.End();
}

// `count` tasks that are alike count a word up, one step each, and meet at the end; some never look at the word.
Program Counters(int count, int steps, Memory memory = Memory::kSc, bool alike = true) {
  Assembler a(memory);
  const int32_t n = static_cast<int32_t>(a.Global("n", static_cast<uint8_t>(count * steps)));
  std::vector<Code> code;
  for (int step = 0; step < steps; ++step) {
    code.push_back({{Op::kAtomicBegin},
                    {Op::kLoad, n},
                    {Op::kConst, 1},
                    {Op::kAdd},
                    {Op::kStore, n},
                    {Op::kAtomicEnd},
                    {Op::kPoint, step + 1}});
  }
  code.push_back({{Op::kEnd}});
  a.Code({}, code);
  for (int task = 0; task < count; ++task)
    a.Add("counter[" + std::to_string(task) + "]", alike ? 0 : static_cast<uint32_t>(task));
  return a.End();
}

TEST(Search, FindsTheLostWakeup) {
  const CheckResult safe = Checked(SleeperAndWaker(true));
  EXPECT_EQ(safe.verdict, Verdict::kSafe) << safe.loss;
  EXPECT_TRUE(safe.counterexample.empty());
  const CheckResult lost = Checked(SleeperAndWaker(false));
  EXPECT_EQ(lost.verdict, Verdict::kLoses);
  EXPECT_EQ(lost.property, Property::kLostWakeup);
  EXPECT_EQ(lost.loss,
            "worker sleeps in schedule() (line 4) for ever, although cond holds and nothing is left to wake it");
  // check, cond = 1, wake, set, leave.
  ASSERT_EQ(lost.counterexample.size(), 5u);
  EXPECT_EQ(lost.counterexample[0].accesses, (std::vector<std::string>{"reads cond: 0"}));
  EXPECT_EQ(lost.tasks, (std::vector<std::string>{"worker", "waker"}));
}

TEST(Search, AStoreThatWaitsLosesTheWakeupWithTsoOnly) {
  EXPECT_EQ(Checked(SleeperAndWaker(true, Memory::kSc, false)).verdict, Verdict::kSafe);
  EXPECT_EQ(Checked(SleeperAndWaker(true, Memory::kTso, true)).verdict, Verdict::kSafe);
  const CheckResult lost = Checked(SleeperAndWaker(true, Memory::kTso, false));
  EXPECT_EQ(lost.verdict, Verdict::kLoses);
  EXPECT_EQ(lost.property, Property::kLostWakeup);
  const auto& steps = lost.counterexample;
  EXPECT_TRUE(std::any_of(steps.begin(), steps.end(), [](const StepRecord& step) { return step.flush; }));
  EXPECT_EQ(Checked(SleeperAndWaker(true, Memory::kTso, false), Plain()).counterexample.size(), steps.size());
}

TEST(Search, ReductionsChangeOnlyTheNumberOfStates) {
  for (const Memory memory : {Memory::kSc, Memory::kTso}) {
    const Program program = Counters(3, 3, memory);
    const CheckResult plain = Checked(program, Plain());
    CheckOptions symmetric = Plain();
    symmetric.symmetry = true;
    const CheckResult fewer = Checked(program, symmetric);
    EXPECT_EQ(plain.states, 64u);  // each of three at one of four points
    EXPECT_EQ(fewer.states, 20u);  // multisets
    EXPECT_EQ(plain.verdict, Verdict::kSafe);
    EXPECT_EQ(fewer.verdict, Verdict::kSafe);
    EXPECT_EQ(plain.depth, 9u);
    EXPECT_EQ(fewer.depth, 9u);
  }
}

TEST(Search, TheSameWhateverTheThreads) {
  const Program program = Counters(5, 6, Memory::kSc, false);
  const CheckResult alone = Checked(program, Plain());
  EXPECT_EQ(alone.states, 16807u);  // 7^5
  for (size_t threads : {2, 3, 7}) {
    const CheckResult result = Checked(program, Plain(), Threads(threads));
    EXPECT_EQ(result.states, alone.states);
    EXPECT_EQ(result.transitions, alone.transitions);
    EXPECT_EQ(result.memory_bytes, alone.memory_bytes);
  }
  CheckOptions hashes = Plain();
  hashes.hash_compaction = true;
  const CheckResult compact = Checked(program, hashes, Threads(2));
  EXPECT_EQ(compact.states, alone.states);
  EXPECT_GT(compact.omission_probability, 0);
  EXPECT_LT(compact.omission_probability, 1e-9);
}

TEST(Search, LimitsLeaveItUnfinished) {
  const Program program = Counters(5, 6, Memory::kSc, false);
  CheckOptions few = Plain();
  few.states_max = 1000;
  const CheckResult limited = Checked(program, few);
  EXPECT_EQ(limited.verdict, Verdict::kUnfinished);
  EXPECT_EQ(limited.unfinished, "1000 states are the limit");
  EXPECT_GT(limited.states, 1000u);
  EXPECT_LT(limited.states, 1200u);
  CheckOptions small = Plain();
  small.memory_bytes_max = 1 << 20;
  EXPECT_EQ(Checked(program, small).unfinished, "1 MiB of memory are the limit");
  CheckHost host;
  host.stop = [](uint64_t states) { return states > 5000 ? StopReason::kCancelled : StopReason::kGoOn; };
  const CheckResult stopped = Checked(program, Plain(), host);
  EXPECT_EQ(stopped.unfinished, "cancelled");
  EXPECT_GT(stopped.states, 5000u);
}

// Tasks that queue themselves, and one that wakes the first in the queue: numbers of tasks stand in words of all kinds.
Program Queue(int waiters, Memory memory, int wakes, bool alike) {
  Assembler a(memory);
  const int32_t list = static_cast<int32_t>(a.List("wq", static_cast<uint8_t>(waiters)));
  const int32_t first = static_cast<int32_t>(a.Global("first", static_cast<uint8_t>(waiters + 2), 0, WordKind::kTask));
  Point sleep;
  sleep.kind = PointKind::kSleep;
  const Code enqueue = {{Op::kAtomicBegin}, {Op::kConst, list}, {Op::kSelf},    {Op::kConst, 32},
                        {Op::kListAddTail}, {Op::kConst, 0},    {Op::kSelf},    {Op::kFieldOf, Assembler::kOnRq},
                        {Op::kStoreAt},     {Op::kAtomicEnd},   {Op::kPoint, 1}};
  const Code asleep = {{Op::kSelf}, {Op::kFieldOf, Assembler::kOnRq}, {Op::kLoadAt}, {Op::kAwait}, {Op::kPoint, 2}};
  // A plain store of a task's number, and one to a field of a task: both may wait in a store buffer.
  const Code name_self = {{Op::kSelf}, {Op::kConst, 1}, {Op::kAdd}, {Op::kStore, first}, {Op::kPoint, 3}};
  const Code set_state = {
      {Op::kConst, 2}, {Op::kSelf}, {Op::kFieldOf, Assembler::kState}, {Op::kStoreAt}, {Op::kPoint, 4}};
  a.Code({{}, sleep}, {enqueue, asleep, name_self, set_state, {{Op::kEnd}}});
  for (int n = 0; n < waiters; ++n) a.Add("waiter[" + std::to_string(n) + "]", alike ? 0 : static_cast<uint32_t>(n));
  const Code take = {{Op::kAtomicBegin},   {Op::kConst, list},
                     {Op::kListLen},       {Op::kJumpIfZero, 15},
                     {Op::kConst, list},   {Op::kConst, 0},
                     {Op::kListAt},        {Op::kStoreLocal, 4},
                     {Op::kConst, list},   {Op::kLoadLocal, 4},
                     {Op::kListDel},       {Op::kConst, 1},
                     {Op::kLoadLocal, 4},  {Op::kFieldOf, Assembler::kOnRq},
                     {Op::kStoreAt},       {Op::kConst, 0},
                     {Op::kStoreLocal, 4}, {Op::kAtomicEnd},
                     {Op::kPoint, 0}};
  std::vector<Code> code;
  for (int n = 0; n < wakes; ++n) {
    code.push_back(take);
    code.back().back().a = n + 1;
  }
  code.push_back({{Op::kEnd}});
  a.Code({}, code);
  a.Add("waker", 100);
  return a.End();
}

TEST(Search, TasksThatAreAlikeAreInterchangeable) {
  for (const Memory memory : {Memory::kSc, Memory::kTso}) {
    for (const int wakes : {2, 5}) {
      const Program program = Queue(3, memory, wakes, true);
      CheckOptions symmetric = Plain();
      symmetric.symmetry = true;
      const CheckResult plain = Checked(program, Plain()), fewer = Checked(program, symmetric);
      EXPECT_EQ(plain.verdict, Verdict::kLoses);  // who is not woken, or queues itself too late
      EXPECT_EQ(fewer.verdict, plain.verdict);
      EXPECT_EQ(fewer.property, plain.property);
      EXPECT_EQ(fewer.counterexample.size(), plain.counterexample.size());
      EXPECT_LT(fewer.states * 2, plain.states);
      // The run that is told is one of the program's own: replayed by hand it ends in the loss.
      const Interpreter interpreter(program);
      State state = interpreter.Initial();
      for (const StepRecord& step : fewer.counterexample) {
        EXPECT_EQ(interpreter.PointOf(state, step.task), step.point);
        if (step.flush)
          EXPECT_TRUE(interpreter.Flush(step.task, &state, nullptr));
        else
          EXPECT_EQ(interpreter.Step(step.task, 0, &state, nullptr, nullptr, nullptr), Outcome::kMoved);
      }
      const auto loss = interpreter.LossAt(state);
      ASSERT_TRUE(loss);
      EXPECT_EQ(loss->sentence, fewer.loss);
      CheckOptions all;
      all.hash_compaction = true;
      const CheckResult least = Checked(program, all, Threads(2));
      EXPECT_EQ(least.property, plain.property);
      EXPECT_EQ(least.counterexample.size(), plain.counterexample.size());
    }
  }
}

TEST(Search, ValuesBeyondTheirBoundAreErrorsThatSayHowToGetThere) {
  Assembler a(Memory::kSc);
  const int32_t n = static_cast<int32_t>(a.Global("n", 3));
  a.Code({}, {{{Op::kAtomicBegin},
               {Op::kLoad, n},
               {Op::kConst, 1},
               {Op::kAdd},
               {Op::kStore, n},
               {Op::kAtomicEnd},
               {Op::kPoint, 0}}});
  a.program().points[0].assertion = true;
  a.Add("adder", 0);
  const Program program = a.End();
  const auto result = Search(program, {}, {});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(result.error().cause, "n goes beyond 3 (to 4) in adder (line 1); the lines on the way: adder 1");
}

TEST(Search, WhatNeverRestsHasNoVerdict) {
  Assembler a(Memory::kSc);
  const int32_t n = static_cast<int32_t>(a.Global("n", 3));
  a.Code({}, {{{Op::kLoad, n}, {Op::kStoreLocal, 4}, {Op::kPoint, 0}}});
  a.Add("loop", 0);
  const auto result = Search(a.End(), {}, {});
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().cause, ::testing::StartsWith("no run of this protocol ever comes to rest"));
}

// The store-buffering litmus test: x = 1; r = y against y = 1; q = x, and an assertion that not both read 0.
Program StoreBuffering(Memory memory, bool fenced) {
  Assembler a(memory);
  const int32_t x = static_cast<int32_t>(a.Global("x")), y = static_cast<int32_t>(a.Global("y"));
  const int32_t zeros = static_cast<int32_t>(a.Global("zeros", 2));
  for (const auto& [mine, other] : {std::pair{x, y}, std::pair{y, x}}) {
    const Code store = {{Op::kConst, 1}, {Op::kStore, mine}, {Op::kPoint, 1}};
    Code load = {{Op::kLoad, other}, {Op::kStoreLocal, 4}, {Op::kPoint, 2}};
    if (fenced) load.insert(load.begin(), {Op::kFence});
    const Code count = {{Op::kAtomicBegin}, {Op::kLoad, zeros},  {Op::kLoadLocal, 4}, {Op::kNot},
                        {Op::kAdd},         {Op::kStore, zeros}, {Op::kLoad, zeros},  {Op::kConst, 2},
                        {Op::kNe},          {Op::kAssert, 2},    {Op::kAtomicEnd},    {Op::kPoint, 3}};
    Point assertion;
    assertion.assertion = true;
    a.Code({{}, {}, assertion}, {store, load, count, {{Op::kEnd}}});
    a.Add(mine == x ? "left" : "right", static_cast<uint32_t>(mine));
  }
  return a.End();
}

TEST(Search, StoreBufferingShowsWithTsoOnly) {
  for (const bool reduced : {false, true}) {
    CheckOptions options = Plain();
    options.partial_order = reduced;
    EXPECT_EQ(Checked(StoreBuffering(Memory::kSc, false), options).verdict, Verdict::kSafe);
    EXPECT_EQ(Checked(StoreBuffering(Memory::kTso, true), options).verdict, Verdict::kSafe);
    const CheckResult result = Checked(StoreBuffering(Memory::kTso, false), options);
    EXPECT_EQ(result.verdict, Verdict::kLoses);
    EXPECT_EQ(result.property, Property::kAssertion);
    EXPECT_EQ(result.counterexample.size(), 8u);  // two stores, two loads, two flushes in front of the atomic blocks
    EXPECT_EQ(result.loss, "left: a step (line 3) does not hold");
  }
}

// Small programs of all sorts from a seed: tasks of straight lines and loops over a few words.
class RandomProgram {
 public:
  explicit RandomProgram(uint32_t seed) : seed_(seed * 2654435761u + 12345) {}
  Program Make() {
    const Memory memory = Below(2) == 0 ? Memory::kSc : Memory::kTso;
    Assembler a(memory, static_cast<uint8_t>(1 + Below(2)));
    const uint32_t words = 2 + Below(3);
    for (uint32_t n = 0; n < words; ++n) a.Global("w" + std::to_string(n), static_cast<uint8_t>(1 + Below(3)));
    list_ = static_cast<int32_t>(a.List("q", 3));
    words_ = static_cast<int32_t>(words);
    const uint32_t codes = 2 + Below(2);
    for (uint32_t code = 0; code < codes; ++code) {
      const int32_t steps = static_cast<int32_t>(1 + Below(4));
      std::vector<Point> points;
      std::vector<Code> all;
      for (int32_t n = 0; n < steps; ++n) {
        points.emplace_back();
        all.push_back(Step(n + 1, &points.back()));
      }
      all.push_back({{Op::kEnd}});
      a.Code(points, all);
      const uint32_t count = code == 0 && Below(2) == 0 ? 2 + Below(2) : 1;
      for (uint32_t n = 0; n < count; ++n) a.Add("t" + std::to_string(code) + std::to_string(n), code);
    }
    return a.End();
  }

 private:
  uint32_t Below(uint32_t n) {
    seed_ = seed_ * 1664525u + 1013904223u;
    return static_cast<uint32_t>((uint64_t{seed_ >> 8} * n) >> 24);
  }
  int32_t AnyWord() { return static_cast<int32_t>(Below(static_cast<uint32_t>(words_))); }
  Code Step(int32_t next, Point* point) {
    const int32_t w = AnyWord(), v = AnyWord();
    switch (Below(10)) {
      case 0: return {{Op::kConst, 1}, {Op::kStore, w}, {Op::kPoint, next}};
      case 1: return {{Op::kConst, 0}, {Op::kRelease, w}, {Op::kPoint, next}};
      case 2: point->kind = PointKind::kSpin; return {{Op::kLoad, w}, {Op::kAwait}, {Op::kPoint, next}};
      case 3: point->kind = PointKind::kSleep; return {{Op::kLoad, w}, {Op::kNot}, {Op::kAwait}, {Op::kPoint, next}};
      case 4: return {{Op::kLoad, w}, {Op::kJumpIfZero, 3}, {Op::kPoint, 0}, {Op::kPoint, next}};
      case 5: return {{Op::kFence}, {Op::kChoose, 2}, {Op::kStoreLocal, 4}, {Op::kPoint, next}};
      case 6:
        return {{Op::kAtomicBegin}, {Op::kLoad, w},   {Op::kStoreLocal, 4}, {Op::kConst, 1},
                {Op::kStore, v},    {Op::kAtomicEnd}, {Op::kPoint, next}};
      case 7:
        point->assertion = true;
        return {{Op::kLoad, w}, {Op::kLoadLocal, 4}, {Op::kConst, 1},   {Op::kAnd},
                {Op::kLe},      {Op::kAssert, 0},    {Op::kPoint, next}};
      case 8:
        point->assertion = true;  // the list may be full
        return {{Op::kAtomicBegin}, {Op::kConst, list_}, {Op::kSelf},       {Op::kConst, 0},
                {Op::kListAddTail}, {Op::kAtomicEnd},    {Op::kPoint, next}};
      default:
        return {{Op::kConst, 1}, {Op::kSelf}, {Op::kFieldOf, Assembler::kState}, {Op::kStoreAt}, {Op::kPoint, next}};
    }
  }
  uint32_t seed_;
  int32_t words_ = 0, list_ = 0;
};

std::string Summary(const Program& program, CheckOptions options, const CheckHost& host) {
  options.memory = program.memory;
  const auto result = Search(program, options, host);
  if (!result) return "error " + result.error().cause.substr(0, 20);
  return std::to_string(static_cast<int>(result->verdict)) + "/" + std::to_string(static_cast<int>(result->property)) +
         "/" + std::to_string(result->counterexample.size());
}

TEST(Search, RandomProgramsHaveOneVerdictWhateverTheReductions) {
  std::map<std::string, int> seen;
  const CheckHost threads = Threads(2);
  for (uint32_t seed = 0; seed < 1500; ++seed) {
    const Program program = RandomProgram(seed).Make();
    const std::string plain = Summary(program, Plain(), {});
    ++seen[plain.substr(0, 3)];
    for (const bool partial_order : {false, true}) {
      for (const bool symmetry : {false, true}) {
        CheckOptions options;
        options.partial_order = partial_order;
        options.symmetry = symmetry;
        options.hash_compaction = (seed & 1) != 0;
        ASSERT_EQ(Summary(program, options, seed % 50 == 0 ? threads : CheckHost{}), plain)
            << "seed " << seed << " partial order " << partial_order << " symmetry " << symmetry;
      }
    }
  }
  // All that can come of a program comes up.
  for (const char* kind : {"0/0", "1/1", "1/2", "1/3", "err"}) EXPECT_GT(seen[kind], 25) << kind;
}

}  // namespace
}  // namespace wakewatch::protocol
