// Waits as a client sees them, over a real connection: in groups and one by one, of a recording that grows, of one that
// is stored, and of one that an older version left.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <wakewatch/v1/analysis.grpc.pb.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "analysis/trace/test_files.h"
#include "server/store/session_store.h"
#include "server/store/sqlite.h"
#include "tests/live/served_test_support.h"

namespace wakewatch {
namespace {

using live_test::Batches;
using live_test::Collector;
using live_test::Eventually;
using live_test::StreamAll;
using live_test::TestServer;
using testing::HasSubstr;

class ServedWaits : public testing::Test {
 protected:
  std::string data() const { return folder_.path().string(); }
  file_test::TempFolder folder_;
};

// What the server says about waits, as text to compare.
std::string DelaysOf(TestServer* server, v1::GetDelaysRequest request, v1::GetDelaysResponse* response) {
  grpc::ClientContext context;
  request.mutable_recording()->set_host("alpha");
  const grpc::Status status = server->Stub<v1::AnalysisService>()->GetDelays(&context, request, response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  std::string text;
  for (const v1::DelayRow& row : response->rows()) text += row.DebugString();
  return text;
}

std::string LongestOf(TestServer* server, v1::ListWaitsRequest request, v1::ListWaitsResponse* response) {
  grpc::ClientContext context;
  request.mutable_recording()->set_host("alpha");
  const grpc::Status status = server->Stub<v1::AnalysisService>()->ListWaits(&context, request, response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  std::string text;
  for (const v1::Wait& wait : response->waits()) text += wait.DebugString();
  return text;
}

TEST_F(ServedWaits, InGroupsAndOneByOne) {
  const auto batches = Batches();
  TestServer server(data());
  StreamAll(&server, batches);
  v1::GetDelaysRequest by_kind;
  by_kind.add_group_by(v1::DELAY_KEY_KIND);
  v1::GetDelaysResponse kinds;
  DelaysOf(&server, by_kind, &kinds);
  EXPECT_TRUE(kinds.stored());
  EXPECT_GT(kinds.watermark_ns(), 0u);
  ASSERT_GT(kinds.rows_size(), 1);
  uint64_t waits = 0, ksoftirqd = 0;
  for (const v1::DelayRow& row : kinds.rows()) {
    EXPECT_EQ(row.host(), "alpha");
    EXPECT_EQ(row.excess().n(), row.latency().n());
    EXPECT_GE(row.latency_sum_ns(), row.latency().max_ns());
    waits += row.latency().n();
    if (row.kind() == "ksoftirqd") ksoftirqd = row.latency().n();
  }
  EXPECT_EQ(waits, kinds.waits());
  EXPECT_GT(ksoftirqd, 0u);

  v1::GetDelaysRequest one_kind;
  one_kind.mutable_filter()->add_kinds("ksoftirqd");
  one_kind.add_group_by(v1::DELAY_KEY_THREAD);
  one_kind.add_group_by(v1::DELAY_KEY_WAIT);
  v1::GetDelaysResponse threads;
  DelaysOf(&server, one_kind, &threads);
  EXPECT_EQ(threads.waits(), ksoftirqd);
  EXPECT_EQ(threads.rows(0).kind(), "ksoftirqd");
  EXPECT_THAT(threads.rows(0).comm(), HasSubstr("ksoftirqd/"));
  one_kind.set_limit(1);
  DelaysOf(&server, one_kind, &kinds);
  EXPECT_EQ(kinds.rows_size(), 1);
  EXPECT_EQ(kinds.rows_total(), threads.rows_total());

  v1::ListWaitsRequest longest;
  *longest.mutable_filter() = one_kind.filter();
  longest.set_limit(3);
  v1::ListWaitsResponse listed;
  LongestOf(&server, longest, &listed);
  ASSERT_EQ(listed.waits_size(), 3);
  EXPECT_EQ(listed.waits_total(), ksoftirqd);
  EXPECT_GE(listed.waits(0).latency_ns(), listed.waits(1).latency_ns());
  EXPECT_EQ(listed.waits(2).end_ns() - listed.waits(2).start_ns(), listed.waits(2).latency_ns());
  // A span around the longest alone.
  const uint64_t at_ns = listed.waits(0).start_ns();
  longest.mutable_recording()->set_since_ns(at_ns);
  longest.mutable_recording()->set_until_ns(at_ns);
  v1::ListWaitsResponse alone;
  LongestOf(&server, longest, &alone);
  ASSERT_EQ(alone.waits_size(), 1);
  EXPECT_EQ(alone.waits(0).DebugString(), listed.waits(0).DebugString());
}

TEST_F(ServedWaits, QuestionsThatMakeNoSense) {
  TestServer server(data());
  StreamAll(&server, Batches());
  const auto analysis = server.Stub<v1::AnalysisService>();
  v1::GetDelaysRequest kinds, waits, keys, nobody;
  kinds.mutable_recording()->set_host("alpha");
  waits = keys = kinds;
  kinds.mutable_filter()->add_kinds("kworkers");
  waits.mutable_filter()->add_waits("woken");
  keys.add_group_by(v1::DELAY_KEY_UNSPECIFIED);
  nobody.mutable_recording()->set_host("nobody");
  for (const auto& [request, code] :
       {std::pair(kinds, grpc::StatusCode::INVALID_ARGUMENT), std::pair(waits, grpc::StatusCode::INVALID_ARGUMENT),
        std::pair(keys, grpc::StatusCode::INVALID_ARGUMENT), std::pair(nobody, grpc::StatusCode::NOT_FOUND)}) {
    grpc::ClientContext context;
    v1::GetDelaysResponse response;
    EXPECT_EQ(analysis->GetDelays(&context, request, &response).error_code(), code) << request.DebugString();
  }
}

TEST_F(ServedWaits, AreTheSameLiveStoredAndMeasuredAgain) {
  const auto batches = Batches();
  v1::GetDelaysRequest delays;
  for (const auto key : {v1::DELAY_KEY_THREAD, v1::DELAY_KEY_CPU, v1::DELAY_KEY_CAUSE}) delays.add_group_by(key);
  v1::ListWaitsRequest longest;
  longest.set_limit(10'000);
  v1::GetDelaysResponse delays_answer;
  v1::ListWaitsResponse longest_answer;
  std::string live_delays, live_longest;
  uint64_t watermark_ns = 0;
  {
    TestServer server(data());
    Collector collector(&server);
    collector.Hello(*batches.front().session);
    ASSERT_TRUE(collector.Welcomed());
    for (size_t i = 0; i + 2 < batches.size(); ++i) collector.Send(batches[i]);
    ASSERT_TRUE(collector.UntilAck(batches.size() - 2));
    // Acknowledged is stored; analysed it is a moment later.
    ASSERT_TRUE(Eventually([&] {
      live_delays = DelaysOf(&server, delays, &delays_answer);
      watermark_ns = delays_answer.watermark_ns();
      return watermark_ns >= batches[batches.size() - 3].frontiers.front().ts_ns;
    }));
    live_longest = LongestOf(&server, longest, &longest_answer);
    EXPECT_EQ(longest_answer.watermark_ns(), watermark_ns);
    EXPECT_GT(longest_answer.waits_total(), 20u);
    EXPECT_EQ(longest_answer.waits_total(), delays_answer.waits());
  }
  {
    TestServer server(data());
    EXPECT_EQ(DelaysOf(&server, delays, &delays_answer), live_delays);
    EXPECT_TRUE(delays_answer.stored());
    EXPECT_EQ(LongestOf(&server, longest, &longest_answer), live_longest);
    StreamAll(&server, batches);
    const uint64_t before = delays_answer.waits();
    live_delays = DelaysOf(&server, delays, &delays_answer);
    EXPECT_GT(delays_answer.waits(), before);
    live_longest = LongestOf(&server, longest, &longest_answer);
  }
  // As an older version would have left it.
  for (const auto& session : std::filesystem::directory_iterator(std::filesystem::path(data()) / "hosts/alpha")) {
    for (const std::string& part : Parts(session.path().string())) {
      auto db = Database::Open(part, Database::Mode::kWrite);
      ASSERT_TRUE(db) << db.error().Text();
      ASSERT_TRUE(db->Exec("DELETE FROM wait_chunk; DELETE FROM meta WHERE key = 'keeps_waits'"));
    }
  }
  TestServer server(data());
  EXPECT_EQ(DelaysOf(&server, delays, &delays_answer), live_delays);
  EXPECT_FALSE(delays_answer.stored());
  EXPECT_EQ(LongestOf(&server, longest, &longest_answer), live_longest);
}

}  // namespace
}  // namespace wakewatch
