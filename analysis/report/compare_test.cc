#include "analysis/report/compare.h"

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "analysis/report/compare_view.h"
#include "analysis/report/mann_whitney.h"

namespace wakewatch {
namespace {

constexpr uint64_t kMs = 1'000'000, kS = 1'000'000'000;

// `n` waits of about `scale_ns`.
Histogram Waits(uint64_t seed, size_t n, double scale_ns) {
  std::mt19937_64 random(seed);
  std::lognormal_distribution<double> wait(std::log(scale_ns), 1);
  Histogram histogram;
  for (size_t i = 0; i < n; ++i) histogram.Add(static_cast<uint64_t>(wait(random)));
  return histogram;
}

// 60 s from `start_ns`.
Report Recorded(uint64_t start_ns = 1000 * kS) {
  Report report;
  report.kernel = "6.1.0";
  report.events = 1000;
  report.start_ns = start_ns;
  report.end_ns = start_ns + 60 * kS;
  return report;
}
ThreadSummary Thread(int32_t pid, std::string comm, ThreadKind kind, Histogram latency) {
  ThreadSummary thread;
  thread.pid = pid;
  thread.comm = std::move(comm);
  thread.kind = kind;
  thread.wakeups = latency.n();
  thread.excess_latency_ns.AddTimes(0, latency.n());
  thread.wakeup_latency_ns = std::move(latency);
  return thread;
}
Comparison Compared(const Report& before, const Report& after, bool user_tasks = false) {
  const auto comparison = Compare({"a", "1", before}, {"b", "2", after}, user_tasks);
  EXPECT_TRUE(comparison) << comparison.error().Text();
  return comparison.value_or(Comparison());
}

struct NameStory {
  std::string comm;
  ThreadKind kind;
  std::string name;
};
class Names : public testing::TestWithParam<NameStory> {};
TEST_P(Names, LoseWhatDiffersFromBootToBoot) {
  EXPECT_EQ(ComparedName(GetParam().comm, GetParam().kind), GetParam().name);
}
INSTANTIATE_TEST_SUITE_P(
    Stories, Names,
    testing::Values(
        NameStory{"kworker/3:1", ThreadKind::kKworker, "kworker/*:*"},
        NameStory{"kworker/12:0H", ThreadKind::kKworker, "kworker/*:*H"},
        NameStory{"kworker/u8:2", ThreadKind::kKworker, "kworker/u*:*"},
        NameStory{"kworker/u8:2-events_unbound", ThreadKind::kKworker, "kworker/u*:*"},
        NameStory{"kworker/0:1H+kblockd", ThreadKind::kKworker, "kworker/*:*H"},
        NameStory{"kworker/R-mm_percpu", ThreadKind::kKworkerRescuer, "kworker/R-mm_percpu"},
        NameStory{"ksoftirqd/3", ThreadKind::kKsoftirqd, "ksoftirqd/*"},
        NameStory{"rcuop/11", ThreadKind::kRcu, "rcuop/*"}, NameStory{"rcu_preempt", ThreadKind::kRcu, "rcu_preempt"},
        NameStory{"irq/24-virtio0-req", ThreadKind::kIrq, "irq/*-virtio0-req"},
        NameStory{"kswapd1", ThreadKind::kKswapd, "kswapd*"}, NameStory{"loop12", ThreadKind::kLoop, "loop*"},
        NameStory{"jbd2/sda1-8", ThreadKind::kJbd2, "jbd2/sda1-8"},
        NameStory{"md0_raid1", ThreadKind::kMd, "md0_raid1"},
        NameStory{"my_driver/2", ThreadKind::kKthread, "my_driver/*"},
        NameStory{"my_driver2", ThreadKind::kKthread, "my_driver2"}, NameStory{"a/", ThreadKind::kKthread, "a/"},
        NameStory{"", ThreadKind::kKthread, ""}, NameStory{"python3/7", ThreadKind::kUser, "python3/7"}));

TEST(Compare, TakesThreadsOfOneNameTogetherWhateverTheirPids) {
  Report before = Recorded(), after = Recorded(5 * kS);
  before.threads = {Thread(20, "kworker/0:1", ThreadKind::kKworker, Waits(1, 300, 20'000)),
                    Thread(21, "kworker/1:0", ThreadKind::kKworker, Waits(2, 300, 20'000)),
                    Thread(22, "kworker/2:0H", ThreadKind::kKworker, Waits(3, 10, 20'000))};
  after.threads = {Thread(900, "kworker/3:5", ThreadKind::kKworker, Waits(4, 1200, 80'000))};
  const Comparison comparison = Compared(before, after);
  ASSERT_EQ(comparison.threads.size(), 2u);
  const ComparedThread& both = comparison.threads[0];
  EXPECT_EQ(both.name, "kworker/*:*");
  EXPECT_EQ(both.threads_before, 2u);
  EXPECT_EQ(both.threads_after, 1u);
  EXPECT_EQ(both.latency.before.n, 600u);
  EXPECT_EQ(both.latency.after.n, 1200u);
  EXPECT_DOUBLE_EQ(both.wakeups_per_s_before, 10);
  EXPECT_DOUBLE_EQ(both.wakeups_per_s_after, 20);
  EXPECT_EQ(ChangeOf(both.latency), Change::kLonger);
  EXPECT_GT(both.latency.longer, 0.75);
  EXPECT_EQ(ChangeOf(both.excess), Change::kNotSure) << "there was none on either side";
  EXPECT_EQ(comparison.threads[1].name, "kworker/*:*H");
  EXPECT_EQ(ChangeOf(comparison.threads[1].latency), Change::kOnlyBefore);
  EXPECT_EQ(comparison.threads[1].threads_after, 0u);
}

TEST(Compare, AThreadOfAnotherKindIsAnother) {
  Report before = Recorded(), after = Recorded();
  before.threads = {Thread(20, "nfsd", ThreadKind::kNfsd, Waits(1, 100, 20'000))};
  after.threads = {Thread(20, "nfsd", ThreadKind::kUser, Waits(1, 100, 20'000))};
  EXPECT_EQ(Compared(before, after).threads.size(), 1u) << "a user task is not compared unless asked for";
  const Comparison comparison = Compared(before, after, true);
  ASSERT_EQ(comparison.threads.size(), 2u);
  EXPECT_EQ(ChangeOf(comparison.threads[0].latency), Change::kOnlyAfter);
  EXPECT_EQ(ChangeOf(comparison.threads[1].latency), Change::kOnlyBefore);
}

TEST(Compare, FindsWhatChangedAndLeavesTheRest) {
  Report before = Recorded(), after = Recorded();
  for (uint64_t i = 0; i < 30; ++i) {
    const std::string name = "driver_" + std::string(1, static_cast<char>('a' + i % 26)) + std::to_string(i);
    const double faster = i == 7 ? 0.5 : 1;
    before.threads.push_back(Thread(100, name, ThreadKind::kKthread, Waits(2 * i, 400, 20'000)));
    after.threads.push_back(Thread(200, name, ThreadKind::kKthread, Waits(2 * i + 1, 400, 20'000 * faster)));
  }
  before.work = {{.function = "wb_workfn", .queue_to_start_ns = Waits(90, 200, 5000), .run_ns = Waits(91, 200, 9000)}};
  after.work = {{.function = "wb_workfn", .queue_to_start_ns = Waits(92, 200, 9000), .run_ns = Waits(93, 200, 9000)}};
  before.softirq = {{.vector = "RCU", .raise_to_entry_ns = Waits(94, 5, 900), .in_ksoftirqd = 1, .entries = 5}};
  after.softirq = {{.vector = "RCU", .raise_to_entry_ns = Waits(95, 500, 9000), .in_ksoftirqd = 7, .entries = 500}};
  const Comparison comparison = Compared(before, after);
  EXPECT_EQ(comparison.threads[0].name, "driver_h7") << "the surest change first";
  EXPECT_EQ(ChangeOf(comparison.threads[0].latency), Change::kShorter);
  for (size_t i = 1; i < comparison.threads.size(); ++i) {
    EXPECT_EQ(ChangeOf(comparison.threads[i].latency), Change::kNotSure) << comparison.threads[i].name;
  }
  EXPECT_EQ(ChangeOf(comparison.work[0].queue_to_start), Change::kLonger);
  EXPECT_EQ(ChangeOf(comparison.work[0].run), Change::kNotSure);
  EXPECT_EQ(ChangeOf(comparison.softirqs[0].raise_to_entry), Change::kTooFew) << "five before";
  EXPECT_EQ(comparison.softirqs[0].in_ksoftirqd_after, 7u);
  // Holm's correction is for all of them: 30 latencies, 30 excesses and two of the work.
  EXPECT_NEAR(comparison.threads[0].latency.p_adjusted.value_or(0) / comparison.threads[0].latency.p_value.value_or(1),
              62, 1e-6);
}

TEST(Compare, AShortSpanDecidesNothing) {
  Report before = Recorded(), after = Recorded();
  before.threads = {Thread(20, "ksoftirqd/0", ThreadKind::kKsoftirqd, Waits(1, 3000, 20'000))};
  after.threads = {Thread(20, "ksoftirqd/0", ThreadKind::kKsoftirqd, Waits(2, 3000, 40'000))};
  EXPECT_EQ(ChangeOf(Compared(before, after).threads[0].latency), Change::kLonger);
  after.end_ns = after.start_ns + 7 * kIndependentNs;
  EXPECT_EQ(ChangeOf(Compared(before, after).threads[0].latency), Change::kTooFew)
      << "three thousand waits of less than a second";
}

TEST(Compare, ARecordingWithItselfIsNoDifference) {
  Report report = Recorded();
  report.threads = {Thread(20, "ksoftirqd/0", ThreadKind::kKsoftirqd, Waits(1, 3000, 20'000))};
  const ComparedTimes times = Compared(report, report).threads[0].latency;
  EXPECT_DOUBLE_EQ(times.longer, 0.5);
  EXPECT_DOUBLE_EQ(times.p_value.value_or(0), 1);
}

Report WithGaps() {
  Report report = Recorded(1000 * kS);
  const auto gap = [&](uint64_t start_ns, uint64_t end_ns, uint64_t lost) {
    report.gaps.push_back({.cpu = 0, .start_ns = start_ns, .end_ns = end_ns, .lost = lost});
  };
  gap(1005 * kS, 1006 * kS, 100);
  gap(1029 * kS, 1031 * kS, 20);
  gap(1050 * kS, 1050 * kS + kMs, kLostUnknown);
  report.lost_events = 120;
  report.lost_unknown = true;
  report.per_cpu = {{.cpu = 0, .gaps = 3}};
  return report;
}

TEST(Compare, SaysWhatWasLostOnEachSide) {
  const Report report = WithGaps();
  const Comparison whole = Compared(report, Recorded());
  EXPECT_TRUE(whole.has_gaps());
  EXPECT_EQ(whole.before.gaps, 3u);
  EXPECT_EQ(whole.before.lost_events, 120u);
  EXPECT_TRUE(whole.before.lost_unknown);
  EXPECT_EQ(whole.after.gaps, 0u);
  EXPECT_FALSE(Compared(Recorded(), Recorded()).has_gaps());
}

TEST(Compare, OfASpanOnlyItsOwnLoss) {
  const Report report = WithGaps();
  const auto comparison = Compare({"a", "", report, 0, 1030 * kS}, {"a", "", report, 1051 * kS, UINT64_MAX}, false);
  ASSERT_TRUE(comparison);
  EXPECT_EQ(comparison->before.start_ns, 1000 * kS);
  EXPECT_EQ(comparison->before.end_ns, 1030 * kS);
  EXPECT_EQ(comparison->before.gaps, 2u);
  EXPECT_EQ(comparison->before.lost_events, 120u);
  EXPECT_FALSE(comparison->before.lost_unknown);
  EXPECT_EQ(comparison->after.gaps, 0u);
  EXPECT_EQ(comparison->after.lost_events, 0u);
  EXPECT_FALSE(comparison->after.lost_unknown);
}

TEST(Compare, LossWithoutAPlaceMayBeInAnySpan) {
  Report report = Recorded();
  report.lost_events = 7;  // the kernel's own count; no page marks them
  const auto comparison = Compare({"a", "", report, 1010 * kS, 1030 * kS}, {"a", "", report}, false);
  ASSERT_TRUE(comparison);
  EXPECT_TRUE(comparison->before.lost_unknown);
  EXPECT_EQ(comparison->after.lost_events, 7u);
}

TEST(Compare, RefusesASpanInWhichNothingWasRecorded) {
  const Report report = Recorded();
  for (const ComparedPart& empty :
       {ComparedPart{"a", "", report, 0, 999 * kS}, ComparedPart{"a", "", report, 1061 * kS},
        ComparedPart{"a", "", report, 1020 * kS, 1010 * kS}, ComparedPart{"a", "", Report()}}) {
    const auto comparison = Compare({"a", "", report}, empty, false);
    ASSERT_FALSE(comparison);
    EXPECT_EQ(comparison.error().code, ErrorCode::kNotFound);
    EXPECT_EQ(comparison.error().cause, "nothing was recorded in the span that is to be compared as after");
  }
}

Comparison Sample() {
  Report before = WithGaps(), after = Recorded();
  before.threads = {Thread(20, "\x1b[2J,\xc3", ThreadKind::kKthread, Waits(1, 300, 20'000))};
  after.threads = {Thread(20, "\x1b[2J,\xc3", ThreadKind::kKthread, Waits(2, 300, 60'000)),
                   Thread(21, "kswapd0", ThreadKind::kKswapd, Waits(3, 3, 60'000))};
  return Compared(before, after);
}

// With one space wherever there are several.
std::string Squeezed(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c != ' ' || !out.ends_with(' ')) out += c;
  }
  return out;
}

TEST(CompareView, TextSaysLossFirstAndNeverAPWithoutItsNs) {
  const std::string text = Squeezed(ComparisonText(Sample(), 0));
  EXPECT_NE(text.find("before a/1, kernel 6.1.0: 60.0 s from 1000.000000 s, at least 120 events LOST in 3 gaps"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("!!! EVENTS WERE LOST"), std::string::npos);
  EXPECT_LT(text.find("!!! EVENTS WERE LOST"), text.find("THREADS"));
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(text.find("latency 300 300 19.3 us 55.6 us 232 us 432 us longer <0.0001\n"), std::string::npos) << text;
  EXPECT_NE(text.find("kswapd* latency 0 3 - 15.4 us - 78.0 us only after -\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("excess"), std::string::npos) << "there was none on either side";
  EXPECT_NE(ComparisonText(Sample(), 1).find("measures"), std::string::npos) << "it says that lines are left out";
}

TEST(CompareView, JsonHasNullWhereNothingIsKnown) {
  const std::string json = ComparisonJson(Sample());
  EXPECT_NE(json.find("\"schema_version\": 1"), std::string::npos);
  EXPECT_NE(json.find("\"lost_events\": null"), std::string::npos);
  EXPECT_NE(json.find("\"p\": null"), std::string::npos);
  EXPECT_NE(json.find("\"change\": \"longer\""), std::string::npos);
  EXPECT_NE(json.find("\"change\": \"only after\""), std::string::npos);
}

TEST(CompareView, EveryLineOfTheCsvHasAllColumns) {
  const std::string csv = ComparisonCsv(Sample());
  // The name holds a comma, so it stands in quotes.
  EXPECT_NE(csv.find("thread,\"\\x1b[2J,\\xc3\",kthread,latency,300,300,"), std::string::npos) << csv;
  EXPECT_NE(csv.find("trace,,,lost_events,120,0,,,,,,,,,,,,\n"), std::string::npos);
  EXPECT_NE(csv.find("thread,kswapd*,kswapd,latency,0,3,,"), std::string::npos);
  EXPECT_NE(csv.find(",,,,only after\n"), std::string::npos);
}

}  // namespace
}  // namespace wakewatch
