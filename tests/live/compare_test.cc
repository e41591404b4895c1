// Two recordings side by side as a client sees them, over a real connection.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <wakewatch/v1/analysis.grpc.pb.h>

#include <chrono>
#include <string>

#include "analysis/trace/test_files.h"
#include "tests/live/served_test_support.h"

namespace wakewatch {
namespace {

using live_test::Batches;
using live_test::Patient;
using live_test::StreamAll;
using live_test::TestServer;
using testing::HasSubstr;

constexpr uint64_t kShiftNs = 3'600'000'000'000;

// A server that has one recording of `alpha`, and the same an hour later of `beta`.
class ServedComparison : public testing::Test {
 protected:
  ServedComparison() : server_(folder_.path().string()) {
    StreamAll(&server_, Batches("alpha", "s1", "boot-1"));
    StreamAll(&server_, Batches("beta", "s2", "boot-2", kShiftNs));
  }

  static v1::CompareRequest Between(const std::string& before, const std::string& after) {
    v1::CompareRequest request;
    request.mutable_before()->set_host(before);
    request.mutable_after()->set_host(after);
    return request;
  }
  grpc::Status Ask(const v1::CompareRequest& request, v1::CompareResponse* response,
                   std::chrono::milliseconds patience = std::chrono::minutes(5)) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + patience);
    return server_.Stub<v1::AnalysisService>()->Compare(&context, request, response);
  }

  file_test::TempFolder folder_;
  TestServer server_;
};

TEST_F(ServedComparison, OfTheSameEventsIsNoChange) {
  v1::CompareResponse response;
  const grpc::Status status = Ask(Between("alpha", "beta"), &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.before().host(), "alpha");
  EXPECT_EQ(response.after().host(), "beta");
  EXPECT_FALSE(response.before().recording().empty());
  EXPECT_EQ(response.after().start_ns() - response.before().start_ns(), kShiftNs);
  EXPECT_GT(response.before().gaps(), 0u) << "the recording lost events";
  EXPECT_EQ(response.after().gaps(), response.before().gaps());
  ASSERT_GT(response.threads_size(), 0);
  uint64_t waits = 0;
  for (const v1::ComparedThread& thread : response.threads()) {
    EXPECT_NE(thread.kind(), "user");
    EXPECT_EQ(thread.threads_before(), thread.threads_after()) << thread.name();
    EXPECT_EQ(thread.latency().before().DebugString(), thread.latency().after().DebugString()) << thread.name();
    EXPECT_DOUBLE_EQ(thread.latency().longer(), 0.5) << thread.name();
    if (thread.latency().has_p_value()) {
      EXPECT_DOUBLE_EQ(thread.latency().p_adjusted(), 1) << thread.name();
    }
    waits += thread.latency().before().n();
  }
  EXPECT_GT(waits, 0u);
  EXPECT_GT(response.softirqs_size(), 0);

  v1::CompareRequest all = Between("alpha", "beta");
  all.set_user_tasks(true);
  v1::CompareResponse with_user_tasks;
  ASSERT_TRUE(Ask(all, &with_user_tasks).ok());
  EXPECT_GT(with_user_tasks.threads_size(), response.threads_size());
}

TEST_F(ServedComparison, OfTwoSpansOfOneRecordingHasTheWaitsOfEach) {
  v1::CompareResponse whole, halves;
  ASSERT_TRUE(Ask(Between("alpha", "alpha"), &whole).ok());
  const uint64_t middle_ns = whole.before().start_ns() + (whole.before().end_ns() - whole.before().start_ns()) / 2;
  v1::CompareRequest request = Between("alpha", "alpha");
  request.mutable_before()->set_until_ns(middle_ns);
  request.mutable_after()->set_since_ns(middle_ns + 1);
  const grpc::Status status = Ask(request, &halves);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(halves.before().start_ns(), whole.before().start_ns());
  EXPECT_EQ(halves.before().end_ns(), middle_ns);
  EXPECT_EQ(halves.after().start_ns(), middle_ns + 1);
  EXPECT_EQ(halves.after().end_ns(), whole.before().end_ns());
  uint64_t in_whole = 0, in_halves = 0;
  for (const v1::ComparedThread& thread : whole.threads()) in_whole += thread.latency().before().n();
  for (const v1::ComparedThread& thread : halves.threads()) {
    in_halves += thread.latency().before().n() + thread.latency().after().n();
  }
  EXPECT_EQ(in_halves, in_whole);
}

TEST(ServedComparisonInTime, ASpanThatTakesTooLongIsGivenUp) {
  const file_test::TempFolder folder;
  ServerLimits limits = Patient();
  limits.analysis_time_max = std::chrono::milliseconds(0);
  TestServer server(folder.path().string(), {}, limits);
  StreamAll(&server, Batches());
  const auto ask = [&](uint64_t since_ns) {
    v1::CompareRequest request;
    request.mutable_before()->set_host("alpha");
    request.mutable_after()->set_host("alpha");
    request.mutable_after()->set_since_ns(since_ns);
    grpc::ClientContext context;
    v1::CompareResponse response;
    return server.Stub<v1::AnalysisService>()->Compare(&context, request, &response).error_code();
  };
  EXPECT_EQ(ask(1), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(ask(0), grpc::StatusCode::OK) << "all of a recording is not analysed again";
}

TEST_F(ServedComparison, RefusesWhatMakesNoSense) {
  v1::CompareResponse whole;
  ASSERT_TRUE(Ask(Between("alpha", "alpha"), &whole).ok());
  v1::CompareRequest backwards = Between("alpha", "beta"), nothing = backwards, no_recording = backwards;
  backwards.mutable_after()->set_since_ns(2000);
  backwards.mutable_after()->set_until_ns(1000);
  nothing.mutable_before()->set_since_ns(whole.before().end_ns() + 1'000'000'000);
  no_recording.mutable_after()->set_recording("20200101T000000-1");
  const struct {
    v1::CompareRequest request;
    grpc::StatusCode code;
    std::string says;
  } stories[] = {
      {Between("alpha", "nobody"), grpc::StatusCode::NOT_FOUND, "nobody"},
      {Between("", "beta"), grpc::StatusCode::INVALID_ARGUMENT, "host"},
      {no_recording, grpc::StatusCode::NOT_FOUND, "20200101T000000-1"},
      {backwards, grpc::StatusCode::INVALID_ARGUMENT, "ends before it begins"},
      {nothing, grpc::StatusCode::NOT_FOUND, "to be compared as before"},
  };
  for (const auto& [request, code, says] : stories) {
    v1::CompareResponse response;
    const grpc::Status status = Ask(request, &response);
    EXPECT_EQ(status.error_code(), code) << request.DebugString() << status.error_message();
    EXPECT_THAT(status.error_message(), HasSubstr(says));
  }
}

}  // namespace
}  // namespace wakewatch
