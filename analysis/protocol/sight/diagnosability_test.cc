#include "analysis/protocol/sight/diagnosability.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "analysis/protocol/sight/sleeper_program_test.h"

namespace wakewatch::protocol {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> SeenOf(const Diagnosability& diagnosis, const std::vector<StepRecord>& run, uint8_t level) {
  std::vector<std::string> seen;
  for (const StepRecord& step : run) {
    for (const std::string& text : step.Texts(level)) seen.push_back(diagnosis.tasks[step.task] + ": " + text);
  }
  return seen;
}

TEST(Diagnosability, ASilentLossIsToldOnlyByTheProbe) {
  const Program program = SleeperProgram();
  const auto diagnosis = Diagnose(program, {});
  ASSERT_TRUE(diagnosis) << diagnosis.error().Text();

  const LevelDiagnosis& e0 = diagnosis->levels[0];
  EXPECT_EQ(e0.tell, Tell::kNo) << "asleep for want of work, or in vain: the switch looks the same";
  ASSERT_TRUE(e0.same);
  EXPECT_THAT(e0.same->observation, ElementsAre("sleeper: sched_switch_out(sleeper)"));
  EXPECT_EQ(SeenOf(*diagnosis, e0.same->healthy, 0), e0.same->observation);
  EXPECT_EQ(SeenOf(*diagnosis, e0.same->losing, 0), e0.same->observation);
  EXPECT_EQ(e0.same->healthy.size(), 2u) << "the waker has not begun";
  EXPECT_EQ(e0.same->losing.size(), 4u);
  EXPECT_FALSE(e0.telling);

  const LevelDiagnosis& e1 = diagnosis->levels[1];
  EXPECT_EQ(e1.tell, Tell::kYes);
  EXPECT_FALSE(e1.same);
  ASSERT_TRUE(e1.telling);
  EXPECT_THAT(e1.telling->observation, ElementsAre("waker: ttwu(sleeper)", "sleeper: sched_switch_out(sleeper)"));
  EXPECT_THAT(e1.telling->healthy, IsEmpty());
}

TEST(Diagnosability, WhatCannotLoseHasNothingToTell) {
  const auto diagnosis = Diagnose(SleeperProgram(true), {});
  ASSERT_TRUE(diagnosis) << diagnosis.error().Text();
  for (const LevelDiagnosis& level : diagnosis->levels) {
    EXPECT_EQ(level.tell, Tell::kNothing);
    EXPECT_FALSE(level.same || level.telling);
  }
}

TEST(Diagnosability, ALimitIsSaidAndNothingElse) {
  struct Row {
    const char* story;
    DiagnosisLimits limits;
  };
  DiagnosisLimits states, sets, work;
  states.graph.states_max = 3;
  sets.sets_max = 1;
  work.work_max = 1;
  for (const Row& row : {Row{"states", states}, Row{"sets", sets}, Row{"work", work}}) {
    const auto diagnosis = Diagnose(SleeperProgram(), row.limits);
    ASSERT_TRUE(diagnosis) << row.story;
    for (const LevelDiagnosis& level : diagnosis->levels) {
      EXPECT_EQ(level.tell, Tell::kUnfinished) << row.story;
      EXPECT_FALSE(level.same || level.telling) << row.story;
    }
  }
}

TEST(Diagnosability, ATextExpectsItsLossUnderTheWeakestAssumption) {
  struct Row {
    const char* story;
    std::vector<Expectation> expect;
    std::optional<Memory> loses;
  };
  const Row rows[] = {
      {"says nothing", {}, std::nullopt},
      {"safe", {{{}, "", "safe"}}, std::nullopt},
      {"loses", {{{}, "", "loses"}}, Memory::kSc},
      {"only with store buffers", {{{}, "sc", "safe"}, {{}, "tso", "loses"}}, Memory::kTso},
      {"with both, said apart", {{{}, "tso", "loses"}, {{}, "sc", "loses"}}, Memory::kSc},
  };
  for (const Row& row : rows) {
    ProtocolText text;
    text.expect = row.expect;
    EXPECT_EQ(MemoryThatLoses(text), row.loses) << row.story;
  }
}

}  // namespace
}  // namespace wakewatch::protocol
