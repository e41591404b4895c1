// The checker against the slow one, over protocols that nobody chose.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "analysis/protocol/compiler/compiler.h"
#include "analysis/protocol/language/parser.h"
#include "analysis/protocol/search/search.h"
#include "tests/protocol/random_protocol.h"
#include "tests/protocol/slow_checker.h"

namespace wakewatch::protocol {
namespace {

constexpr uint64_t kSeedsACase = 1'000;
constexpr size_t kStatesMax = 100'000;

CheckHost Threads(size_t count) {
  CheckHost host;
  host.parallel = [count](size_t n, const std::function<void(size_t)>& work) {
    std::atomic<size_t> next = 0;
    std::vector<std::thread> threads;
    for (size_t i = 0; i < count; ++i) {
      threads.emplace_back([&] {
        for (size_t at = next++; at < n; at = next++) work(at);
      });
    }
    for (std::thread& thread : threads) thread.join();
  };
  return host;
}

struct Way {
  bool partial_order, symmetry, hash_compaction;
  size_t threads;
  uint64_t every;  // this many protocols: threads take longer to begin than these searches do
};
constexpr Way kWays[] = {
    {false, false, false, 1, 1}, {true, false, false, 1, 1}, {false, true, false, 1, 1}, {true, true, false, 1, 1},
    {false, false, false, 3, 8}, {true, true, false, 3, 8},  {true, true, true, 1, 4},   {false, false, true, 1, 4},
};

std::string Text(const Way& way) {
  return std::string(way.partial_order ? "partial order, " : "") + (way.symmetry ? "symmetry, " : "") +
         (way.hash_compaction ? "hash compaction, " : "") + std::to_string(way.threads) + " threads";
}

void ExpectSame(const Program& program, const SlowResult& slow, const Way& way) {
  const CheckOptions options{.memory = program.memory,
                             .partial_order = way.partial_order,
                             .symmetry = way.symmetry,
                             .hash_compaction = way.hash_compaction};
  const auto result = Search(program, options, way.threads == 1 ? CheckHost() : Threads(way.threads));
  if (slow.ends == 0 && slow.losses.empty()) {
    ASSERT_FALSE(result) << "comes to rest";
    EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument);
    return;
  }
  ASSERT_TRUE(result) << result.error().Text();
  ASSERT_EQ(Name(result->verdict), slow.safe() ? "safe" : "loses");
  const bool whole = !way.partial_order && !way.symmetry;
  if (slow.safe()) {
    EXPECT_EQ(Name(result->property), "");
    EXPECT_TRUE(result->counterexample.empty());
    EXPECT_LE(result->states, slow.states);
    if (!whole) return;
    EXPECT_EQ(result->states, slow.states);
    EXPECT_EQ(result->store_buffer_full, slow.store_buffer_full);
    return;
  }
  size_t shortest = SIZE_MAX;
  for (const auto& [property, steps] : slow.losses) shortest = std::min(shortest, steps);
  ASSERT_TRUE(slow.losses.contains(result->property)) << Name(result->property);
  EXPECT_EQ(slow.losses.at(result->property), shortest);
  EXPECT_EQ(result->counterexample.size(), shortest);
  EXPECT_TRUE(IsLosingRun(program, result->counterexample, result->property));
}

class RandomProtocols : public testing::TestWithParam<uint64_t> {};

TEST_P(RandomProtocols, HaveTheVerdictOfTheSlowChecker) {
  uint64_t losing = 0;
  for (uint64_t seed = GetParam() * kSeedsACase; seed < (GetParam() + 1) * kSeedsACase; ++seed) {
    const std::string text = RandomProtocol(seed);
    SCOPED_TRACE("seed " + std::to_string(seed) + ":\n" + text);
    const auto parsed = Parse(text, "random.wake");
    ASSERT_TRUE(parsed) << parsed.error().Text();
    for (const Memory memory : {Memory::kSc, Memory::kTso}) {
      SCOPED_TRACE(Name(memory));
      const auto program = Compile(*parsed, "random.wake", memory);
      ASSERT_TRUE(program) << program.error().Text();
      const SlowResult slow = SlowCheck(*program, kStatesMax);
      SCOPED_TRACE(slow.Text());
      ASSERT_TRUE(slow.finished && slow.error_steps == 0);
      losing += slow.safe() ? 0 : 1;
      for (const Way& way : kWays) {
        if (seed % way.every != 0) continue;
        SCOPED_TRACE(Text(way));
        ExpectSame(*program, slow, way);
        if (HasFailure()) return;
      }
    }
  }
  // Both verdicts are tried.
  EXPECT_GT(losing, kSeedsACase / 3);
  EXPECT_LT(losing, kSeedsACase);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomProtocols, testing::Range(uint64_t{0}, uint64_t{10}));

// What runs do not depend on: who expands which states.
TEST(RandomProtocolsOnThreads, HaveTheSameCounterexample) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const auto parsed = Parse(RandomProtocol(seed), "random.wake");
    ASSERT_TRUE(parsed) << parsed.error().Text();
    const auto program = Compile(*parsed, "random.wake", Memory::kTso);
    ASSERT_TRUE(program) << program.error().Text();
    const auto one = Search(*program, {.memory = Memory::kTso}, {}),
               three = Search(*program, {.memory = Memory::kTso}, Threads(3));
    const auto shown = [](const Result<CheckResult>& result) {
      if (!result) return result.error().Text();
      std::string text =
          std::to_string(result->states) + " states, " + std::to_string(result->transitions) + " transitions";
      for (const StepRecord& step : result->counterexample) {
        text += "\n" + std::to_string(step.task) + (step.flush ? " flush " : " ") + std::to_string(step.point);
      }
      return text;
    };
    EXPECT_EQ(shown(one), shown(three)) << "seed " << seed;
  }
}

}  // namespace
}  // namespace wakewatch::protocol
