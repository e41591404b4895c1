#include "analysis/checks/lost_wakeup/obligation.h"

#include <gtest/gtest.h>

#include "analysis/checks/lost_wakeup/period.h"

namespace wakewatch {
namespace {

TEST(ObligationLedger, WhatHasNotEndedIsOpenAndThenCensored) {
  ObligationLedger ledger;
  for (int i = 0; i < 3; ++i) ledger.Open(LostClass::kKthreadStop);
  ledger.End(LostClass::kKthreadStop, Outcome::kExpired);
  std::vector<ObligationSummary> live, final;
  ledger.Summarise(false, &live);
  ledger.Summarise(true, &final);
  ASSERT_EQ(1u, live.size());
  EXPECT_EQ("kthread-stop", live[0].cls);
  EXPECT_EQ(3u, live[0].opened);
  EXPECT_EQ(1u, live[0].expired);
  EXPECT_EQ(2u, live[0].open);
  EXPECT_EQ(0u, live[0].censored);
  EXPECT_EQ(2u, final[0].censored);
  EXPECT_EQ(0u, final[0].open);
}

TEST(Deadlines, TheNextOneFirstAlsoAfterARestart) {
  Deadlines deadlines;
  EXPECT_EQ(UINT64_MAX, deadlines.next_ns());
  for (const uint64_t ns : {300, 100, 200, 100}) deadlines.Add({ns, 1, ns});
  ArchiveWriter writer;
  deadlines.Save(writer);
  const std::vector<uint8_t> bytes = writer.Take();
  ArchiveReader reader(bytes);
  Deadlines restored;
  restored.Load(reader);
  ASSERT_TRUE(reader.ok());
  for (const uint64_t ns : {100, 100, 200, 300}) {
    EXPECT_EQ(ns, restored.next_ns());
    EXPECT_EQ(ns, restored.Take().ns);
  }
  EXPECT_EQ(UINT64_MAX, restored.next_ns());
}

TEST(Period, QuantilesAreAtMostAQuarterTooLong) {
  for (uint64_t ns = 500; ns < 15'000'000'000; ns = ns * 9 / 7) {
    Period period;
    period.Add(ns);
    EXPECT_GT(period.Quantile(0.9), ns);
    EXPECT_LE(period.Quantile(0.9), ns + std::max<uint64_t>(ns / 4, 1000) + 1000) << ns;
  }
}

TEST(Period, AFewOutliersDoNotMoveTheDeadline) {
  Period period;
  for (int i = 0; i < 95; ++i) period.Add(10'000'000);
  const uint64_t before = DeadlineOf(period, 1);
  for (int i = 0; i < 5; ++i) period.Add(5'000'000'000);
  EXPECT_EQ(before, DeadlineOf(period, 1));
  EXPECT_EQ(1'000'000'000u, DeadlineOf(period, 1'000'000'000));
}

TEST(Period, OldDurationsFade) {
  Period period;
  for (int i = 0; i < 200'000; ++i) period.Add(1'000'000);
  EXPECT_LT(period.n(), 70'000u);
  EXPECT_GT(period.n(), 30'000u);
}

}  // namespace
}  // namespace wakewatch
