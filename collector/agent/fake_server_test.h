// Why: the uplink is tested against a server that does what the test says: it refuses, forgets, hangs up and comes
// back. In this process, on a loopback port.
#pragma once

#include <arpa/inet.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <wakewatch/v1/ingest.grpc.pb.h>

#include "analysis/chunk/chunk.h"
#include "proto/wire/batch_codec.h"

namespace wakewatch::agent_test {

// True as soon as `condition` is; false when it has not become so in minutes, which only a failure takes.
inline bool Eventually(const std::function<bool()>& condition) {
  constexpr std::chrono::minutes kPatience{3};
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

// A loopback port that nobody else is given, whether a server listens on it or not: who listens may share it with a
// socket that does not, and the kernel gives none of either to others, neither to listen on nor to connect from.
class HeldPort {
 public:
  HeldPort() : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int yes = 1;
    setsockopt(socket_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    EXPECT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&address), length), 0);
    EXPECT_EQ(getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &length), 0);
    number_ = ntohs(address.sin_port);
  }
  ~HeldPort() { close(socket_); }
  HeldPort(const HeldPort&) = delete;
  HeldPort& operator=(const HeldPort&) = delete;

  int number() const { return number_; }

 private:
  const int socket_;
  int number_ = 0;
};

struct Script {
  grpc::Status answer_hello = grpc::Status::OK;  // anything else ends the stream
  bool silent = false;                           // no Welcome
  uint32_t wire_version = kWireVersionNewest, chunk_version = kChunkVersion;
  uint32_t window = 8;
  uint64_t message_bytes_max = kMessageBytesMax;
  bool acknowledge = true;
  std::set<uint64_t> refuse = {};                 // sequences
  std::optional<uint64_t> hang_up_at = {};        // after this many batches of a stream
  bool store_before_hanging_up = true;            // the last of them
  std::chrono::milliseconds pause{0};             // before each batch is stored
  std::vector<v1::IngestResponse> requests = {};  // sent after Welcome
};

class FakeServer final : public v1::IngestService::Service {
 public:
  FakeServer() { Start(); }
  ~FakeServer() override { Stop(); }

  void Start() {
    grpc::ServerBuilder builder;
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    int port = 0;
    builder.AddListeningPort(address(), grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(this);
    builder.SetMaxReceiveMessageSize(static_cast<int>(kMessageBytesMax));
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    ASSERT_EQ(port, port_.number());
  }
  // Breaks all streams.
  void Stop() {
    if (server_) server_->Shutdown(std::chrono::system_clock::now());
    server_.reset();
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_.number()); }

  void Set(const Script& script) {
    const std::lock_guard lock(mutex_);
    script_ = script;
  }
  template <typename T>
  T Get(T FakeServer::*member) const {
    const std::lock_guard lock(mutex_);
    return this->*member;
  }
  // Forgets all that was stored, as a server on an empty disk.
  void Forget() {
    const std::lock_guard lock(mutex_);
    stored.clear();
    stored_sessions.clear();
    committed.clear();
  }

  // To be read through Get: streams go on while a test looks.
  std::vector<Batch> stored = {};
  std::vector<std::string> wrong = {};  // what no collector should do
  std::vector<v1::CollectorState> states = {};
  std::vector<v1::TaskSnapshot> snapshots = {};
  v1::Hello hello = {};
  std::vector<std::string> stored_sessions = {};   // of each stored batch
  std::map<std::string, uint64_t> committed = {};  // by session
  int hellos = 0, streams = 0, received = 0, duplicates = 0;

  grpc::Status Stream(grpc::ServerContext* context,
                      grpc::ServerReaderWriter<v1::IngestResponse, v1::IngestRequest>* stream) override {
    Script script;
    v1::IngestResponse response;
    v1::IngestRequest request;
    std::string session;
    if (!stream->Read(&request)) return grpc::Status::OK;
    {
      const std::lock_guard lock(mutex_);
      script = script_;
      ++hellos;
      if (!request.has_hello()) wrong.push_back("the first message is no Hello");
      hello = request.hello();
      session = hello.session().session();
      v1::Welcome& welcome = *response.mutable_welcome();
      welcome.set_wire_version(script.wire_version);
      welcome.set_chunk_version(script.chunk_version);
      welcome.set_committed_sequence(committed[session]);
      welcome.set_window_batches(script.window);
      welcome.set_message_bytes_max(script.message_bytes_max);
    }
    if (!script.answer_hello.ok()) return script.answer_hello;
    while (script.silent && !context->IsCancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    if (script.silent) return grpc::Status::OK;
    {
      const std::lock_guard lock(mutex_);
      ++streams;
    }
    stream->Write(response);
    for (const v1::IngestResponse& more : script.requests) stream->Write(more);
    uint64_t batches = 0;
    while (stream->Read(&request)) {
      if (request.has_batch()) {
        ++batches;
        const bool hang_up = script.hang_up_at && batches >= *script.hang_up_at;
        std::this_thread::sleep_for(script.pause);
        if (!hang_up || script.store_before_hanging_up) Take(session, request.mutable_batch(), script, &response);
        if (hang_up) return {grpc::StatusCode::UNAVAILABLE, "the script says so"};
        if (script.acknowledge) stream->Write(response);
      } else {
        TakeOther(request);
      }
    }
    return grpc::Status::OK;
  }

 private:
  void Take(const std::string& session, v1::Batch* message, const Script& script, v1::IngestResponse* response) {
    const std::lock_guard lock(mutex_);
    ++received;
    response->Clear();
    auto batch = BatchFromMessage(message);
    if (!batch) {
      wrong.push_back(batch.error().Text());
      return;
    }
    if (script.refuse.count(batch->sequence) != 0) {
      response->mutable_refusal()->set_sequence(batch->sequence);
      response->mutable_refusal()->set_cause("the script says so");
      return;
    }
    response->mutable_ack()->set_sequence(batch->sequence);
    if (batch->sequence <= committed[session]) {
      ++duplicates;
      return;
    }
    committed[session] = batch->sequence;
    stored_sessions.push_back(session);
    stored.push_back(*std::move(batch));
  }

  void TakeOther(const v1::IngestRequest& request) {
    const std::lock_guard lock(mutex_);
    if (request.has_state()) {
      states.push_back(request.state());
    } else if (request.has_snapshot()) {
      snapshots.push_back(request.snapshot());
    } else {
      wrong.push_back("a message of no use here");
    }
  }

  mutable std::mutex mutex_;
  Script script_;
  const HeldPort port_;  // stays the same over a restart
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace wakewatch::agent_test
