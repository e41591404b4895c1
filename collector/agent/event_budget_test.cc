#include "collector/agent/event_budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace wakewatch {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kSecond = 1'000'000'000;

struct Phase {
  unsigned seconds;
  uint64_t events_per_second;
};

// "standard>light@12": the steps, with the second in which each came.
std::string StepsOf(const std::string& wanted, const std::vector<Phase>& phases) {
  EventBudget budget({.events_per_second = 1000}, wanted);
  std::string steps;
  uint64_t now_ns = 7 * kSecond, events = 5'000'000;
  for (const Phase& phase : phases) {
    for (unsigned half = 0; half < 2 * phase.seconds; ++half) {
      now_ns += kSecond / 2;
      events += phase.events_per_second / 2;
      const std::string before = budget.profile();
      if (const auto step = budget.Observe(now_ns, events)) {
        EXPECT_EQ(step->profile, budget.profile());
        EXPECT_THAT(step->reason, HasSubstr("the budget is 1000"));
        steps += before + ">" + step->profile + "@" + std::to_string(now_ns / kSecond - 7) + " ";
      }
    }
  }
  return steps + (budget.helpless() ? "helpless" : "");
}

TEST(EventBudget, StepsDownAboveItAndBackUpWhenItIsCalm) {
  const struct {
    const char* story;
    const char* wanted;
    std::vector<Phase> phases;
    const char* steps;
  } rows[] = {
      {"within the budget", "standard", {{100, 900}}, ""},
      {"exactly the budget", "standard", {{100, 1000}}, ""},
      {"above it", "standard", {{3, 2000}, {20, 800}}, "standard>light@2 "},
      {"a burst shorter than what is measured", "standard", {{10, 100}, {1, 1500}, {10, 100}}, ""},
      {"a step for each measurement", "full", {{10, 2000}}, "full>standard@2 standard>light@5 helpless"},
      {"light is the least", "light", {{10, 2000}}, "helpless"},
      {"no more helpless", "light", {{10, 2000}, {10, 500}}, ""},
      {"calm for long enough", "standard", {{3, 2000}, {40, 400}}, "standard>light@2 light>standard@33 "},
      {"calm, but not calm enough", "standard", {{3, 2000}, {100, 600}}, "standard>light@2 "},
      {"calm, but not for long enough", "standard", {{3, 2000}, {25, 400}, {5, 700}, {25, 400}}, "standard>light@2 "},
      {"one rung after the other, up to what is wanted",
       "full",
       {{6, 2000}, {100, 100}},
       "full>standard@2 standard>light@5 light>standard@36 standard>full@66 "},
      {"and no further", "standard", {{200, 10}}, ""},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.story);
    EXPECT_EQ(StepsOf(row.wanted, row.phases), row.steps);
  }
}

TEST(EventBudget, AnotherWishBeginsAnew) {
  EventBudget budget({.events_per_second = 1000}, "standard");
  budget.Observe(1 * kSecond, 0);
  const auto step = budget.Want("full", "asked for");
  EXPECT_EQ(step.profile, "full");
  EXPECT_EQ(step.reason, "asked for");
  EXPECT_FALSE(budget.Observe(3 * kSecond, 10'000)) << "those were the old profile's";
  EXPECT_TRUE(budget.Observe(5 * kSecond, 20'000));
  EXPECT_EQ(budget.profile(), "standard");
  EXPECT_EQ(budget.wanted(), "full");
}

}  // namespace
}  // namespace wakewatch
