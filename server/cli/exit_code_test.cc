#include "server/cli/exit_code.h"

#include <gtest/gtest.h>

namespace wakewatch {
namespace {

TEST(ExitCodes, FindingsWinOverGapsAndGapsOverFine) {
  Report report;
  EXPECT_EQ(ExitFor(report, std::nullopt), ExitCode::kFine);
  EXPECT_EQ(ExitFor(report, Confidence::kSuspicious), ExitCode::kFine);

  report.findings.emplace_back();
  report.findings.back().confidence = Confidence::kStrong;
  EXPECT_EQ(ExitFor(report, std::nullopt), ExitCode::kFine) << "findings alone are no failure";
  EXPECT_EQ(ExitFor(report, Confidence::kProven), ExitCode::kFine);
  EXPECT_EQ(ExitFor(report, Confidence::kStrong), ExitCode::kFindings);
  EXPECT_EQ(ExitFor(report, Confidence::kSuspicious), ExitCode::kFindings);

  report.gaps.emplace_back();
  EXPECT_EQ(ExitFor(report, Confidence::kProven), ExitCode::kGaps);
  EXPECT_EQ(ExitFor(report, Confidence::kStrong), ExitCode::kFindings);
}

TEST(ExitCodes, WhateverIsMissingCountsAsAGap) {
  Report lost;
  lost.lost_events = 1;
  EXPECT_EQ(ExitFor(lost, std::nullopt), ExitCode::kGaps);
  Report unknown;
  unknown.lost_unknown = true;
  EXPECT_EQ(ExitFor(unknown, std::nullopt), ExitCode::kGaps);
  Report truncated;
  truncated.anomalies.Add(Anomaly::kTruncatedInput);
  EXPECT_EQ(ExitFor(truncated, std::nullopt), ExitCode::kGaps);
  Report odd;
  odd.anomalies.Add(Anomaly::kMissingSwitch);
  EXPECT_EQ(ExitFor(odd, std::nullopt), ExitCode::kFine) << "odd, but nothing is missing";
}

}  // namespace
}  // namespace wakewatch
