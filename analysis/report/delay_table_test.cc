#include "analysis/report/delay_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "analysis/report/wait_test_support.h"

namespace wakewatch {
namespace {

using wait_test::Line;
using wait_test::MadeWaits;

// Sums by a slow, obvious way.
struct Sums {
  uint64_t n = 0, latency_ns = 0, excess_ns = 0, assumed = 0, without_waking = 0, off_ns = 0;
  bool operator==(const Sums&) const = default;
};
std::string KeyOf(const MeasuredWait& wait, const DelayKeys& keys) {
  std::string key;
  if (keys.thread) key += std::to_string(wait.pid) + " " + std::string(wait.comm) + " ";
  if (keys.thread || keys.kind) key += std::string(Info(wait.thread).name) + " ";
  if (keys.cpu) key += std::to_string(wait.cpu) + " ";
  if (keys.wait) key += std::string(Name(wait.kind)) + " ";
  return key + (keys.cause ? std::string(wait.cause) : "");
}
std::string KeyOf(const DelayGroup& group, const DelayKeys& keys) {
  MeasuredWait wait;
  wait.pid = group.pid;
  wait.comm = group.comm;
  wait.thread = group.kind;
  wait.cpu = group.cpu;
  wait.kind = group.wait;
  wait.cause = group.cause;
  return KeyOf(wait, keys);
}

TEST(DelayTable, SumsUpByWhateverIsAsked) {
  const MadeWaits made(3000);
  const DelayKeys all_keys[] = {{},
                                {.thread = true},
                                {.kind = true},
                                {.cause = true},
                                {.cpu = true},
                                {.wait = true},
                                {.kind = true, .cause = true, .cpu = true},
                                {.thread = true, .cause = true, .wait = true}};
  for (const DelayKeys& keys : all_keys) {
    std::map<std::string, Sums> wanted, got;
    DelayTable table(keys);
    for (const MeasuredWait& wait : made.all()) {
      table.Add(wait);
      Sums& sums = wanted[KeyOf(wait, keys)];
      ++sums.n;
      sums.latency_ns += wait.latency_ns();
      sums.excess_ns += wait.excess_ns;
      sums.assumed += wait.affinity_known ? 0 : 1;
      sums.without_waking += wait.kind == WaitKind::kWake && !wait.has_waking ? 1 : 0;
      sums.off_ns += wait.buckets.Of(Bucket::kOff);
    }
    const auto groups = table.Finish();
    ASSERT_TRUE(groups) << groups.error().Text();
    uint64_t last_ns = UINT64_MAX;
    for (const DelayGroup& group : *groups) {
      EXPECT_EQ(group.latency_ns.n(), group.excess_ns.n());
      EXPECT_EQ(group.buckets.Total(), group.latency_ns.sum());
      EXPECT_LE(group.excess_ns.sum(), last_ns) << "the most excess first";
      last_ns = group.excess_ns.sum();
      const bool fresh = got.emplace(KeyOf(group, keys),
                                     Sums{group.latency_ns.n(), group.latency_ns.sum(), group.excess_ns.sum(),
                                          group.assumed_affinity, group.without_waking, group.buckets.Of(Bucket::kOff)})
                             .second;
      EXPECT_TRUE(fresh) << KeyOf(group, keys);
    }
    EXPECT_EQ(got, wanted);
  }
}

TEST(DelayTable, RefusesToGrowWithoutEnd) {
  DelayTable table({.thread = true});
  MeasuredWait wait;
  for (size_t i = 0; i <= kDelayGroupsMax; ++i) {
    wait.pid = static_cast<int32_t>(i);
    table.Add(wait);
  }
  const auto groups = table.Finish();
  ASSERT_FALSE(groups);
  EXPECT_EQ(groups.error().code, ErrorCode::kTooLarge);
}

TEST(WaitFilter, TakesWhatEveryPartOfItTakes) {
  MeasuredWait wait;
  wait.pid = 7;
  wait.comm = "kworker/0:1";
  wait.thread = ThreadKind::kKworker;
  wait.kind = WaitKind::kPreempted;
  struct Row {
    const char* story;
    WaitFilter filter;
    bool matches;
  };
  const Row rows[] = {
      {"nothing is asked", {}, true},
      {"its kind", {.kinds = {ThreadKind::kKsoftirqd, ThreadKind::kKworker}}, true},
      {"another kind", {.kinds = {ThreadKind::kKsoftirqd}}, false},
      {"its pid", {.pids = {1, 7}}, true},
      {"another pid", {.pids = {1}}, false},
      {"its name's begin", {.tasks = {"kworker/*"}}, true},
      {"a name that is longer", {.tasks = {"kworker/0:12"}}, false},
      {"what it waits for", {.waits = {WaitKind::kPreempted}}, true},
      {"its kind, and another pid", {.kinds = {ThreadKind::kKworker}, .pids = {8}}, false},
      {"its pid, and another wait", {.pids = {7}, .waits = {WaitKind::kWake}}, false},
  };
  for (const Row& row : rows) EXPECT_EQ(row.filter.Matches(wait), row.matches) << row.story;
  EXPECT_EQ(ThreadKindNamed("kworker"), ThreadKind::kKworker);
  EXPECT_EQ(ThreadKindNamed("kworkers"), std::nullopt);
  EXPECT_EQ(WaitKindNamed("new"), WaitKind::kNew);
  EXPECT_EQ(WaitKindNamed(""), std::nullopt);
}

TEST(LongestWaits, AreThoseOfASortedList) {
  const MadeWaits made(2000);
  for (const bool by_excess : {false, true}) {
    std::vector<MeasuredWait> sorted = made.all();
    std::stable_sort(sorted.begin(), sorted.end(), [&](const MeasuredWait& a, const MeasuredWait& b) {
      const uint64_t of_a = by_excess ? a.excess_ns : a.latency_ns(), of_b = by_excess ? b.excess_ns : b.latency_ns();
      return of_a != of_b ? of_a > of_b : a.start_ns < b.start_ns;
    });
    for (const size_t limit : {size_t{1}, size_t{50}, size_t{5000}}) {
      LongestWaits longest(limit, by_excess);
      for (const MeasuredWait& wait : made.all()) longest.Add(wait);
      EXPECT_EQ(longest.seen(), made.all().size());
      const std::vector<OwnedWait> kept = longest.Finish();
      ASSERT_EQ(kept.size(), std::min(limit, sorted.size()));
      for (size_t i = 0; i < kept.size() && kept[i].excess_ns() + !by_excess > 0; ++i) {
        EXPECT_EQ(Line(kept[i].Get()), Line(sorted[i])) << i;
      }
    }
  }
}

}  // namespace
}  // namespace wakewatch
