#include "server/http/connect_bridge.h"

#include <fmt/format.h>
#include <grpcpp/support/slice.h>

#include <algorithm>
#include <utility>

#include "server/http/grpc_call.h"
#include "server/http/gzip.h"

namespace wakewatch {
namespace {

constexpr int kGzipLevel = 4;  // answers are compressed while somebody waits

std::string BytesOf(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Dump(&slices).ok()) return bytes;
  bytes.reserve(buffer.Length());
  for (const grpc::Slice& slice : slices) bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return bytes;
}

// What a service sends after its answer, as far as it is text and not gRPC's own.
HttpHeaders ForwardedMetadata(const CallMetadata& trailers, const std::string& prefix) {
  HttpHeaders headers;
  for (const auto& [name, value] : trailers) {
    const bool binary = name.size() >= 4 && name.compare(name.size() - 4, 4, "-bin") == 0;
    if (!binary && name.rfind("grpc-", 0) != 0 && name.rfind(':', 0) != 0) headers.emplace_back(prefix + name, value);
  }
  return headers;
}

// Everything happens in posted tasks and in the sink's own, one at a time; only `post` is called from gRPC's threads.
class BridgedCall final : public ConnectCall, public std::enable_shared_from_this<BridgedCall> {
 public:
  BridgedCall(const RpcMethods& methods, const RpcMethod& method, ConnectFormat format, bool gzip, PostTask post,
              std::weak_ptr<AnswerSink> sink)
      : methods_(methods),
        method_(method),
        format_(format),
        gzip_(gzip),
        post_(std::move(post)),
        sink_(std::move(sink)) {}

  void Begin(GrpcCalls* calls, GrpcRequest request) {
    // At once, so that the browser knows that it is connected before there is anything to tell.
    if (format_.stream) BeginStream();
    const auto self = shared_from_this();
    GrpcEvents events;
    events.message = [self](grpc::ByteBuffer message) {
      self->post_([self, message = std::move(message)] { self->OnMessage(message); });
    };
    events.done = [self](const grpc::Status& status, CallMetadata trailers) {
      self->post_([self, status, trailers = std::move(trailers)] { self->OnDone(status, trailers); });
    };
    call_ = calls->Start(std::move(request), std::move(events));
    call_->Next();
  }

  // The answer to a request that is not worth a call.
  void Fail(const ConnectError& error) {
    if (format_.stream) BeginStream();
    Finish(&error, {});
  }

  void PartWritten() override {
    if (!part_pending_) return;
    part_pending_ = false;
    if (call_ && !finished_) call_->Next();
  }

  void Abort(grpc::StatusCode code, const std::string& message) override {
    const ConnectError error{code, message};
    Finish(&error, {});
    if (call_) call_->Cancel();
  }

  void Cancel() override {
    finished_ = true;
    if (call_) call_->Cancel();
  }

 private:
  void OnMessage(const grpc::ByteBuffer& message) {
    if (finished_) return;
    if (!format_.stream && answer_) return Abort(grpc::StatusCode::INTERNAL, "the service gave two answers");
    std::string bytes = BytesOf(message);
    if (format_.json) {
      Result<std::string> json = methods_.ToJson(method_, bytes);
      if (!json) return Abort(grpc::StatusCode::INTERNAL, json.error().Text());
      bytes = std::move(*json);
    }
    const bool compress = gzip_ && bytes.size() > kGzipFromBytes;
    if (compress) bytes = Gzip(bytes, kGzipLevel);
    if (format_.stream) {
      part_pending_ = true;
      SendPart(Envelope(compress ? kEnvelopeCompressed : 0, bytes), false);
    } else {
      answer_ = std::make_shared<const std::string>(std::move(bytes));
      answer_compressed_ = compress;
      call_->Next();  // finds the end, and then the status comes
    }
  }

  void OnDone(const grpc::Status& status, const CallMetadata& trailers) {
    if (finished_) return;
    if (!status.ok()) {
      const ConnectError error{status.error_code(), status.error_message()};
      return Finish(&error, trailers);
    }
    if (!format_.stream && !answer_) {
      const ConnectError error{grpc::StatusCode::INTERNAL, "the service gave no answer"};
      return Finish(&error, trailers);
    }
    Finish(nullptr, trailers);
  }

  void BeginStream() {
    HttpResponse head{200, {{"content-type", std::string(ContentTypeOf(format_))}, {"cache-control", "no-store"}}, {}};
    if (gzip_) head.headers.emplace_back("connect-content-encoding", "gzip");
    head.headers.emplace_back("connect-accept-encoding", "gzip");
    if (const auto sink = sink_.lock()) sink->BeginStream(std::move(head));
  }

  void SendPart(std::string bytes, bool last) {
    if (const auto sink = sink_.lock()) sink->StreamPart(std::move(bytes), last);
  }

  void Finish(const ConnectError* error, const CallMetadata& trailers) {
    if (finished_) return;
    finished_ = true;
    if (format_.stream) {
      return SendPart(Envelope(kEnvelopeEnd, EndJson(error, ForwardedMetadata(trailers, ""))), true);
    }
    HttpResponse response;
    if (error != nullptr) {
      response = ErrorResponse(*error);
    } else {
      response.headers = {{"content-type", std::string(ContentTypeOf(format_))}, {"cache-control", "no-store"}};
      if (answer_compressed_) response.headers.emplace_back("content-encoding", "gzip");
      response.body = std::move(answer_);
    }
    const HttpHeaders metadata = ForwardedMetadata(trailers, "trailer-");
    response.headers.insert(response.headers.end(), metadata.begin(), metadata.end());
    if (const auto sink = sink_.lock()) sink->Answer(std::move(response));
  }

  const RpcMethods& methods_;
  const RpcMethod& method_;
  const ConnectFormat format_;
  const bool gzip_;  // the reader takes it
  const PostTask post_;
  const std::weak_ptr<AnswerSink> sink_;
  std::shared_ptr<GrpcCall> call_;
  std::shared_ptr<const std::string> answer_;  // of a unary call, until its status is known
  bool answer_compressed_ = false;
  bool part_pending_ = false;
  bool finished_ = false;  // the sink has everything
};

// The message of a request in protobuf's binary form.
Result<std::string> RequestMessage(const HttpRequest& request, ConnectFormat format, const RpcMethods& methods,
                                   const RpcMethod& method, size_t bytes_max) {
  std::string_view bytes = request.body;
  std::string_view encoding = request.Header(format.stream ? "connect-content-encoding" : "content-encoding");
  if (!encoding.empty() && encoding != "identity" && encoding != "gzip") {
    return Fail(ErrorCode::kUnsupported, fmt::format("the encoding {} (gzip and identity are known)", encoding));
  }
  if (format.stream) {
    const Result<OpenedEnvelope> opened = OpenEnvelope(bytes);
    if (!opened) return Fail(opened.error());
    bytes = opened->message;
    const bool compressed = (opened->flags & kEnvelopeCompressed) != 0;
    if (compressed && encoding != "gzip") {
      return Fail(ErrorCode::kInvalidArgument, "a compressed envelope without connect-content-encoding: gzip");
    }
    if (!compressed) encoding = "identity";
  }
  std::string plain;
  if (encoding == "gzip") {
    Result<std::string> out = Gunzip(bytes, bytes_max);
    if (!out) return out;
    plain = std::move(*out);
    bytes = plain;
  }
  if (format.json) return methods.FromJson(method, bytes);
  return std::string(bytes);
}

}  // namespace

ConnectBridge::ConnectBridge(std::shared_ptr<grpc::Channel> channel, const std::string& package,
                             size_t message_bytes_max, std::chrono::milliseconds unary_timeout)
    : calls_(std::make_unique<GrpcCalls>(std::move(channel))),
      prefix_("/" + package + "."),
      methods_(package),
      message_bytes_max_(message_bytes_max),
      unary_timeout_(unary_timeout) {}

ConnectBridge::~ConnectBridge() = default;

void ConnectBridge::WaitUntilIdle() { calls_->WaitUntilIdle(); }

std::optional<HttpResponse> ConnectBridge::Refusal(const HttpRequest& head) const {
  const RpcMethod* method = methods_.Find(head.path);
  if (method == nullptr) {
    HttpResponse response = ErrorResponse({grpc::StatusCode::UNIMPLEMENTED, "there is no RPC of this name"});
    response.status = 404;
    return response;
  }
  if (head.method != "POST") {
    HttpResponse response = TextResponse(405, "RPCs are called with POST.");
    response.headers.emplace_back("allow", "POST");
    return response;
  }
  const std::optional<ConnectFormat> format = ParseConnectFormat(head.Header("content-type"));
  // What streams toward the server is refused in the form in which it was asked.
  const bool fits = format && (method->client_streaming || format->stream == method->server_streaming);
  if (!fits) {
    const bool stream = method->server_streaming;
    const std::string types = fmt::format("{}, {}", ContentTypeOf({true, stream}), ContentTypeOf({false, stream}));
    HttpResponse response = TextResponse(415, fmt::format("The Content-Type of this RPC is one of: {}", types));
    response.headers.emplace_back("accept-post", types);
    return response;
  }
  return std::nullopt;
}

std::shared_ptr<ConnectCall> ConnectBridge::Start(const HttpRequest& request, HttpHeaders metadata, PostTask post,
                                                  std::weak_ptr<AnswerSink> sink) const {
  const RpcMethod& method = *methods_.Find(request.path);
  const ConnectFormat format = *ParseConnectFormat(request.Header("content-type"));
  const bool gzip = AllowsGzip(request.Header(format.stream ? "connect-accept-encoding" : "accept-encoding"));
  const auto call = std::make_shared<BridgedCall>(methods_, method, format, gzip, std::move(post), std::move(sink));
  const auto refuse = [&](grpc::StatusCode code, const std::string& message) {
    call->Fail({code, message});
    return nullptr;
  };

  if (method.client_streaming) {
    return refuse(grpc::StatusCode::UNIMPLEMENTED,
                  "this RPC streams to the server, which HTTP/1.1 cannot; call it by gRPC");
  }
  if (request.Count("connect-protocol-version") > 0 && request.Header("connect-protocol-version") != "1") {
    return refuse(grpc::StatusCode::INVALID_ARGUMENT, "the only connect-protocol-version is 1");
  }
  GrpcRequest grpc_request;
  grpc_request.path = method.path;
  std::optional<std::chrono::milliseconds> timeout;
  if (request.Count("connect-timeout-ms") > 0) {
    timeout = ParseConnectTimeout(request.Header("connect-timeout-ms"));
    if (!timeout)
      return refuse(grpc::StatusCode::INVALID_ARGUMENT, "connect-timeout-ms is no number of 1 to 10 digits");
  }
  if (!format.stream) timeout = std::min(timeout.value_or(unary_timeout_), unary_timeout_);
  if (timeout) grpc_request.deadline = std::chrono::system_clock::now() + *timeout;
  grpc_request.metadata = std::move(metadata);
  const std::string_view authorization = request.Header("authorization");
  if (!authorization.empty()) grpc_request.metadata.emplace_back("authorization", authorization);

  Result<std::string> message = RequestMessage(request, format, methods_, method, message_bytes_max_);
  if (!message) return refuse(StatusCodeOf(message.error().code), message.error().Text());
  grpc_request.message = std::move(*message);
  call->Begin(calls_.get(), std::move(grpc_request));
  return call;
}

}  // namespace wakewatch
