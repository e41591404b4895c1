#include "analysis/protocol/sight/observer.h"

#include <gtest/gtest.h>

#include "analysis/protocol/sight/sleeper_program_test.h"

namespace wakewatch::protocol {
namespace {

ObservedEvent Seen(uint32_t kind, uint32_t task) {
  return {.kind = kind, .tasks = 1u << task, .args = {ObservedArg::Among({static_cast<int32_t>(kSleeper)})}};
}
const ObservedEvent kOut = Seen(kOutKind, kSleeper), kNoop = Seen(kNoopKind, kWaker),
                    kWaking = Seen(kWakingKind, kWaker);

std::vector<bool> AllShown(const StateGraph& graph, bool probes) {
  std::vector<bool> shown;
  for (const StateGraph::Label& label : graph.labels()) shown.push_back(probes || label.level == 0);
  return shown;
}

TEST(Observer, ASleepIsComparedWithAllRuns) {
  const Program program = SleeperProgram();
  const auto graph = StateGraph::Build(program, {});
  ASSERT_TRUE(graph) << graph.error().Text();
  struct Row {
    const char* story;
    bool probes;
    std::vector<ObservedEvent> events;
    bool lost, healthy, possible;
  };
  const Row rows[] = {
      {"a sleep, and no probes: either", false, {kOut}, true, true, true},
      {"a sleep, and no wake was tried", true, {kOut}, false, true, true},
      {"a wake that came to nothing, then a sleep", true, {kNoop, kOut}, true, false, true},
      {"woken from its sleep", true, {kOut, kWaking}, false, false, true},
      {"a second sleep is not in the protocol", true, {kOut, kWaking, kOut}, false, false, false},
      {"nor is a wake in front of the sleep", true, {kWaking}, false, false, false},
  };
  for (const Row& row : rows) {
    Observer observer(*graph, AllShown(*graph, row.probes), kSleeper);
    for (int round = 0; round < 2; ++round) {  // what was worked out once is taken again
      observer.Start();
      for (const ObservedEvent& event : row.events) observer.Observe(event);
      EXPECT_EQ(observer.MayHaveLost(), row.lost) << row.story;
      EXPECT_EQ(observer.MayBeHealthy(), row.healthy) << row.story;
      EXPECT_EQ(observer.possible(), row.possible) << row.story;
    }
  }
}

TEST(Observer, NobodyElseEmitsIt) {
  const Program program = SleeperProgram();
  const auto graph = StateGraph::Build(program, {});
  ASSERT_TRUE(graph);
  Observer observer(*graph, AllShown(*graph, true), kSleeper);
  observer.Start();
  observer.Observe(kOut);
  ObservedEvent by_another = kWaking;
  by_another.tasks = 1u << kSleeper;
  observer.Observe(by_another);
  EXPECT_FALSE(observer.possible()) << "the sleeper does not wake itself";
}

// The sleeper's rounds end, so that its next one is that of another run; who wakes it may come again.
TEST(Observer, ARoundFollowsARound) {
  const Program program = SleeperProgram();
  const auto graph = StateGraph::Build(program, {.begin_anew = 1u << kWaker, .all_anew = 1u << kSleeper});
  ASSERT_TRUE(graph);
  Observer observer(*graph, AllShown(*graph, true), kSleeper);
  observer.Start();
  for (const ObservedEvent& event : {kOut, kWaking}) observer.Observe(event);
  observer.GoOn();
  EXPECT_FALSE(observer.MayHaveLost());
  for (const ObservedEvent& event : {kNoop, kNoop, kOut}) observer.Observe(event);
  EXPECT_TRUE(observer.MayHaveLost()) << "tried twice, in vain";
  observer.Observe(kWaking);
  EXPECT_TRUE(observer.MayHaveLost()) << "a later wake does not make it undone";
}

TEST(Observer, WhatIsNotKnownOfAnArgumentFitsAnything) {
  struct Row {
    const char* story;
    ObservedArg arg;
    bool fits_zero, fits_two;
  };
  const Row rows[] = {
      {"anything", {}, true, true},
      {"not zero", {ObservedArg::Kind::kNotZero, {}}, false, true},
      {"one of", ObservedArg::Among({1, 2}), false, true},
      {"none of none", ObservedArg::Among({}), false, false},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(row.arg.Fits(0), row.fits_zero) << row.story;
    EXPECT_EQ(row.arg.Fits(2), row.fits_two) << row.story;
  }
}

}  // namespace
}  // namespace wakewatch::protocol
