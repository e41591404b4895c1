// Why: a browser calls RPCs in the Connect protocol, the services are gRPC; between the two stands this bridge, which
// knows no service by name.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "server/http/connect_protocol.h"
#include "server/http/http_message.h"
#include "server/http/rpc_methods.h"

namespace grpc {
class Channel;
}

namespace wakewatch {

class GrpcCalls;

// Where an answer goes. All of it is called from the tasks that were posted, and from within the call's own functions.
class AnswerSink {
 public:
  virtual ~AnswerSink() = default;
  // The whole answer,
  virtual void Answer(HttpResponse response) = 0;
  // or its head and then its parts.
  virtual void BeginStream(HttpResponse head) = 0;
  virtual void StreamPart(std::string bytes, bool last) = 0;
};

class ConnectCall {
 public:
  virtual ~ConnectCall() = default;
  // The part that the sink took last is written: it may have the next.
  virtual void PartWritten() = 0;
  // Ends the answer with an error of ours.
  virtual void Abort(grpc::StatusCode code, const std::string& message) = 0;
  // Nobody waits for the answer any more; the sink is not called again.
  virtual void Cancel() = 0;
};

// Runs a task later, one at a time with whatever else belongs to the sink.
using PostTask = std::function<void(std::function<void()>)>;

class ConnectBridge {
 public:
  // Every RPC of `package`. `message_bytes_max`: of a request after decompression.
  ConnectBridge(std::shared_ptr<grpc::Channel> channel, const std::string& package, size_t message_bytes_max,
                std::chrono::milliseconds unary_timeout);
  ~ConnectBridge();
  // Waits until no call posts anything any more; all must have been cancelled before. No Start may follow.
  void WaitUntilIdle();

  // Whether `path` is below a service of the package, or looks as if it should be.
  bool IsCall(std::string_view path) const { return path.rfind(prefix_, 0) == 0; }
  // The refusal of a request by its head, before its body is read.
  std::optional<HttpResponse> Refusal(const HttpRequest& head) const;
  // Calls, where Refusal had nothing to say. Null: nothing is left to do, the sink has had the whole answer. Nothing but
  // `metadata` and its authorization reaches the service of a request's headers.
  std::shared_ptr<ConnectCall> Start(const HttpRequest& request, HttpHeaders metadata, PostTask post,
                                     std::weak_ptr<AnswerSink> sink) const;

 private:
  const std::unique_ptr<GrpcCalls> calls_;
  const std::string prefix_;  // "/wakewatch.v1."
  const RpcMethods methods_;
  const size_t message_bytes_max_;
  const std::chrono::milliseconds unary_timeout_;
};

}  // namespace wakewatch
