#include <map>
#include <string>

#include <gtest/gtest.h>

#include "analysis/protocol/sight/diagnosability.h"

namespace wakewatch::protocol {
namespace {

// What is known of the classes of lost wakeups: whether events of a level alone tell a loss. kPerhaps: it depends on
// what the sleeper does besides.
enum class Claim { kTells, kDoesNot, kPerhaps };
struct ClassClaim {
  Claim e0, e1;
};
const std::map<std::string, ClassClaim> kClaims = {
    // The wake that came to nothing is seen by a probe; what the sleeper did about it only where it acts visibly.
    {"check-before-sleep", {Claim::kDoesNot, Claim::kPerhaps}},
    // Woken while it ran, and then asleep: the scheduler's events show both.
    {"state-overwritten", {Claim::kTells, Claim::kTells}},
    {"wake-before-enqueue", {Claim::kDoesNot, Claim::kTells}},
    {"waitqueue-active", {Claim::kDoesNot, Claim::kDoesNot}},  // the waker calls nothing
    {"completion-init-with-waiter", {Claim::kDoesNot, Claim::kTells}},
    {"completion-reinit", {Claim::kDoesNot, Claim::kTells}},
    {"kthread-stop", {Claim::kTells, Claim::kTells}},
    {"exclusive-consumed", {Claim::kDoesNot, Claim::kDoesNot}},
    {"softirq-stuck", {Claim::kTells, Claim::kTells}},
    {"wrong-mask", {Claim::kDoesNot, Claim::kTells}},
    {"timer-cancelled", {Claim::kTells, Claim::kTells}},
};

// Protocols that tell more or less than their class, and why both are right.
const std::map<std::pair<std::string, int>, std::string> kDifferences = {
    {{"kthreadd_handoff_early_complete", 0},
     "the creator wakes the new thread right after it was told of it, so that the thread's sleep can only be the loss; "
     "a "
     "creator that keeps its thread waiting would make the two look the same"},
    {{"smpboot_park_late_state", 0},
     "the unpark follows the park at once, so that a parked thread is never seen at rest; on a machine a CPU stays "
     "offline "
     "for long, and its thread sleeps just so"},
};

bool Agrees(Claim claim, Tell tell) {
  if (claim == Claim::kPerhaps) return true;
  return (claim == Claim::kTells) == (tell == Tell::kYes);
}

const std::vector<Diagnosability>& Shipped() {
  static const auto all = DiagnoseShipped({});
  EXPECT_TRUE(all) << all.error().Text();
  static const std::vector<Diagnosability> none;
  return all ? *all : none;
}

TEST(DiagnosabilityOfShipped, WhatARecordingTellsAgreesWithWhatIsKnownOfTheClass) {
  std::map<std::pair<std::string, int>, std::string> unused = kDifferences;
  for (const Diagnosability& diagnosis : Shipped()) {
    for (const std::string& cls : diagnosis.explains) {
      const auto claim = kClaims.find(cls);
      ASSERT_NE(claim, kClaims.end()) << cls << ", which " << diagnosis.protocol << " explains";
      for (const LevelDiagnosis& level : diagnosis.levels) {
        const bool agrees = Agrees(level.level == 0 ? claim->second.e0 : claim->second.e1, level.tell);
        const bool differs = unused.erase({diagnosis.protocol, level.level}) > 0;
        EXPECT_EQ(agrees, !differs) << diagnosis.protocol << " explains " << cls << ", and at E" << int{level.level}
                                    << " a loss can be told: " << Name(level.tell);
      }
    }
  }
  for (const auto& [difference, why] : unused)
    ADD_FAILURE() << difference.first << " is no difference any more: " << why;
}

TEST(DiagnosabilityOfShipped, ProbesNeverTellLess) {
  size_t compared = 0;
  for (const Diagnosability& diagnosis : Shipped()) {
    const Tell e0 = diagnosis.levels[0].tell, e1 = diagnosis.levels[1].tell;
    EXPECT_NE(e0, Tell::kNothing) << diagnosis.protocol << " is expected to lose";
    if (e0 == Tell::kUnfinished || e1 == Tell::kUnfinished) continue;
    EXPECT_TRUE(e0 != Tell::kYes || e1 == Tell::kYes) << diagnosis.protocol;
    EXPECT_TRUE(e0 == Tell::kNo || e1 != Tell::kNo) << diagnosis.protocol;
    ++compared;
  }
  EXPECT_GE(compared, 30u);
}

TEST(DiagnosabilityOfShipped, RunsThatLookTheSameDo) {
  for (const Diagnosability& diagnosis : Shipped()) {
    for (const LevelDiagnosis& level : diagnosis.levels) {
      if (!level.same) continue;
      std::vector<std::string> healthy;
      for (const StepRecord& step : level.same->healthy) {
        for (const std::string& text : step.Texts(level.level))
          healthy.push_back(diagnosis.tasks[step.task] + ": " + text);
      }
      EXPECT_EQ(healthy, level.same->observation) << diagnosis.protocol << " at E" << int{level.level};
    }
  }
}

}  // namespace
}  // namespace wakewatch::protocol
