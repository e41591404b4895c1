// Why: one gRPC call with bytes for messages, whatever the method. Messages are fetched one at a time, when the reader
// asks: that is the back-pressure from a slow browser to the service.
#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace grpc {
class Channel;
}

namespace wakewatch {

using CallMetadata = std::vector<std::pair<std::string, std::string>>;

// Counts calls that gRPC still works on, whose events may come at any time.
class RunningCalls {
 public:
  void Add();
  void Remove();
  void WaitUntilNone();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t n_ = 0;
};

struct GrpcRequest {
  std::string path;
  std::string message;  // in protobuf's binary form
  std::optional<std::chrono::system_clock::time_point> deadline;
  CallMetadata metadata;
};

// Called from gRPC's threads, one at a time; they may not block.
struct GrpcEvents {
  std::function<void(grpc::ByteBuffer)> message;
  std::function<void(const grpc::Status&, CallMetadata trailers)> done;  // once, after the last message
};

class GrpcCall {
 public:
  // Sends the request; no message comes before Next.
  static std::shared_ptr<GrpcCall> Start(std::shared_ptr<grpc::Channel> channel, std::shared_ptr<RunningCalls> running,
                                         GrpcRequest request, GrpcEvents events);
  virtual ~GrpcCall() = default;
  // Asks for the next message. Until all are fetched `done` does not come. Does nothing while one is already asked for.
  virtual void Next() = 0;
  // `done` comes soon.
  virtual void Cancel() = 0;
};

}  // namespace wakewatch
