#include "collector/session_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collector/test_folder.h"

namespace wakewatch {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint64_t kSecondNs = 1'000'000'000;

TEST(DescribeSession, EverySessionHasItsOwnId) {
  const auto clock = *TraceClock::Named("mono");
  const auto first = DescribeSession(clock, 4);
  const auto second = DescribeSession(clock, 4);
  ASSERT_TRUE(first) << first.error().Text();
  ASSERT_TRUE(second);
  EXPECT_NE(first->session, second->session);
  EXPECT_EQ(first->boot_id, second->boot_id);
  EXPECT_EQ(first->boot_id.size(), 36u) << "a UUID without a newline";
  EXPECT_EQ(first->clock, "mono");
  EXPECT_EQ(first->cpus, 4u);
  EXPECT_FALSE(first->kernel.empty());
  EXPECT_FALSE(first->host.empty());
  EXPECT_TRUE(first->loss_marked);
}

class SessionLogTest : public ::testing::Test {
 protected:
  SessionLogTest()
      : clock_(*TraceClock::Named("mono")),
        inventory_(proc_.path()),
        log_(clock_, Topology(sys_.path()),
             [this](KthreadInventory::Depth depth, uint64_t now_ns) { return inventory_.Scan(depth, now_ns); }) {
    sys_.Write("online", "0-1\n");
    AddTask(2, "kthreadd");
    log_.Begin();
    begin_ns_ = clock_.NowNs();
  }
  void AddTask(int pid, const std::string& comm) {
    std::string text = std::to_string(pid) + " (" + comm + ") S 0 0 0 0 -1 2129984";
    for (int field = 10; field <= 45; ++field) text += " 1";
    proc_.Write(std::to_string(pid) + "/stat", text);
  }
  Batch Due(double seconds, bool last = false, std::vector<uint32_t> online = {0, 1}) {
    Batch batch;
    log_.AddDue(begin_ns_ + static_cast<uint64_t>(seconds * kSecondNs), online, last, &batch);
    return batch;
  }

  TestFolder proc_, sys_;
  TraceClock clock_;
  KthreadInventory inventory_;
  SessionLog log_;
  uint64_t begin_ns_ = 0;
};

TEST_F(SessionLogTest, TheFirstBatchHasItAll) {
  const Batch first = Due(0);
  EXPECT_THAT(first.threads, SizeIs(1));
  EXPECT_THAT(first.cpus, SizeIs(2));
  EXPECT_THAT(first.clock_pairs, SizeIs(1));
  const Batch second = Due(0.5);
  EXPECT_THAT(second.threads, IsEmpty());
  EXPECT_THAT(second.cpus, IsEmpty());
  EXPECT_THAT(second.clock_pairs, IsEmpty());
}

TEST_F(SessionLogTest, EachKindHasItsPace) {
  (void)Due(0);
  AddTask(500, "kworker/0:9");
  EXPECT_THAT(Due(1).threads, IsEmpty()) << "not looked yet";
  const Batch soon = Due(2);
  ASSERT_THAT(soon.threads, SizeIs(1));
  EXPECT_EQ(soon.threads[0].pid, 500);
  EXPECT_THAT(soon.clock_pairs, IsEmpty());
  EXPECT_THAT(Due(11).clock_pairs, SizeIs(1));
  EXPECT_THAT(Due(12).clock_pairs, IsEmpty());
}

TEST_F(SessionLogTest, HotplugIsSaidAtOnce) {
  (void)Due(0);
  const Batch batch = Due(0.1, false, {0});
  ASSERT_THAT(batch.cpus, SizeIs(1));
  EXPECT_EQ(batch.cpus[0].cpu, 1u);
  EXPECT_FALSE(batch.cpus[0].online);
}

TEST_F(SessionLogTest, TheLastBatchLooksOnceMore) {
  (void)Due(0);
  AddTask(501, "late");
  const Batch last = Due(0.2, true);
  EXPECT_THAT(last.threads, SizeIs(1));
  EXPECT_THAT(last.clock_pairs, SizeIs(1));
}

TEST_F(SessionLogTest, StatisticsAreDueEverySecond) {
  EXPECT_TRUE(log_.StatsDue(begin_ns_));
  EXPECT_FALSE(log_.StatsDue(begin_ns_ + kSecondNs / 2));
  EXPECT_TRUE(log_.StatsDue(begin_ns_ + kSecondNs));
}

}  // namespace
}  // namespace wakewatch
