#include "server/live/protocol_checks.h"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <string>
#include <utility>

namespace wakewatch {
namespace {

using protocol::CheckOptions;
using protocol::Verdict;

// As many states as there are ways for its tasks to stand: more than anybody has.
constexpr const char* kEndless = R"(
protocol endless "counts without end";
byte a max 200; byte b max 200; byte c max 200; byte d max 200;
task one { while (a < 200) { a = a + 1; b = 0; } }
task two { while (b < 200) { b = b + 1; c = 0; } }
task three { while (c < 200) { c = c + 1; d = 0; } }
task four { while (d < 200) { d = d + 1; a = 0; } }
)";
constexpr const char* kSafe = R"(
protocol pair "a waiter and its waker";
expect safe;
flag cond;
task waiter { await (cond); }
task waker { cond = 1; }
)";

TEST(RunCheck, ThreadsDoNotChangeTheAnswer) {
  std::optional<TimedCheck> first;
  for (const unsigned threads : {1u, 2u, 0u}) {
    const auto check = RunCheck(kSafe, "pair.wake", {}, {.threads = threads});
    ASSERT_TRUE(check) << check.error().Text();
    EXPECT_EQ(check->result.verdict, Verdict::kSafe);
    EXPECT_GT(check->seconds, 0);
    if (!first) first = *check;
    EXPECT_EQ(check->result.states, first->result.states);
    EXPECT_EQ(check->result.transitions, first->result.transitions);
  }
}

TEST(RunCheck, WhatEndsItIsSaid) {
  struct Row {
    const char* story;
    CheckOptions options;
    CheckRun run;
  };
  std::atomic<int> asked = 0;
  const Row rows[] = {
      {"time", {}, {.time_max = std::chrono::milliseconds(50), .threads = 2}},
      {"states", {.states_max = 20'000}, {.threads = 2}},
      {"steps", {.steps_max = 5}, {.threads = 1}},
      {"memory", {.memory_bytes_max = 8 << 20}, {.threads = 1}},
      {"cancelled at once", {}, {.threads = 2, .cancelled = [] { return true; }}},
      {"cancelled later", {}, {.threads = 1, .cancelled = [&asked] { return ++asked > 3; }}},
  };
  for (const Row& row : rows) {
    const auto check = RunCheck(kEndless, "endless.wake", row.options, row.run);
    ASSERT_TRUE(check) << row.story << ": " << check.error().Text();
    EXPECT_EQ(check->result.verdict, Verdict::kUnfinished) << row.story;
    EXPECT_NE(check->result.unfinished, "") << row.story;
    EXPECT_TRUE(check->result.counterexample.empty()) << row.story;
  }
}

TEST(RunCheck, ErrorsNameTheText) {
  const auto check = RunCheck("protocol x;\nflag cond\n", "mine.wake", {}, {});
  ASSERT_FALSE(check);
  EXPECT_EQ(check.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(check.error().Text().find("mine.wake"), std::string::npos) << check.error().Text();
}

TEST(CheckName, IsShortAndNeverEmpty) {
  EXPECT_EQ(CheckName(""), "protocol");
  EXPECT_EQ(CheckName("mine.wake"), "mine.wake");
  EXPECT_EQ(CheckName(std::string(5000, 'x')).size(), 100u);
}

TEST(CheckGate, LetsInAsManyAsItSaysAndNobodyWaits) {
  CheckGate gate(2);
  auto first = gate.Enter();
  ASSERT_TRUE(first);
  {
    auto second = gate.Enter();
    ASSERT_TRUE(second);
    const auto third = gate.Enter();
    ASSERT_FALSE(third);
    EXPECT_EQ(third.error().code, ErrorCode::kTooLarge);
    EXPECT_NE(third.error().remedy, "");
    const CheckGate::Pass moved = *std::move(second);
    EXPECT_FALSE(gate.Enter()) << "a pass that is handed on is one still";
  }
  EXPECT_TRUE(gate.Enter());
}

}  // namespace
}  // namespace wakewatch
