#include "collector/agent/ingest_stream.h"

#include <grpcpp/grpcpp.h>
#include <pthread.h>

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

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& server) {
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
  return grpc::CreateCustomChannel(server, grpc::InsecureChannelCredentials(), arguments);
}

class GrpcStream final : public IngestStream {
 public:
  GrpcStream(const std::string& server, Handler handler)
      : handler_(std::move(handler)), channel_(MakeChannel(server)), stub_(v1::IngestService::NewStub(channel_)) {
    stream_ = stub_->Stream(&context_);
    reader_ = std::thread([this] {
      pthread_setname_np(pthread_self(), "wakewatch-acks");
      v1::IngestResponse response;
      while (stream_->Read(&response)) handler_.received(response);
      handler_.ended();
    });
  }
  ~GrpcStream() override {
    if (!reader_.joinable()) return;
    Cancel();
    (void)Close();
  }

  bool Write(const v1::IngestRequest& request) override { return stream_->Write(request); }
  void WritesDone() override { (void)stream_->WritesDone(); }
  void Cancel() override { context_.TryCancel(); }
  StreamEnding Close() override {
    reader_.join();
    const grpc::Status status = stream_->Finish();
    return {EndOf(status.error_code()), status.error_message()};
  }

 private:
  const Handler handler_;
  grpc::ClientContext context_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::IngestService::Stub> stub_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::IngestRequest, v1::IngestResponse>> stream_;
  std::thread reader_;
};

}  // namespace

std::unique_ptr<IngestStream> IngestStream::Open(const std::string& server, Handler handler) {
  return std::make_unique<GrpcStream>(server, std::move(handler));
}

}  // namespace wakewatch
