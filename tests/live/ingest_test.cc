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
#include "server/live/recordings.h"
#include "server/live/replay.h"
#include "server/rpc/grpc_server.h"
#include "server/store/recording.h"
#include "server/store/session_store.h"
#include "server/store/sqlite.h"
#include "tests/live/served_test_support.h"

namespace wakewatch {
namespace {

using live_test::Collector;
using live_test::TestServer;
using testing::HasSubstr;

std::vector<Batch> Batches(const std::string& host = "alpha", const std::string& session = "s1",
                           const std::string& boot = "boot-1", uint64_t shift_ns = 0) {
  const auto input = OpenTrace(std::string(WAKEWATCH_SOURCE_DIR) + "/tests/data/traces/tiny_lost-174-A.dat", {});
  EXPECT_TRUE(input) << input.error().Text();
  ReplayOptions options;
  options.host = host;
  options.session = session;
  options.boot_id = boot;
  options.shift_ns = shift_ns;
  options.span = std::chrono::milliseconds(100);
  auto batches = MakeBatches(**input, options);
  EXPECT_TRUE(batches) << batches.error().Text();
  EXPECT_GE(batches->size(), 6u);
  return std::move(*batches);
}

uint64_t EventsOf(const std::vector<Batch>& batches) {
  uint64_t events = 0;
  for (const Batch& batch : batches) {
    for (const Chunk& chunk : batch.chunks) events += chunk.events;
  }
  return events;
}

// Streams all of a session.
void StreamAll(TestServer* server, const std::vector<Batch>& batches) {
  Collector collector(server);
  collector.Hello(*batches.front().session);
  const auto committed = collector.Welcomed();
  ASSERT_TRUE(committed);
  for (const Batch& batch : batches) {
    if (batch.sequence > *committed) collector.Send(batch);
  }
  const auto refusals = collector.UntilAck(batches.back().sequence);
  ASSERT_TRUE(refusals);
  EXPECT_TRUE(refusals->empty()) << refusals->front().cause();
  collector.Leave();
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

TEST_F(Ingest, RefusesVersionsItDoesNotSpeak) {
  TestServer server(data());
  const SessionInfo session = *Batches().front().session;
  struct Row {
    uint32_t wire, chunk;
    const char* says;
  };
  for (const Row& row : {Row{kWireVersionNewest + 1, kChunkVersion, "upgrade the server"},
                         Row{0, kChunkVersion, "upgrade the collector"},
                         Row{kWireVersionNewest, kChunkVersion + 1, "upgrade the server"}}) {
    Collector collector(&server);
    collector.Hello(session, row.wire, row.chunk);
    const grpc::Status status = collector.End();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
    EXPECT_THAT(status.error_message(), HasSubstr(row.says));
  }
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
  for (int tries = 0; tries < 100 && HostOf(&server, "alpha").status() == v1::HOST_STATUS_STREAMING; ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
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

TEST_F(Ingest, WaitsInGroupsAndOneByOne) {
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
  // A span around the longest alone, on either clock.
  const uint64_t at_ns = listed.waits(0).start_ns();
  longest.mutable_recording()->set_since_ns(at_ns);
  longest.mutable_recording()->set_until_ns(at_ns);
  v1::ListWaitsResponse alone;
  LongestOf(&server, longest, &alone);
  ASSERT_EQ(alone.waits_size(), 1);
  EXPECT_EQ(alone.waits(0).DebugString(), listed.waits(0).DebugString());
}

TEST_F(Ingest, QuestionsAboutWaitsThatMakeNoSense) {
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
  for (const auto& [request, code] : {std::pair(kinds, grpc::StatusCode::INVALID_ARGUMENT),
                                      std::pair(waits, grpc::StatusCode::INVALID_ARGUMENT),
                                      std::pair(keys, grpc::StatusCode::INVALID_ARGUMENT),
                                      std::pair(nobody, grpc::StatusCode::NOT_FOUND)}) {
    grpc::ClientContext context;
    v1::GetDelaysResponse response;
    EXPECT_EQ(analysis->GetDelays(&context, request, &response).error_code(), code) << request.DebugString();
  }
}

TEST_F(Ingest, WaitsAreTheSameLiveStoredAndMeasuredAgain) {
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
    for (int tries = 0; tries < 1000 && watermark_ns < batches[batches.size() - 3].frontiers.front().ts_ns; ++tries) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      live_delays = DelaysOf(&server, delays, &delays_answer);
      watermark_ns = delays_answer.watermark_ns();
    }
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
    EXPECT_FALSE(IsLoopback(address)) << address;
    GrpcServerOptions options;
    options.address = address;
    const auto server = GrpcServer::Start(nullptr, options);
    ASSERT_FALSE(server);
    EXPECT_EQ(server.error().code, ErrorCode::kPermission);
    EXPECT_THAT(server.error().Text(), HasSubstr("TLS"));
  }
  for (const char* address : {"127.0.0.1", "127.8.9.1", "::1", "localhost"})
    EXPECT_TRUE(IsLoopback(address)) << address;
}

}  // namespace
}  // namespace wakewatch
