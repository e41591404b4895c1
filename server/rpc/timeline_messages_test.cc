#include "server/rpc/timeline_messages.h"

#include <gtest/gtest.h>

#include <string>

namespace wakewatch {
namespace {

TEST(TimelineMessages, QuestionsHaveDefaultsAndBounds) {
  v1::GetTimelineDetailRequest message;
  EXPECT_EQ(FromMessage(message).items_max, kDetailItemsDefault);
  message.set_items_max(UINT32_MAX);
  message.set_start_ns(5);
  message.set_end_ns(9);
  message.add_cpus(3);
  message.add_pids(-1);
  const TimelineDetailQuestion question = FromMessage(message);
  EXPECT_EQ(question.items_max, kDetailItemsMax);
  EXPECT_EQ(question.start_ns, 5u);
  EXPECT_EQ(question.end_ns, 9u);
  EXPECT_EQ(question.cpus, std::vector<uint32_t>{3});
  EXPECT_EQ(question.pids, std::vector<int32_t>{-1});
}

TEST(TimelineMessages, NamesOfAnyBytesCanBeSent) {
  const std::string hostile = "\xff\xfe<script>\x1b[2J";
  TimelineDetail detail;
  TimelineActivity activity;
  activity.work = TimelineWork::kTimer;
  activity.name = hostile;
  activity.start_seen = true;
  detail.activities.push_back(activity);
  TimelineWakeup wakeup;
  wakeup.comm = wakeup.waker_comm = hostile;
  detail.wakeups.push_back(wakeup);
  detail.lanes.push_back({7, hostile, {{1, 2, LaneState::kBlocked, 3}}});
  detail.spans_too_many = true;
  v1::GetTimelineDetailResponse message, back;
  ToMessage(detail, &message);
  ASSERT_TRUE(back.ParseFromString(message.SerializeAsString()));
  EXPECT_NE(back.activities(0).name().find("<script>"), std::string::npos);
  EXPECT_EQ(back.activities(0).name(), back.lanes(0).comm());
  EXPECT_EQ(back.activities(0).work(), v1::TIMELINE_WORK_TIMER);
  EXPECT_TRUE(back.activities(0).start_seen());
  EXPECT_FALSE(back.activities(0).end_seen());
  EXPECT_EQ(back.wakeups(0).waker_context(), "");
  EXPECT_EQ(back.wakeups(0).waker_pid(), -1);
  EXPECT_EQ(back.lanes(0).spans(0).state(), v1::TASK_STATE_BLOCKED);
  EXPECT_EQ(back.lanes(0).spans(0).cpu(), 3u);
  EXPECT_TRUE(back.spans_too_many());
  EXPECT_FALSE(back.wakeups_too_many());
}

TEST(TimelineMessages, AHeatMapLeavesOutRowsBehindTheLast) {
  HeatMap map(100, 200, 2);
  map.Add(120, 500);
  map.Add(130, 3'000);
  v1::GetHeatMapResponse message;
  ToMessage(map, &message);
  EXPECT_EQ(message.start_ns(), 100u);
  EXPECT_EQ(message.column_ns(), 50u);
  EXPECT_EQ(message.waits(), 2u);
  ASSERT_EQ(message.columns_size(), 2);
  ASSERT_EQ(message.columns(0).counts_size(), 3);
  EXPECT_EQ(message.columns(0).counts(0), 1u);
  EXPECT_EQ(message.columns(0).counts(1), 0u);
  EXPECT_EQ(message.columns(0).counts(2), 1u);
  EXPECT_EQ(message.columns(0).max_ns(), 3'000u);
  EXPECT_EQ(message.columns(1).counts_size(), 0);
  ASSERT_EQ(message.row_low_ns_size(), static_cast<int>(kHeatMapRows));
  EXPECT_EQ(message.row_low_ns(2), 2'000u);
}

}  // namespace
}  // namespace wakewatch
