#include "analysis/protocol/search.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "analysis/protocol/program_test_support.h"

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

}  // namespace
}  // namespace wakewatch::protocol
