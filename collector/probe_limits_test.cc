#include "collector/probe_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wakewatch {
namespace {

using ::testing::HasSubstr;

// Feeds one-second steps and tells every switch: "2s -ttwu -ttwu_ret".
class Feed {
 public:
  explicit Feed(const ProbeLimitOptions& options)
      : limits(options, {"try_to_wake_up", "try_to_wake_up", "complete", "finish_wait"}) {}
  void Seconds(unsigned seconds, const std::vector<uint64_t>& rates) {
    static const char* const kNames[] = {"ttwu", "ttwu_ret", "complete", "finish_wait"};
    for (unsigned i = 0; i < seconds; ++i) {
      now_ns += 1'000'000'000;
      for (size_t probe = 0; probe < hits.size(); ++probe) hits[probe] += limits.on(probe) ? rates[probe] : 0;
      for (const auto& change : limits.Observe(now_ns, hits)) {
        told += std::to_string(now_ns / 1'000'000'000) + "s " + (change.on ? "+" : "-") + kNames[change.probe] + " ";
        last_reason = change.reason;
        if (reason.empty()) reason = change.reason;
      }
    }
  }
  ProbeLimits limits;
  uint64_t now_ns = 0;
  std::vector<uint64_t> hits = std::vector<uint64_t>(4);
  std::string told, reason, last_reason;
};

TEST(ProbeLimits, BusyProbesAreSwitchedOff) {
  const struct {
    const char* story;
    std::vector<std::pair<unsigned, std::vector<uint64_t>>> seconds;
    const char *told, *reason;
  } rows[] = {
      {"quiet", {{100, {19'000, 19'000, 0, 0}}}, "", ""},
      {"at the limit", {{100, {20'000, 20'000, 0, 0}}}, "", ""},
      {"a busy second is forgiven", {{3, {1, 1, 1, 1}}, {1, {1, 1, 90'000, 1}}, {9, {1, 1, 1, 1}}}, "", ""},
      {"two busy seconds with a quiet one between",
       {{1, {1, 1, 1, 1}}, {1, {1, 1, 30'000, 1}}, {1, {1, 1, 1, 1}}, {1, {1, 1, 30'000, 1}}, {5, {1, 1, 1, 1}}},
       "",
       ""},
      {"two in a row",
       {{1, {1, 1, 1, 1}}, {9, {1, 1, 30'000, 1}}},
       "3s -complete ",
       "30000 events/s, the limit is 20000"},
      {"the probes of one function go together", {{9, {30'000, 5, 1, 1}}}, "3s -ttwu 3s -ttwu_ret ", "30000 events/s"},
      {"all together: the busiest go",
       {{9, {19'000, 18'000, 17'000, 16'000}}},
       "3s -ttwu 3s -ttwu_ret ",
       "19000 of 70000 events/s of all probes; the limit is 60000"},
      {"what is left is within the limit", {{20, {1, 1, 20'000, 19'000}}}, "", ""},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.story);
    Feed feed({});
    for (const auto& [seconds, rates] : row.seconds) feed.Seconds(seconds, rates);
    EXPECT_EQ(feed.told, row.told);
    EXPECT_THAT(feed.reason, HasSubstr(row.reason));
  }
}

TEST(ProbeLimits, ABudgetOfCpuTimeCountsWhatAHitCosts) {
  Feed feed({.cpu_percent_max = 5, .cost_ns = 10'000});  // 5,000 hits a second
  feed.Seconds(5, {1, 1, 4'000, 900});
  EXPECT_EQ(feed.told, "");
  feed.Seconds(5, {1, 1, 4'000, 1'100});
  EXPECT_EQ(feed.told, "7s -complete ");
  EXPECT_THAT(feed.reason, HasSubstr("the limit is 5000, by the CPU time they may take"));
}

TEST(ProbeLimits, APauseGrowsWithEachTime) {
  Feed feed({.retry_ns = 10'000'000'000, .retry_ns_max = 20'000'000'000});
  feed.Seconds(80, {1, 1, 30'000, 1});
  EXPECT_EQ(feed.told,
            "3s -complete 13s +complete 15s -complete 35s +complete 37s -complete 57s +complete 59s -complete "
            "79s +complete ");
  EXPECT_EQ(feed.last_reason, "tried again after 20 s");
}

TEST(ProbeLimits, WhatWasForgottenDoesNotCount) {
  Feed feed({});
  feed.Seconds(2, {1, 1, 30'000, 1});
  feed.limits.Forget();
  feed.hits[2] += 1'000'000;
  feed.Seconds(1, {1, 1, 1'000'000, 1});
  EXPECT_EQ(feed.told, "") << "the hits of a time that was not measured";
}

}  // namespace
}  // namespace wakewatch
