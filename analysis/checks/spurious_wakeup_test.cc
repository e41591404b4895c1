#include "analysis/checks/spurious_wakeup.h"

#include <gtest/gtest.h>

#include <vector>

#include "analysis/checks/check_test_support.h"

namespace wakewatch {
namespace {

constexpr int32_t kVictim = 7;

// One round from `ns` on: woken, runs 20 ns, and wakes task 9 meanwhile if it `acts`.
void Round(uint64_t ns, bool acts, Script* script) {
  script->On(0).Waking(ns, 5, kVictim, 1).Wakeup(ns + 1, 5, kVictim, 1).On(1).Switch(ns + 10, 0, 0, kVictim);
  if (acts) script->Waking(ns + 20, kVictim, 9, 2);
  script->Switch(ns + 30, kVictim, kSleepS, 0);
}

std::vector<Finding> Play(const Script& script) {
  CheckRun run(SpuriousWakeup::kInfo);
  run.input().AddThread(kVictim, "rx_drain", kPfKthreadFlag);
  return run.Play(script).findings();
}

Script Rounds(uint32_t acting, uint32_t idle) {
  Script script;
  script.On(1).Switch(10, kVictim, kSleepS, 0);
  uint64_t ns = 1000;
  for (uint32_t i = 0; i < acting; ++i, ns += 1000) Round(ns, true, &script);
  for (uint32_t i = 0; i < idle; ++i, ns += 1000) Round(ns, false, &script);
  return script;
}

TEST(SpuriousWakeup, AThreadThatAlwaysActedAndDoesNot) {
  const auto findings = Play(Rounds(20, 1));
  ASSERT_EQ(1u, findings.size());
  EXPECT_EQ(kVictim, findings[0].pid);
  EXPECT_EQ(21001u, findings[0].start_ns);
  EXPECT_EQ(21030u, findings[0].end_ns);
  EXPECT_EQ(Confidence::kSuspicious, findings[0].confidence);
}

TEST(SpuriousWakeup, TooLittleHistoryOrAnotherHabitIsNoVerdict) {
  EXPECT_TRUE(Play(Rounds(15, 1)).empty()) << "fifteen wakes are no habit";
  EXPECT_TRUE(Play(Rounds(0, 40)).empty()) << "this thread never shows what it does";
  EXPECT_TRUE(Play(Rounds(40, 0)).empty());
}

TEST(SpuriousWakeup, AGapInTheRunIsNoVerdict) {
  Script script = Rounds(20, 0);
  script.On(0).Waking(21000, 5, kVictim, 1).Wakeup(21001, 5, kVictim, 1).On(1).Switch(21010, 0, 0, kVictim);
  script.On(3).Gap(21015, 21020).On(1).Switch(21030, kVictim, kSleepS, 0);
  EXPECT_TRUE(Play(script).empty());
}

}  // namespace
}  // namespace wakewatch
