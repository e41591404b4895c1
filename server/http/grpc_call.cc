#include "server/http/grpc_call.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/slice.h>

namespace wakewatch {
namespace {

class GenericCall final : public GrpcCall,
                          public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                          public std::enable_shared_from_this<GenericCall> {
 public:
  GenericCall(std::shared_ptr<grpc::Channel> channel, std::shared_ptr<RunningCalls> running, GrpcRequest request,
              GrpcEvents events)
      : channel_(std::move(channel)),
        stub_(channel_),
        running_(std::move(running)),
        path_(std::move(request.path)),
        events_(std::move(events)) {
    const grpc::Slice slice(request.message);
    request_ = grpc::ByteBuffer(&slice, 1);
    if (request.deadline) context_.set_deadline(*request.deadline);
    for (const auto& [name, value] : request.metadata) context_.AddMetadata(name, value);
  }

  // A bidirectional stream with one request looks on the wire like any other kind of call.
  void Begin() {
    self_ = shared_from_this();
    running_->Add();
    stub_.PrepareBidiStreamingCall(&context_, path_, {}, this);
    AddHold();  // Next comes from outside of the reactions
    StartCall();
    StartWriteLast(&request_, grpc::WriteOptions());
  }

  void Next() override {
    {
      const std::lock_guard lock(mutex_);
      if (!held_ || reading_ || cancelled_) return;
      reading_ = true;
    }
    StartRead(&message_);
  }

  void Cancel() override {
    bool release = false;
    {
      const std::lock_guard lock(mutex_);
      if (cancelled_) return;
      cancelled_ = true;
      release = held_ && !reading_;  // with a read under way, its end releases
      if (release) held_ = false;
    }
    context_.TryCancel();
    if (release) RemoveHold();
  }

  void OnReadDone(bool ok) override {
    bool release = false;
    grpc::ByteBuffer message;
    {
      const std::lock_guard lock(mutex_);
      message.Swap(&message_);  // from here on Next may fill it again
      reading_ = false;
      release = !ok || cancelled_;
      if (release) held_ = false;
    }
    if (release) {
      RemoveHold();
    } else {
      events_.message(std::move(message));
    }
  }

  void OnDone(const grpc::Status& status) override {
    CallMetadata trailers;
    for (const auto& [name, value] : context_.GetServerTrailingMetadata()) {
      trailers.emplace_back(std::string(name.data(), name.size()), std::string(value.data(), value.size()));
    }
    events_.done(status, std::move(trailers));
    events_ = {};  // whoever waits for no running calls may destroy what the events refer to
    const std::shared_ptr<GenericCall> self = std::move(self_);
    running_->Remove();
  }

 private:
  const std::shared_ptr<grpc::Channel> channel_;
  grpc::GenericStub stub_;
  const std::shared_ptr<RunningCalls> running_;
  const std::string path_;
  GrpcEvents events_;
  grpc::ClientContext context_;
  grpc::ByteBuffer request_, message_;
  std::shared_ptr<GenericCall> self_;  // until OnDone
  std::mutex mutex_;
  bool held_ = true;  // gRPC keeps the call for our reads
  bool reading_ = false;
  bool cancelled_ = false;
};

}  // namespace

void RunningCalls::Add() {
  const std::lock_guard lock(mutex_);
  ++n_;
}

void RunningCalls::Remove() {
  const std::lock_guard lock(mutex_);
  --n_;
  changed_.notify_all();
}

void RunningCalls::WaitUntilNone() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return n_ == 0; });
}

std::shared_ptr<GrpcCall> GrpcCall::Start(std::shared_ptr<grpc::Channel> channel, std::shared_ptr<RunningCalls> running,
                                          GrpcRequest request, GrpcEvents events) {
  auto call =
      std::make_shared<GenericCall>(std::move(channel), std::move(running), std::move(request), std::move(events));
  call->Begin();
  return call;
}

}  // namespace wakewatch
