// Why: one gRPC call with bytes for messages, whatever the method. Messages are fetched one at a time, when the reader
// asks: that is the back-pressure from a slow browser to the service.
//
// By a completion queue, not by gRPC's callbacks: these ask for the status at once, and then the in-process transport
// (gRPC 1.51) drops the last message when the service ends before that message was asked for.
#pragma once

#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace grpc {
class Channel;
}

namespace wakewatch {

using CallMetadata = std::vector<std::pair<std::string, std::string>>;

struct GrpcRequest {
  std::string path;
  std::string message;  // in protobuf's binary form
  std::optional<std::chrono::system_clock::time_point> deadline;
  CallMetadata metadata;
};

// Called from a thread of GrpcCalls; they may not block.
struct GrpcEvents {
  std::function<void(grpc::ByteBuffer)> message;
  std::function<void(const grpc::Status&, CallMetadata trailers)> done;  // once, after the last message
};

class GrpcCall {
 public:
  virtual ~GrpcCall() = default;
  // Asks for the next message. Until all are fetched `done` does not come. Does nothing while one is already asked for.
  virtual void Next() = 0;
  // `done` comes soon.
  virtual void Cancel() = 0;
};

// The calls over a channel, and the thread that their events come from.
class GrpcCalls {
 public:
  explicit GrpcCalls(std::shared_ptr<grpc::Channel> channel);
  ~GrpcCalls();  // waits, as below
  GrpcCalls(const GrpcCalls&) = delete;
  GrpcCalls& operator=(const GrpcCalls&) = delete;

  // Sends the request; no message comes before Next.
  std::shared_ptr<GrpcCall> Start(GrpcRequest request, GrpcEvents events);
  // Until every call has had its `done`.
  void WaitUntilIdle();

 private:
  void Loop();

  grpc::GenericStub stub_;
  grpc::CompletionQueue queue_;
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t running_ = 0;
  std::thread thread_;
};

}  // namespace wakewatch
