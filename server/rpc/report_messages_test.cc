#include "server/rpc/report_messages.h"

#include <gtest/gtest.h>

#include <string>

#include "server/rpc/status.h"

namespace wakewatch {
namespace {

TEST(Utf8, WhatIsNoneIsReplaced) {
  const std::string mark = "\xef\xbf\xbd";
  struct Row {
    const char* story;
    std::string text, wanted;
  };
  const Row rows[] = {
      {"plain", "kworker/0:1", "kworker/0:1"},
      {"two, three and four bytes", "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80", "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80"},
      {"cut off", "abc\xe2\x82", "abc" + mark + mark},
      {"a lone continuation", "\x80x", mark + "x"},
      {"overlong", "\xc0\x80", mark + mark},
      {"overlong in three", "\xe0\x80\x80", mark + mark + mark},
      {"half of a surrogate pair", "\xed\xa0\x80", mark + mark + mark},
      {"past the last code point", "\xf4\x90\x80\x80", mark + mark + mark + mark},
      {"a NUL", std::string("a\0b", 3), "a" + mark + "b"},
      {"markup stays what it is", "<img src=x>", "<img src=x>"},
  };
  for (const Row& row : rows) EXPECT_EQ(Utf8(row.text), row.wanted) << row.story;
}

TEST(ReportMessages, WhatIsNotKnownIsAbsent) {
  FoundFinding found;
  found.finding.comm = "\xff";
  found.host = "alpha";
  v1::Finding message;
  ToMessage(found, &message);
  EXPECT_FALSE(message.has_cpu());
  EXPECT_FALSE(message.has_waker_pid());
  EXPECT_EQ(message.comm(), "\xef\xbf\xbd");
  found.finding.cpu = 0;
  found.finding.waker_pid = 0;
  ToMessage(found, &message);
  EXPECT_TRUE(message.has_cpu());
  EXPECT_TRUE(message.has_waker_pid());
}

TEST(ReportMessages, ALostWakeupNamesTheProtocolOfItsClass) {
  FoundFinding found;
  found.finding.check = "lost-wakeup";
  found.finding.cls = "kthread-stop";
  v1::Finding message;
  ToMessage(found, &message);
  EXPECT_NE(message.protocol(), "");
  found.finding.check = "hung-task";
  v1::Finding other;
  ToMessage(found, &other);
  EXPECT_EQ(other.protocol(), "");
}

TEST(ReportMessages, AFindingBringsWhatItRestsOn) {
  FoundFinding found;
  found.finding.rule = "r\xff";
  found.finding.assumption = "a";
  found.finding.would_raise = "w";
  found.finding.open = true;
  found.finding.snapshots = {{7, "suspect", 9, "st", "wc", "stat", "err"}};
  v1::Finding message;
  ToMessage(found, &message);
  EXPECT_EQ(message.rule(), "r\xef\xbf\xbd");
  EXPECT_EQ(message.assumption(), "a");
  EXPECT_EQ(message.would_raise(), "w");
  EXPECT_TRUE(message.open());
  ASSERT_EQ(message.snapshots_size(), 1);
  const v1::ProcSnapshot& snapshot = message.snapshots(0);
  EXPECT_EQ(snapshot.pid(), 7);
  EXPECT_EQ(snapshot.ts_ns(), 9u);
  EXPECT_EQ(snapshot.role() + snapshot.stack() + snapshot.wchan() + snapshot.status() + snapshot.error(),
            "suspectstwcstaterr");
}

TEST(ReportMessages, ObligationsAndWhatIsUndecidable) {
  v1::ObligationSummary obligation;
  ToMessage(ObligationSummary{"timer-lost", 36, 8, 7, 6, 5, 4, 3, 3}, &obligation);
  EXPECT_EQ(obligation.class_(), "timer-lost");
  EXPECT_EQ(obligation.opened(), obligation.discharged() + obligation.late() + obligation.expired() +
                                     obligation.censored() + obligation.voided() + obligation.unlearned() +
                                     obligation.open());
  EXPECT_EQ(obligation.late(), 7u);
  v1::Undecidable undecidable;
  ToMessage(Undecidable{"check-before-sleep", 5, {"a", "b"}}, &undecidable);
  EXPECT_EQ(undecidable.class_(), "check-before-sleep");
  EXPECT_EQ(undecidable.sleeps(), 5u);
  EXPECT_EQ(undecidable.needs_size(), 2);
}

TEST(ReportMessages, QuantilesComeWithTheirN) {
  Histogram histogram;
  for (uint64_t i = 1; i <= 100; ++i) histogram.Add(i);
  v1::Quantiles message;
  ToMessage(histogram, &message);
  EXPECT_EQ(message.n(), 100u);
  EXPECT_EQ(message.max_ns(), 100u);
  EXPECT_LE(message.p50_ns(), message.p90_ns());
  EXPECT_LE(message.p90_ns(), message.p99_ns());
}

TEST(Status, EveryErrorHasACodeThatClientsCanActOn) {
  struct Row {
    ErrorCode code;
    grpc::StatusCode wanted;
  };
  for (const Row& row : {Row{ErrorCode::kNotFound, grpc::StatusCode::NOT_FOUND},
                         Row{ErrorCode::kNoSpace, grpc::StatusCode::RESOURCE_EXHAUSTED},
                         Row{ErrorCode::kConflict, grpc::StatusCode::ALREADY_EXISTS},
                         Row{ErrorCode::kInterrupted, grpc::StatusCode::UNAVAILABLE},
                         Row{ErrorCode::kCorrupt, grpc::StatusCode::DATA_LOSS},
                         Row{ErrorCode::kDeadline, grpc::StatusCode::DEADLINE_EXCEEDED}}) {
    const grpc::Status status = ToStatus({.code = row.code, .cause = "why", .remedy = "what to do"});
    EXPECT_EQ(status.error_code(), row.wanted);
    EXPECT_EQ(status.error_message(), "why (what to do)");
  }
}

}  // namespace
}  // namespace wakewatch
