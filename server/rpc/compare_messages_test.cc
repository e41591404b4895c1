#include "server/rpc/compare_messages.h"

#include <gtest/gtest.h>

#include "analysis/report/compare_view.h"

namespace wakewatch {
namespace {

TEST(CompareMessages, WhatGoesOutComesBack) {
  Comparison comparison;
  comparison.before = {"alpha", "20261120T090000-1", "6.1.0", 100, 2'000'000'100, 5000, 12, true, 3};
  comparison.after = {"beta", "20261121T090000-1", "6.12.1", 7, 3'000'000'007, 6000, 0, false, 0};
  const TimesSide slow{100, 2000, 3000, 4000, 5000}, fast{90, 200, 300, 400, 500};
  comparison.threads = {{"kworker/*:*", ThreadKind::kKworker, 8, 12, {slow, fast, 0.1, 1e-9, 1e-7}, {}, 3.5, 4.5}};
  comparison.work = {{"wb_workfn", {fast, slow, 0.9, 0.02, 0.04}, {fast, {}, 0.5, {}, {}}}};
  comparison.softirqs = {{"RCU", {slow, slow, 0.5, 1, 1}, 4, 5}};
  v1::CompareResponse message;
  ToMessage(comparison, &message);
  EXPECT_FALSE(message.work(0).run().has_p_value());
  const Comparison back = FromMessage(message);
  EXPECT_EQ(ComparisonJson(back), ComparisonJson(comparison));
  EXPECT_EQ(ComparisonText(back, 0), ComparisonText(comparison, 0));
  EXPECT_EQ(ComparisonCsv(back), ComparisonCsv(comparison));
}

TEST(CompareMessages, NamesAreText) {
  Comparison comparison;
  comparison.threads = {{.name = "\xff", .kind = ThreadKind::kKthread}};
  v1::CompareResponse message;
  ToMessage(comparison, &message);
  EXPECT_EQ(message.threads(0).name(), "\xef\xbf\xbd");
  message.mutable_threads(0)->set_kind("a kind of a newer server");
  EXPECT_EQ(FromMessage(message).threads[0].kind, ThreadKind::kKthread);
}

}  // namespace
}  // namespace wakewatch
