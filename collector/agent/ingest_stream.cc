#include "collector/agent/ingest_stream.h"

#include <grpcpp/grpcpp.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>

#include <wakewatch/v1/ingest.grpc.pb.h>

#include "proto/wire/batch_codec.h"

namespace wakewatch {
namespace {

constexpr int kKeepaliveMs = 20'000, kKeepaliveTimeoutMs = 10'000;
constexpr int kResponseBytesMax = 1 << 20;

StreamEnd EndOf(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::OK: return StreamEnd::kClosed;
    case grpc::StatusCode::ALREADY_EXISTS: return StreamEnd::kHostClaimed;
    case grpc::StatusCode::FAILED_PRECONDITION: return StreamEnd::kVersions;
    case grpc::StatusCode::RESOURCE_EXHAUSTED: return StreamEnd::kServerFull;
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::PERMISSION_DENIED:
    case grpc::StatusCode::UNAUTHENTICATED: return StreamEnd::kNotAllowed;
    case grpc::StatusCode::UNIMPLEMENTED: return StreamEnd::kNoSuchServer;
    default: return StreamEnd::kUnreachable;
  }
}

grpc::ChannelArguments MakeArguments() {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // A connection of its own, so that no earlier failure makes gRPC wait: the waits are the uplink's.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // The server is named as it is, whatever proxy the environment asks for.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetMaxReceiveMessageSize(kResponseBytesMax);
  arguments.SetMaxSendMessageSize(static_cast<int>(kMessageBytesMax));
  return arguments;
}

class GrpcStream final : public IngestStream {
 public:
  GrpcStream(const std::string& server, const ServerAccess& access, const ServerChannel& channel, Handler handler)
      : server_(server),
        access_(access),
        handler_(std::move(handler)),
        channel_(channel.channel),
        stub_(v1::IngestService::NewStub(channel_)) {
    channel.Authorize(&context_);
  }
  ~GrpcStream() override {
    if (!reader_.joinable()) return;
    Cancel();
    (void)Close();
  }

  // A call that is begun waits for its connection, as long as gRPC pleases; so it is begun behind that.
  bool Connect(std::chrono::milliseconds timeout) override {
    constexpr std::chrono::milliseconds kLook{50};
    const auto until = std::chrono::steady_clock::now() + timeout;
    for (auto state = channel_->GetState(true);
         state != GRPC_CHANNEL_READY && state != GRPC_CHANNEL_TRANSIENT_FAILURE && state != GRPC_CHANNEL_SHUTDOWN;
         state = channel_->GetState(true)) {
      const auto left = until - std::chrono::steady_clock::now();
      if (cancelled_ || left.count() <= 0) return false;
      // gRPC's deadlines are of this clock; ours is not.
      channel_->WaitForStateChange(state,
                                   std::chrono::system_clock::now() + std::min<std::chrono::nanoseconds>(left, kLook));
    }
    stream_ = stub_->Stream(&context_);
    reader_ = std::thread([this] {
      pthread_setname_np(pthread_self(), "wakewatch-acks");
      v1::IngestResponse response;
      while (stream_->Read(&response)) {
        heard_ = true;
        handler_.received(response);
      }
      handler_.ended();
    });
    return true;
  }
  bool Write(const v1::IngestRequest& request) override { return stream_->Write(request); }
  void WritesDone() override { (void)stream_->WritesDone(); }
  void Cancel() override {
    cancelled_ = true;
    context_.TryCancel();
  }
  StreamEnding Close() override {
    if (stream_ == nullptr) return {StreamEnd::kUnreachable, "no connection comes about"};
    reader_.join();
    const grpc::Status status = stream_->Finish();
    if (status.error_code() == grpc::StatusCode::UNAVAILABLE && !heard_) {
      NoConnection seen = ExplainNoConnection(server_, access_);
      const StreamEnd end = seen.lasts ? StreamEnd::kNotTrusted : StreamEnd::kUnreachable;
      if (!seen.why.empty()) return {end, std::move(seen.why)};
    }
    return {EndOf(status.error_code()), status.error_message()};
  }

 private:
  const std::string server_;
  const ServerAccess access_;
  const Handler handler_;
  bool heard_ = false;  // of the reader
  std::atomic<bool> cancelled_ = false;
  grpc::ClientContext context_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::IngestService::Stub> stub_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::IngestRequest, v1::IngestResponse>> stream_;
  std::thread reader_;
};

}  // namespace

Result<std::unique_ptr<IngestStream>> IngestStream::Open(const std::string& server, const ServerAccess& access,
                                                         Handler handler) {
  const auto channel = OpenChannel(server, access, MakeArguments());
  if (!channel) return Fail(channel.error());
  return std::make_unique<GrpcStream>(server, access, *channel, std::move(handler));
}

}  // namespace wakewatch
