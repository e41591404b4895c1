// Why: tests of the server over a real connection need a server on a port of its own, and a collector that can be told
// to misbehave.
#pragma once

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <wakewatch/v1/ingest.grpc.pb.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "analysis/chunk/chunk.h"
#include "analysis/trace/formats_list.h"
#include "proto/wire/batch_codec.h"
#include "server/live/fleet.h"
#include "server/live/recordings.h"
#include "server/live/replay.h"
#include "server/rpc/grpc_server.h"

namespace wakewatch::live_test {

// Of what takes minutes only where something is wrong.
constexpr std::chrono::minutes kPatience{5};

// Waits until it is so; false: it has not become so.
template <typename Condition>
bool Eventually(Condition condition) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

// Those of a server, but no answer is cut short because this machine is busy.
inline ServerLimits Patient() {
  ServerLimits limits;
  limits.sql_time_max = limits.analysis_time_max = limits.timeline_time_max = limits.check_time_max = kPatience;
  return limits;
}

// A server on a port of its own, over a folder that can outlive it.
class TestServer {
 public:
  explicit TestServer(const std::string& folder, const LiveOptions& live = {}, const ServerLimits& limits = Patient()) {
    FleetOptions options;
    options.live = live;
    options.data_folder = folder;
    options.log = [](const std::string&, bool) {};
    options.snapshots.timeout = options.snapshots.lag_max = kPatience;
    auto fleet = Fleet::Open(options);
    EXPECT_TRUE(fleet) << fleet.error().Text();
    fleet_ = std::move(*fleet);
    recordings_ = std::make_unique<Recordings>(fleet_.get());
    GrpcServerOptions listen;
    listen.port = 0;
    listen.limits = limits;
    auto server = GrpcServer::Start(recordings_.get(), listen);
    EXPECT_TRUE(server) << server.error().Text();
    server_ = std::move(*server);
    channel_ = grpc::CreateChannel("127.0.0.1:" + std::to_string(server_->port()), grpc::InsecureChannelCredentials());
  }
  ~TestServer() {
    fleet_->Stop();
    server_->Stop();
  }
  Fleet& fleet() { return *fleet_; }
  std::shared_ptr<grpc::Channel> channel() { return channel_; }
  template <typename Service>
  auto Stub() {
    return Service::NewStub(channel_);
  }

 private:
  std::unique_ptr<Fleet> fleet_;
  std::unique_ptr<Recordings> recordings_;
  std::unique_ptr<GrpcServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

// One collector's stream.
class Collector {
 public:
  explicit Collector(TestServer* server)
      : stub_(server->Stub<v1::IngestService>()), stream_(stub_->Stream(&context_)) {}
  ~Collector() {
    context_.TryCancel();
    if (!finished_) (void)stream_->Finish();
  }

  void Hello(const SessionInfo& session, uint32_t wire = kWireVersionNewest, uint32_t chunk = kChunkVersion) {
    v1::IngestRequest request;
    v1::Hello* const hello = request.mutable_hello();
    hello->mutable_wire()->set_oldest(wire);
    hello->mutable_wire()->set_newest(wire);
    hello->mutable_chunk()->set_oldest(chunk);
    hello->mutable_chunk()->set_newest(chunk);
    SessionToMessage(session, hello->mutable_session());
    stream_->Write(request);
  }
  bool Send(const Batch& batch) {
    v1::IngestRequest request;
    BatchToMessage(batch, request.mutable_batch());
    return stream_->Write(request);
  }
  bool Send(const v1::IngestRequest& request) { return stream_->Write(request); }
  std::optional<v1::IngestResponse> Read() {
    v1::IngestResponse response;
    if (!stream_->Read(&response)) return std::nullopt;
    return response;
  }
  // The committed sequence of Welcome; nothing when the stream ended instead.
  std::optional<uint64_t> Welcomed() {
    const auto response = Read();
    if (!response || !response->has_welcome()) return std::nullopt;
    return response->welcome().committed_sequence();
  }
  // Reads until `sequence` is acknowledged; the refusals on the way. Nothing when the stream ended.
  std::optional<std::vector<v1::Refusal>> UntilAck(uint64_t sequence) {
    std::vector<v1::Refusal> refusals;
    while (const auto response = Read()) {
      if (response->has_refusal()) refusals.push_back(response->refusal());
      if (response->has_ack() && response->ack().sequence() >= sequence) return refusals;
    }
    return std::nullopt;
  }
  grpc::Status End() {
    finished_ = true;
    while (Read()) {
    }
    return stream_->Finish();
  }
  void Leave() {
    stream_->WritesDone();
    EXPECT_TRUE(End().ok());
  }

 private:
  std::unique_ptr<v1::IngestService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::IngestRequest, v1::IngestResponse>> stream_;
  bool finished_ = false;
};

// A small recording that lost events, as a collector sends it.
inline std::vector<Batch> Batches(const std::string& host = "alpha", const std::string& session = "s1",
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

// Streams all of a session.
inline void StreamAll(TestServer* server, const std::vector<Batch>& batches) {
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

}  // namespace wakewatch::live_test
