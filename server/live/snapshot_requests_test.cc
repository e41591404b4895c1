#include "server/live/snapshot_requests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace wakewatch {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using Asked = std::vector<std::pair<uint64_t, int32_t>>;

constexpr uint64_t kSecond = 1'000'000'000;

Finding Suspicion(const std::string& id, int32_t pid, int32_t waker_pid = -1) {
  Finding finding;
  finding.id = id;
  finding.check = "lost-wakeup";
  finding.open = true;
  finding.pid = pid;
  finding.waker_pid = waker_pid;
  finding.end_ns = 100 * kSecond;
  return finding;
}

class SnapshotRequestsTest : public testing::Test {
 protected:
  Asked Ask(SnapshotRequests* requests, const Finding& finding, bool reached = true) {
    Asked asked;
    requests->Ask(finding, now_, [&](uint64_t id, int32_t pid) {
      asked.emplace_back(id, pid);
      return reached;
    });
    return asked;
  }
  SnapshotRequests::TimePoint now_{seconds(1000)};
};

TEST(SnapshotRequests, WhatIsWorthALook) {
  struct Row {
    const char* check;
    bool open, wanted;
  };
  for (const Row& row : {Row{"lost-wakeup", true, true}, Row{"lost-wakeup", false, false}, Row{"hung-task", true, true},
                         Row{"wakeup-latency", true, false}}) {
    Finding finding;
    finding.check = row.check;
    finding.open = row.open;
    EXPECT_EQ(SnapshotRequests::Wants(finding), row.wanted) << row.check << row.open;
  }
}

TEST_F(SnapshotRequestsTest, TheSuspectAndItsWakerAreAskedFor) {
  SnapshotRequests requests{{}};
  EXPECT_THAT(Ask(&requests, Suspicion("a", 7, 9)), ElementsAre(std::pair(1, 7), std::pair(2, 9)));
  EXPECT_TRUE(requests.Answer(2, {.pid = 9, .ts_ns = 101 * kSecond, .wchan = "pipe_read"}));
  EXPECT_TRUE(requests.Due(now_));
  const auto taken = requests.Take(now_);
  ASSERT_THAT(taken, SizeIs(1));
  EXPECT_EQ(taken[0].finding_id, "a");
  EXPECT_EQ(taken[0].snapshot.role, "waker");
  EXPECT_EQ(taken[0].snapshot.wchan, "pipe_read");
  EXPECT_EQ(taken[0].snapshot.ts_ns, 101 * kSecond);
  EXPECT_FALSE(requests.Due(now_));
}

TEST_F(SnapshotRequestsTest, WhoDoesNotAnswerInTimeIsNamed) {
  SnapshotRequests requests{{}};
  Ask(&requests, Suspicion("a", 7));
  now_ += milliseconds(4999);
  EXPECT_FALSE(requests.Due(now_));
  EXPECT_THAT(requests.Take(now_), IsEmpty());
  now_ += milliseconds(1);
  EXPECT_TRUE(requests.Due(now_));
  const auto taken = requests.Take(now_);
  ASSERT_THAT(taken, SizeIs(1));
  EXPECT_EQ(taken[0].snapshot.error, "no answer within 5 s");
  EXPECT_EQ(taken[0].snapshot.pid, 7);
  EXPECT_FALSE(requests.Answer(1, {.pid = 7})) << "too late";
  EXPECT_THAT(requests.Take(now_), IsEmpty());
  Ask(&requests, Suspicion("b", 8));
  ASSERT_THAT(requests.Take(now_, true), SizeIs(1)) << "at a session's end nothing is outstanding";
  const SnapshotCounts counts = requests.counts();
  EXPECT_EQ(counts.requests, 2u);
  EXPECT_EQ(counts.timeouts, 2u);
  EXPECT_EQ(counts.dropped, 1u);
}

TEST_F(SnapshotRequestsTest, TheRateIsLimited) {
  struct Row {
    const char* story;
    SnapshotLimits limits;
    size_t at_once, after_a_minute;
  };
  SnapshotLimits never, slow;
  never.per_minute = 0;
  slow.per_minute = 2;
  slow.burst = 3;
  for (const Row& row : {Row{"the default", {}, 10, 10}, Row{"never", never, 0, 0}, Row{"fewer", slow, 3, 2}}) {
    SCOPED_TRACE(row.story);
    SnapshotRequests requests(row.limits);
    size_t asked = 0;
    for (int pid = 1; pid <= 20; ++pid) asked += Ask(&requests, Suspicion("a", pid)).size();
    EXPECT_EQ(asked, row.at_once);
    now_ += seconds(60);
    for (int pid = 1; pid <= 20; ++pid) asked += Ask(&requests, Suspicion("a", pid)).size();
    EXPECT_EQ(asked, row.at_once + row.after_a_minute);
    EXPECT_EQ(requests.counts().refused, 40 - asked);
  }
}

TEST_F(SnapshotRequestsTest, ATaskIsAskedAboutOnceInAWhile) {
  SnapshotRequests requests{{}};
  EXPECT_THAT(Ask(&requests, Suspicion("a", 7)), SizeIs(1));
  EXPECT_THAT(Ask(&requests, Suspicion("b", 8, 7)), ElementsAre(std::pair(2, 8)));
  now_ += seconds(10);
  EXPECT_THAT(Ask(&requests, Suspicion("c", 7)), SizeIs(1));
}

TEST_F(SnapshotRequestsTest, WhereNobodyCanBeAskedNothingIsWaitedFor) {
  SnapshotRequests requests{{}};
  Ask(&requests, Suspicion("a", 7), false);
  now_ += seconds(60);
  EXPECT_THAT(requests.Take(now_), IsEmpty());
  EXPECT_EQ(requests.counts().requests, 0u);
}

TEST_F(SnapshotRequestsTest, WhatWasNotAskedForIsDropped) {
  SnapshotRequests requests{{}};
  Ask(&requests, Suspicion("a", 7));
  EXPECT_FALSE(requests.Answer(0, {.pid = 7}));
  EXPECT_FALSE(requests.Answer(99, {.pid = 7}));
  EXPECT_FALSE(requests.Answer(1, {.pid = 8})) << "another task";
  EXPECT_TRUE(requests.Answer(1, {.pid = 7}));
  EXPECT_FALSE(requests.Answer(1, {.pid = 7})) << "twice";
  EXPECT_THAT(requests.Take(now_), SizeIs(1));
  EXPECT_EQ(requests.counts().dropped, 4u);
}

TEST_F(SnapshotRequestsTest, AnAnswerIsBoundedAndPrintable) {
  SnapshotRequests requests{{}};
  Ask(&requests, Suspicion("a", 7));
  EXPECT_TRUE(requests.Answer(1, {.pid = 7,
                                  .role = "\x1b",
                                  .ts_ns = UINT64_MAX - 1,
                                  .stack = std::string(1u << 20, 'x'),
                                  .wchan = std::string("a\0\x1b[2J\xff\n\t<b>", 12)}));
  const auto late = requests.Take(now_);
  ASSERT_THAT(late, SizeIs(1));
  EXPECT_THAT(late[0].snapshot.error, testing::HasSubstr("moved on")) << "no clock is there yet";

  now_ += seconds(10);
  Ask(&requests, Suspicion("a", 7));
  EXPECT_TRUE(requests.Answer(2, {.pid = 7,
                                  .role = "\x1b",
                                  .ts_ns = 101 * kSecond,
                                  .stack = std::string(1u << 20, 'x'),
                                  .wchan = std::string("a\0\x1b[2J\xff\n\t<b>", 12),
                                  .error = "\x9b"}));
  const auto taken = requests.Take(now_);
  ASSERT_THAT(taken, SizeIs(1));
  EXPECT_EQ(taken[0].snapshot.role, "suspect");
  EXPECT_EQ(taken[0].snapshot.stack, std::string(SnapshotRequests::kTextMax, 'x'));
  EXPECT_EQ(taken[0].snapshot.wchan, "a??[2J?\n\t<b>");
  EXPECT_EQ(taken[0].snapshot.error, "?");
}

TEST_F(SnapshotRequestsTest, AnAnswerOfAnotherTimeIsNone) {
  struct Row {
    uint64_t ts_ns;
    bool late;
  };
  for (const Row& row : {Row{90 * kSecond, false}, Row{115 * kSecond, false}, Row{115 * kSecond + 1, true}}) {
    SnapshotRequests requests{{}};
    Ask(&requests, Suspicion("a", 7));
    EXPECT_TRUE(requests.Answer(1, {.pid = 7, .ts_ns = row.ts_ns, .wchan = "x"}));
    const auto taken = requests.Take(now_);
    ASSERT_THAT(taken, SizeIs(1));
    EXPECT_EQ(taken[0].snapshot.wchan.empty(), row.late);
    EXPECT_EQ(taken[0].snapshot.error.empty(), !row.late);
  }
}

}  // namespace
}  // namespace wakewatch
