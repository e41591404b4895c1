// The server as a collector sees it, over a real connection: what it takes, what it refuses and why, and that nothing
// it acknowledged is missing afterwards.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <wakewatch/v1/analysis.grpc.pb.h>
#include <wakewatch/v1/findings.grpc.pb.h>
#include <wakewatch/v1/fleet.grpc.pb.h>
#include <wakewatch/v1/ingest.grpc.pb.h>
#include <wakewatch/v1/sql.grpc.pb.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "analysis/chunk/chunk.h"
#include "analysis/model/rules.h"
#include "analysis/trace/formats_list.h"
#include "analysis/trace/test_files.h"
#include "proto/wire/batch_codec.h"
#include "server/live/fleet.h"
#include "server/live/open_findings_engine.h"
#include "server/live/recordings.h"
#include "server/live/replay.h"
#include "server/rpc/grpc_server.h"
#include "server/store/recording.h"
#include "tests/live/served_test_support.h"

namespace wakewatch {
namespace {

using live_test::Batches;
using live_test::Collector;
using live_test::Eventually;
using live_test::StreamAll;
using live_test::TestServer;
using testing::HasSubstr;

uint64_t EventsOf(const std::vector<Batch>& batches) {
  uint64_t events = 0;
  for (const Batch& batch : batches) {
    for (const Chunk& chunk : batch.chunks) events += chunk.events;
  }
  return events;
}

v1::Host HostOf(TestServer* server, const std::string& name) {
  grpc::ClientContext context;
  v1::ListHostsResponse response;
  EXPECT_TRUE(server->Stub<v1::FleetService>()->ListHosts(&context, {}, &response).ok());
  for (const v1::Host& host : response.hosts()) {
    if (host.name() == name) return host;
  }
  return {};
}

uint64_t StoredEvents(const std::string& data, const std::string& host) {
  uint64_t events = 0;
  for (const auto& session : std::filesystem::directory_iterator(std::filesystem::path(data) / "hosts" / host)) {
    const auto input = OpenRecording(session.path().string());
    EXPECT_TRUE(input) << input.error().Text();
    const auto readers = (*input)->OpenCpus();
    EventBlock block;
    for (const auto& reader : *readers) {
      while (*reader->Fill(&block, 10'000)) {
        for (const Event& event : block.events) events += event.type == EventType::kGap ? 0 : 1;
      }
    }
  }
  return events;
}

class Ingest : public testing::Test {
 protected:
  std::string data() const { return folder_.path().string(); }
  file_test::TempFolder folder_;
};

TEST_F(Ingest, StoresWhatItAcknowledges) {
  const auto batches = Batches();
  {
    TestServer server(data());
    StreamAll(&server, batches);
    const v1::Host host = HostOf(&server, "alpha");
    EXPECT_EQ(host.events(), EventsOf(batches));
    EXPECT_EQ(host.cpus(), batches.front().session->cpus);
    EXPECT_GT(host.gaps(), 0u) << "this trace lost events";
  }
  EXPECT_EQ(StoredEvents(data(), "alpha"), EventsOf(batches));
}

TEST_F(Ingest, RepeatsAreAcknowledgedAndIgnored) {
  const auto batches = Batches();
  TestServer server(data());
  {
    Collector collector(&server);
    collector.Hello(*batches.front().session);
    ASSERT_EQ(collector.Welcomed(), 0u);
    for (int times = 0; times < 3; ++times) collector.Send(batches[0]);
    collector.Send(batches[1]);
    collector.Send(batches[0]);
    collector.Send(batches[1]);
    collector.Send(batches[2]);
    ASSERT_TRUE(collector.UntilAck(3));
  }
  StreamAll(&server, batches);
  EXPECT_EQ(StoredEvents(data(), "alpha"), EventsOf(batches));
}

TEST_F(Ingest, ResumesWhereItWasAfterARestart) {
  const auto batches = Batches();
  {
    TestServer server(data());
    Collector collector(&server);
    collector.Hello(*batches.front().session);
    ASSERT_EQ(collector.Welcomed(), 0u);
    for (size_t i = 0; i < 3; ++i) collector.Send(batches[i]);
    ASSERT_TRUE(collector.UntilAck(3));
  }
  TestServer server(data());
  Collector collector(&server);
  collector.Hello(*batches.front().session);
  ASSERT_EQ(collector.Welcomed(), 3u);
  for (size_t i = 3; i < batches.size(); ++i) collector.Send(batches[i]);
  ASSERT_TRUE(collector.UntilAck(batches.back().sequence));
  EXPECT_EQ(StoredEvents(data(), "alpha"), EventsOf(batches));
}

TEST_F(Ingest, TellsStreamsThatItStops) {
  const auto batches = Batches();
  auto server = std::make_unique<TestServer>(data());
  Collector collector(server.get());
  collector.Hello(*batches.front().session);
  ASSERT_TRUE(collector.Welcomed());
  std::thread stopping([&] { server->fleet().Stop(); });
  const grpc::Status status = collector.End();
  stopping.join();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_message(), HasSubstr("stops"));
}

TEST_F(Ingest, AStreamBeginsWithHello) {
  TestServer server(data());
  Collector collector(&server);
  collector.Send(Batches().front());
  EXPECT_EQ(collector.End().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(Ingest, RefusesHostsThatAreNoNames) {
  TestServer server(data());
  for (const char* name : {"", "..", "../../etc", "a/b", "a b", "-x", ".hidden"}) {
    SessionInfo session = *Batches().front().session;
    session.host = name;
    Collector collector(&server);
    collector.Hello(session);
    EXPECT_EQ(collector.End().error_code(), grpc::StatusCode::INVALID_ARGUMENT) << name;
  }
}

TEST_F(Ingest, TwoCollectorsCannotClaimOneHost) {
  const auto batches = Batches(), others = Batches("alpha", "s2");
  TestServer server(data());
  Collector first(&server);
  first.Hello(*batches.front().session);
  ASSERT_TRUE(first.Welcomed());
  {
    Collector second(&server);
    second.Hello(*others.front().session);
    const grpc::Status status = second.End();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::ALREADY_EXISTS);
    EXPECT_THAT(status.error_message(), HasSubstr("s1"));
  }
  first.Send(batches[0]);
  EXPECT_TRUE(first.UntilAck(1)) << "the first goes on";
  // The same collector may come back before its dead connection is noticed.
  Collector again(&server);
  again.Hello(*batches.front().session);
  EXPECT_EQ(again.Welcomed(), 1u);
  EXPECT_EQ(first.End().error_code(), grpc::StatusCode::ALREADY_EXISTS);
}

TEST_F(Ingest, AChunkThatDoesNotValidateIsStoredNowhere) {
  struct Row {
    const char* what;
    void (*spoil)(Batch*);
    const char* says;
  };
  const Row rows[] = {
      {"a flipped bit", [](Batch* b) { b->chunks[0].bytes[b->chunks[0].bytes.size() / 2] ^= 0x10; }, "validate"},
      {"cut off", [](Batch* b) { b->chunks[0].bytes.resize(b->chunks[0].bytes.size() / 2); }, "validate"},
      {"another CPU than it says", [](Batch* b) { b->chunks[0].cpu += 1; }, "other things"},
      {"more events than it has", [](Batch* b) { b->chunks[0].events += 1; }, "other things"},
      {"other times than it has", [](Batch* b) { b->chunks[0].last_ns += 1; }, "other things"},
      {"formats that nobody sent", [](Batch* b) { b->chunks[0].formats_hash ^= 1; }, "formats"},
      {"a CPU that no machine has", [](Batch* b) { b->chunks[0].cpu = 100'000; }, "no CPU"},
      {"a time past the end of time", [](Batch* b) { b->frontiers[0].ts_ns = UINT64_MAX; }, "2^63"},
      {"an end before its begin", [](Batch* b) { b->chunks[0].first_ns = b->chunks[0].last_ns + 1; }, "before"},
  };
  const auto batches = Batches();
  TestServer server(data());
  Collector collector(&server);
  collector.Hello(*batches.front().session);
  ASSERT_TRUE(collector.Welcomed());
  collector.Send(batches[0]);
  ASSERT_TRUE(collector.UntilAck(1));
  uint64_t sequence = 1;
  for (const Row& row : rows) {
    Batch bad = batches[1];
    bad.sequence = ++sequence;
    row.spoil(&bad);
    collector.Send(bad);
    const auto refusals = collector.UntilAck(sequence);
    ASSERT_TRUE(refusals) << row.what << ": the stream goes on";
    ASSERT_EQ(refusals->size(), 1u) << row.what;
    EXPECT_EQ(refusals->front().sequence(), sequence);
    EXPECT_THAT(refusals->front().cause(), HasSubstr(row.says)) << row.what;
  }
  Batch good = batches[2];
  good.sequence = ++sequence;
  collector.Send(good);
  const auto refusals = collector.UntilAck(sequence);
  ASSERT_TRUE(refusals);
  EXPECT_TRUE(refusals->empty());
  const v1::Host host = HostOf(&server, "alpha");
  EXPECT_EQ(host.refused_batches(), std::size(rows));
  EXPECT_EQ(host.events(), EventsOf({batches[0], good}));
  EXPECT_TRUE(host.lost_unknown()) << "what was refused is a gap";
}

TEST_F(Ingest, AMessageOverItsLimitEndsTheStream) {
  TestServer server(data());
  Collector collector(&server);
  collector.Hello(*Batches().front().session);
  ASSERT_TRUE(collector.Welcomed());
  v1::IngestRequest request;
  request.mutable_batch()->set_sequence(1);
  request.mutable_batch()->add_chunks()->set_data(std::string(kMessageBytesMax + 1, 'x'));
  collector.Send(request);
  EXPECT_EQ(collector.End().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(Ingest, AHostThatRebootsBeginsAnotherRecording) {
  const auto before = Batches(), after = Batches("alpha", "s2", "boot-2");
  TestServer server(data());
  {
    Collector collector(&server);
    collector.Hello(*before.front().session);
    ASSERT_TRUE(collector.Welcomed());
    collector.Send(before[0]);
    ASSERT_TRUE(collector.UntilAck(1));
  }
  // The old connection may still be on its way out.
  ASSERT_TRUE(Eventually([&] { return HostOf(&server, "alpha").status() != v1::HOST_STATUS_STREAMING; }));
  StreamAll(&server, after);
  grpc::ClientContext context;
  v1::ListRecordingsResponse response;
  ASSERT_TRUE(server.Stub<v1::FleetService>()->ListRecordings(&context, {}, &response).ok());
  EXPECT_EQ(response.recordings_size(), 2);
  EXPECT_EQ(HostOf(&server, "alpha").boot_id(), "boot-2");
  EXPECT_EQ(StoredEvents(data(), "alpha"), EventsOf(after) + EventsOf({before[0]}));
}

TEST_F(Ingest, AHoleInTheSequenceIsAGap) {
  const auto batches = Batches();
  TestServer server(data());
  Collector collector(&server);
  collector.Hello(*batches.front().session);
  ASSERT_TRUE(collector.Welcomed());
  collector.Send(batches[0]);
  ASSERT_TRUE(collector.UntilAck(1));
  const uint64_t gaps = HostOf(&server, "alpha").gaps();
  collector.Send(batches[4]);
  ASSERT_TRUE(collector.UntilAck(5));
  const v1::Host host = HostOf(&server, "alpha");
  EXPECT_GT(host.gaps(), gaps);
  EXPECT_TRUE(host.lost_unknown());
}

void ExpectRules(const v1::GetModelResponse& response) {
  EXPECT_EQ(response.model_version(), kModelVersion);
  ASSERT_EQ(response.scheduler_rules_size(), static_cast<int>(kRuleCount));
  uint64_t checked = 0;
  for (const v1::SchedulerRule& rule : response.scheduler_rules()) {
    checked += rule.checked();
    EXPECT_FALSE(rule.explanation().empty()) << rule.name();
    EXPECT_EQ(rule.negative_control() ? 0u : rule.violations(), 0u) << rule.name();
  }
  EXPECT_GT(checked, 1000u);
}

// Longer than 70 lines: one question after the other.
TEST_F(Ingest, EveryQuestionHasAnAnswer) {
  const auto batches = Batches();
  TestServer server(data());
  StreamAll(&server, batches);
  const auto analysis = server.Stub<v1::AnalysisService>();
  v1::RecordingRef recording;
  recording.set_host("alpha");
  {
    grpc::ClientContext context;
    v1::ListThreadsRequest request;
    *request.mutable_recording() = recording;
    v1::ListThreadsResponse response;
    ASSERT_TRUE(analysis->ListThreads(&context, request, &response).ok());
    EXPECT_GT(response.threads_size(), 5);
    EXPECT_GT(response.watermark_ns(), 0u);
  }
  {
    grpc::ClientContext context;
    v1::GetThreadRequest request;
    *request.mutable_recording() = recording;
    request.set_pid(999'999);
    v1::GetThreadResponse response;
    EXPECT_EQ(analysis->GetThread(&context, request, &response).error_code(), grpc::StatusCode::NOT_FOUND);
  }
  {
    grpc::ClientContext context;
    v1::GetModelRequest request;
    *request.mutable_recording() = recording;
    v1::GetModelResponse response;
    ASSERT_TRUE(analysis->GetModel(&context, request, &response).ok());
    EXPECT_GT(response.checks_size(), 5);
    EXPECT_GT(response.rules_size(), 5);
    ExpectRules(response);
  }
  {
    grpc::ClientContext context;
    v1::GetTimelineRequest request;
    *request.mutable_recording() = recording;
    request.set_start_ns(batches[1].frontiers.front().ts_ns);
    request.set_end_ns(batches[3].frontiers.front().ts_ns);
    v1::GetTimelineResponse response;
    const grpc::Status status = analysis->GetTimeline(&context, request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    EXPECT_GT(response.lanes_size(), 0);
  }
  {
    grpc::ClientContext context;
    v1::SqlQueryRequest request;
    request.set_host("alpha");
    request.set_sql("SELECT count(*) FROM event");
    const auto reader = server.Stub<v1::SqlService>()->Query(&context, request);
    v1::SqlQueryResponse response;
    int64_t events = -1;
    while (reader->Read(&response)) {
      if (response.rows_size() > 0) events = response.rows(0).values(0).integer();
    }
    ASSERT_TRUE(reader->Finish().ok());
    EXPECT_EQ(static_cast<uint64_t>(events), EventsOf(batches));
  }
  for (const char* sql : {"DELETE FROM finding", "ATTACH 'x.db' AS x", "SELEC 1"}) {
    grpc::ClientContext context;
    v1::SqlQueryRequest request;
    request.set_host("alpha");
    request.set_sql(sql);
    const auto reader = server.Stub<v1::SqlService>()->Query(&context, request);
    v1::SqlQueryResponse response;
    while (reader->Read(&response)) {
    }
    EXPECT_FALSE(reader->Finish().ok()) << sql;
  }
}

// The finding with that id, as the server tells it, once it has a snapshot.
v1::Finding WithSnapshot(TestServer* server, const std::string& host, int32_t pid) {
  v1::Finding found;
  EXPECT_TRUE(Eventually([&] {
    grpc::ClientContext context;
    v1::ListFindingsRequest request;
    request.set_host(host);
    request.set_pid(pid);
    v1::ListFindingsResponse response;
    EXPECT_TRUE(server->Stub<v1::FindingService>()->ListFindings(&context, request, &response).ok());
    for (const v1::Finding& finding : response.findings()) {
      if (finding.snapshots_size() > 0) found = finding;
    }
    return found.snapshots_size() > 0;
  }));
  return found;
}

TEST_F(Ingest, ACollectorIsAskedForSnapshotsAndItsAnswersAreKept) {
  auto batches = Batches();
  batches.front().session->collector_version = "0.1";  // no replay
  LiveOptions live;
  live.make_engine = live_test::OpenFindingsEngine::Maker();
  TestServer server(data(), live);
  grpc::ClientContext watching;
  const auto watch = server.Stub<v1::FindingService>();
  const auto watcher = watch->WatchFindings(&watching, {});
  v1::WatchFindingsResponse told;
  ASSERT_TRUE(watcher->Read(&told));
  Collector collector(&server);
  collector.Hello(*batches.front().session);
  ASSERT_TRUE(collector.Welcomed());
  collector.Send(batches[0]);
  std::optional<v1::TaskSnapshotRequest> asked;
  while (!asked) {
    const auto response = collector.Read();
    ASSERT_TRUE(response);
    if (response->has_snapshot()) asked = response->snapshot();
  }
  v1::IngestRequest answer;
  answer.mutable_snapshot()->set_request_id(asked->request_id() + 1000);
  answer.mutable_snapshot()->set_pid(asked->pid());
  collector.Send(answer);
  answer.mutable_snapshot()->set_request_id(asked->request_id());
  answer.mutable_snapshot()->set_ts_ns(batches[0].frontiers.front().ts_ns);
  answer.mutable_snapshot()->set_stack("[<0>] \x1b[2J\n" + std::string(100'000, 'x'));
  collector.Send(answer);
  const v1::Finding finding = WithSnapshot(&server, "alpha", asked->pid());
  ASSERT_EQ(finding.snapshots_size(), 1);
  EXPECT_EQ(finding.snapshots(0).role(), "suspect");
  EXPECT_THAT(finding.snapshots(0).stack(), testing::StartsWith("[<0>] ?[2J\nxxx"));
  EXPECT_EQ(finding.snapshots(0).stack().size(), 64u << 10);
  EXPECT_EQ(finding.rule(), "a rule");
  // Whoever watches was told first without and then with it.
  std::vector<int> snapshots;
  while (snapshots.empty() || snapshots.back() == 0) {
    ASSERT_TRUE(watcher->Read(&told));
    for (const v1::Finding& one : told.findings()) {
      if (one.id() == finding.id()) snapshots.push_back(one.snapshots_size());
    }
  }
  EXPECT_EQ(snapshots.front(), 0);
  watching.TryCancel();
  EXPECT_EQ(server.fleet().Find("alpha")->State().snapshots.dropped, 1u);
}

TEST_F(Ingest, UnknownHostsAreNotFound) {
  TestServer server(data());
  grpc::ClientContext context;
  v1::ListThreadsRequest request;
  request.mutable_recording()->set_host("nobody");
  v1::ListThreadsResponse response;
  EXPECT_EQ(server.Stub<v1::AnalysisService>()->ListThreads(&context, request, &response).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST(GrpcServer, ListensOnLoopbackOnly) {
  for (const char* address : {"0.0.0.0", "192.168.1.2", "::", "example.org", ""}) {
    GrpcServerOptions options;
    options.address = address;
    const auto server = GrpcServer::Start(nullptr, options);
    ASSERT_FALSE(server);
    EXPECT_EQ(server.error().code, ErrorCode::kPermission);
    EXPECT_THAT(server.error().Text(), HasSubstr("TLS"));
  }
}

}  // namespace
}  // namespace wakewatch
