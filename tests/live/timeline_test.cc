// A timeline's details and heat maps as a client sees them, over a real connection, of a recording that grows and of
// one that has ended.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <wakewatch/v1/analysis.grpc.pb.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "analysis/trace/test_files.h"
#include "tests/live/served_test_support.h"

namespace wakewatch {
namespace {

using live_test::Batches;
using live_test::Collector;
using live_test::StreamAll;
using live_test::TestServer;

class ServedTimeline : public testing::Test {
 protected:
  template <typename Request, typename Response, typename Method>
  grpc::Status Call(Method method, Request request, Response* response) {
    grpc::ClientContext context;
    request.mutable_recording()->set_host("alpha");
    return ((*server_.Stub<v1::AnalysisService>()).*method)(&context, request, response);
  }
  grpc::Status Detail(const v1::GetTimelineDetailRequest& request, v1::GetTimelineDetailResponse* response) {
    return Call(&v1::AnalysisService::Stub::GetTimelineDetail, request, response);
  }
  grpc::Status HeatMap(const v1::GetHeatMapRequest& request, v1::GetHeatMapResponse* response) {
    return Call(&v1::AnalysisService::Stub::GetHeatMap, request, response);
  }
  grpc::Status Waits(const v1::ListWaitsRequest& request, v1::ListWaitsResponse* response) {
    return Call(&v1::AnalysisService::Stub::ListWaits, request, response);
  }
  // Where it begins and ends.
  std::pair<uint64_t, uint64_t> Whole() {
    v1::GetTimelineResponse response;
    EXPECT_TRUE(Call(&v1::AnalysisService::Stub::GetTimeline, v1::GetTimelineRequest(), &response).ok());
    return {response.start_ns(), response.end_ns()};
  }

  file_test::TempFolder folder_;
  TestServer server_{folder_.path().string()};
};

TEST_F(ServedTimeline, TellsWhatHappenedThingByThing) {
  StreamAll(&server_, Batches());
  const auto [start_ns, end_ns] = Whole();
  v1::GetTimelineDetailRequest request;
  request.set_start_ns(start_ns + (end_ns - start_ns) / 2);
  request.set_end_ns(request.start_ns() + 100'000'000);
  request.set_items_max(20'000);
  v1::GetTimelineDetailResponse response;
  ASSERT_TRUE(Detail(request, &response).ok());
  EXPECT_EQ(response.start_ns(), request.start_ns());
  EXPECT_EQ(response.end_ns(), request.end_ns());
  EXPECT_EQ(response.lanes_size(), 0);
  ASSERT_FALSE(response.activities_too_many());
  std::set<int> kinds;
  for (const v1::TimelineActivity& activity : response.activities()) {
    kinds.insert(activity.work());
    EXPECT_LE(activity.start_ns(), activity.end_ns());
    EXPECT_FALSE(activity.name().empty());
    EXPECT_LT(activity.cpu(), 4u);
  }
  EXPECT_GE(kinds.size(), 2u);
  ASSERT_GT(response.wakeups_size(), 0);
  for (const v1::TimelineWakeup& wakeup : response.wakeups()) {
    EXPECT_GT(wakeup.pid(), 0);
    EXPECT_FALSE(wakeup.comm().empty());
    EXPECT_TRUE(wakeup.waking_ns() == 0 || !wakeup.waker_comm().empty());
  }
  // Fewer are allowed than there are: none comes.
  const int activities = response.activities_size();
  request.set_items_max(1);
  request.add_pids(response.wakeups(0).pid());
  ASSERT_TRUE(Detail(request, &response).ok());
  EXPECT_TRUE(response.activities_too_many());
  EXPECT_TRUE(response.wakeups_too_many());
  EXPECT_TRUE(response.spans_too_many());
  EXPECT_EQ(response.activities_size() + response.wakeups_size() + response.lanes(0).spans_size(), 0);
  request.set_items_max(20'000);
  ASSERT_TRUE(Detail(request, &response).ok());
  EXPECT_EQ(response.activities_size(), activities);
  ASSERT_EQ(response.lanes_size(), 1);
  ASSERT_GT(response.lanes(0).spans_size(), 0);
  EXPECT_EQ(response.lanes(0).spans(0).start_ns(), request.start_ns());
}

TEST_F(ServedTimeline, OfARecordingThatGrowsWhatIsStoredSoFar) {
  const auto batches = Batches();
  Collector collector(&server_);
  collector.Hello(*batches.front().session);
  ASSERT_TRUE(collector.Welcomed());
  uint64_t last_wakeups = 0;
  for (size_t i = 0; i < 6; ++i) {
    collector.Send(batches[i]);
    ASSERT_TRUE(collector.UntilAck(batches[i].sequence));
    const auto [start_ns, end_ns] = Whole();
    v1::GetTimelineDetailRequest request;
    request.set_start_ns(start_ns);
    request.set_end_ns(end_ns + 1'000'000'000);
    request.set_items_max(20'000);
    request.add_pids(1);
    v1::GetTimelineDetailResponse response;
    ASSERT_TRUE(Detail(request, &response).ok());
    ASSERT_FALSE(response.wakeups_too_many());
    EXPECT_GE(static_cast<uint64_t>(response.wakeups_size()), last_wakeups);
    last_wakeups = static_cast<uint64_t>(response.wakeups_size());
    // What is to come is not known.
    ASSERT_EQ(response.lanes_size(), 1);
    const v1::TaskSpan& last = response.lanes(0).spans(response.lanes(0).spans_size() - 1);
    EXPECT_EQ(last.state(), v1::TASK_STATE_UNSPECIFIED);
    EXPECT_EQ(last.end_ns(), request.end_ns());
  }
  EXPECT_GT(last_wakeups, 0u);
}

TEST_F(ServedTimeline, QuestionsThatMakeNoSense) {
  StreamAll(&server_, Batches());
  v1::GetTimelineDetailRequest empty, backwards, pid, pids;
  backwards.set_start_ns(9);
  backwards.set_end_ns(5);
  pid.set_start_ns(5);
  pid.set_end_ns(9);
  pids = pid;
  pid.add_pids(0);
  for (int i = 1; i < 66; ++i) pids.add_pids(i);
  for (const auto& request : {empty, backwards, pid, pids}) {
    v1::GetTimelineDetailResponse response;
    EXPECT_EQ(Detail(request, &response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  }
  v1::GetHeatMapRequest kinds, behind;
  kinds.mutable_filter()->add_kinds("kworkers");
  behind.mutable_recording()->set_since_ns(UINT64_MAX / 2);
  for (const auto& request : {kinds, behind}) {
    v1::GetHeatMapResponse response;
    EXPECT_EQ(HeatMap(request, &response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  }
}

TEST_F(ServedTimeline, AHeatMapCountsTheWaitsThatAreListed) {
  StreamAll(&server_, Batches());
  for (const bool excess : {false, true}) {
    for (const char* kind : {"", "ksoftirqd"}) {
      v1::ListWaitsRequest list;
      v1::GetHeatMapRequest request;
      list.set_limit(10'000);
      if (*kind != '\0') list.mutable_filter()->add_kinds(kind);
      *request.mutable_filter() = list.filter();
      request.set_excess(excess);
      request.set_columns_max(40);
      v1::ListWaitsResponse listed;
      v1::GetHeatMapResponse map;
      ASSERT_TRUE(Waits(list, &listed).ok());
      ASSERT_TRUE(HeatMap(request, &map).ok());
      ASSERT_LE(map.columns_size(), 40);
      ASSERT_EQ(listed.waits_total(), static_cast<uint64_t>(listed.waits_size()));
      std::vector<uint64_t> waits(static_cast<size_t>(map.columns_size())), longest = waits;
      uint64_t all = 0;
      for (const v1::Wait& wait : listed.waits()) {
        const uint64_t length_ns = excess ? wait.excess_ns() : wait.latency_ns();
        if (excess && length_ns == 0) continue;
        const size_t column = (wait.end_ns() - map.start_ns()) / map.column_ns();
        ASSERT_LT(column, waits.size());
        ++waits[column];
        longest[column] = std::max(longest[column], length_ns);
        ++all;
      }
      EXPECT_EQ(map.waits(), all);
      EXPECT_TRUE(excess || all > 0);
      EXPECT_EQ(map.watermark_ns(), listed.watermark_ns());
      for (size_t i = 0; i < waits.size(); ++i) {
        const v1::HeatMapColumn& column = map.columns(static_cast<int>(i));
        EXPECT_EQ(column.waits(), waits[i]);
        EXPECT_EQ(column.max_ns(), longest[i]);
        uint64_t sum = 0;
        for (const uint64_t count : column.counts()) sum += count;
        EXPECT_EQ(sum, column.waits());
      }
      // The recording lost events on all CPUs.
      EXPECT_EQ(map.gaps_size(), 4);
      for (const v1::TimelineLane& lane : map.gaps()) {
        EXPECT_GT(lane.gaps_size(), 0);
        EXPECT_EQ(lane.bins_size() + lane.slices_size(), 0);
      }
    }
  }
}

TEST_F(ServedTimeline, AHeatMapOfASpanHasTheWaitsThatEndInIt) {
  StreamAll(&server_, Batches());
  v1::ListWaitsRequest list;
  list.set_limit(1);
  v1::ListWaitsResponse listed;
  ASSERT_TRUE(Waits(list, &listed).ok());
  // The longest wait began in front of the span, and ends in it.
  v1::GetHeatMapRequest request;
  request.mutable_recording()->set_since_ns(listed.waits(0).end_ns());
  request.mutable_recording()->set_until_ns(listed.waits(0).end_ns());
  v1::GetHeatMapResponse map;
  ASSERT_TRUE(HeatMap(request, &map).ok());
  ASSERT_EQ(map.columns_size(), 1);
  EXPECT_EQ(map.columns(0).max_ns(), listed.waits(0).latency_ns());
}

}  // namespace
}  // namespace wakewatch
