#include "server/http/grpc_call.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/slice.h>
#include <spdlog/spdlog.h>

#include <exception>

namespace wakewatch {
namespace {

class GenericCall;

// What the completion queue gives back when an operation ends.
struct Operation {
  enum Kind { kStart, kWrite, kRead, kFinish };
  Kind kind;
  GenericCall* call;
};

class GenericCall final : public GrpcCall, public std::enable_shared_from_this<GenericCall> {
 public:
  GenericCall(GrpcRequest request, GrpcEvents events) : path_(std::move(request.path)), events_(std::move(events)) {
    const grpc::Slice slice(request.message);
    request_ = grpc::ByteBuffer(&slice, 1);
    if (request.deadline) context_.set_deadline(*request.deadline);
    for (const auto& [name, value] : request.metadata) context_.AddMetadata(name, value);
  }

  void Begin(grpc::GenericStub* stub, grpc::CompletionQueue* queue) {
    const std::lock_guard lock(mutex_);
    self_ = shared_from_this();
    stream_ = stub->PrepareCall(&context_, path_, queue);
    pending_ = 1;
    stream_->StartCall(&start_);
  }

  void Next() override {
    const std::lock_guard lock(mutex_);
    wants_message_ = true;
    Advance();
  }

  void Cancel() override {
    const std::lock_guard lock(mutex_);
    if (cancelled_) return;
    cancelled_ = true;
    context_.TryCancel();
    Advance();
  }

  // True: it was the last operation; the call has told its end and forgotten itself.
  bool OnOperation(Operation::Kind kind, bool ok) {
    bool deliver = false;
    grpc::ByteBuffer message;
    {
      const std::lock_guard lock(mutex_);
      --pending_;
      switch (kind) {
        case Operation::kStart:
          started_ = true;
          if (ok) {
            // A bidirectional stream with one request looks on the wire like any other kind of call.
            stream_->WriteLast(request_, grpc::WriteOptions(), &write_);
            ++pending_;
          } else {
            all_read_ = true;
          }
          break;
        case Operation::kWrite: break;  // where it failed, the status says why
        case Operation::kRead:
          reading_ = false;
          all_read_ = !ok;
          deliver = ok && !cancelled_;
          message.Swap(&message_);
          break;
        case Operation::kFinish: break;
      }
      Advance();
      if (pending_ > 0 && !deliver) return false;
    }
    if (deliver) {
      events_.message(std::move(message));
      return false;
    }
    if (!finishing_) return false;  // all is quiet until the next message is asked for
    End();
    return true;
  }

 private:
  // Starts what can be started. The status is asked for only after the last message: see the header.
  void Advance() {
    if (!started_ || reading_ || finishing_) return;
    if (all_read_ || cancelled_) {
      finishing_ = true;
      ++pending_;
      stream_->Finish(&status_, &finish_);
    } else if (wants_message_) {
      wants_message_ = false;
      reading_ = true;
      ++pending_;
      stream_->Read(&message_, &read_);
    }
  }

  void End() {
    CallMetadata trailers;
    for (const auto& [name, value] : context_.GetServerTrailingMetadata()) {
      trailers.emplace_back(std::string(name.data(), name.size()), std::string(value.data(), value.size()));
    }
    events_.done(status_, std::move(trailers));
    events_ = {};  // whoever waits for no running calls may then destroy what the events refer to
    const std::shared_ptr<GenericCall> self = std::move(self_);
  }

  const std::string path_;
  GrpcEvents events_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
  grpc::ByteBuffer request_, message_;
  grpc::Status status_;
  Operation start_{Operation::kStart, this}, write_{Operation::kWrite, this}, read_{Operation::kRead, this},
      finish_{Operation::kFinish, this};
  std::shared_ptr<GenericCall> self_;  // until the end

  std::mutex mutex_;
  int pending_ = 0;  // operations that gRPC works on
  bool started_ = false, wants_message_ = false, reading_ = false, all_read_ = false, cancelled_ = false;
  bool finishing_ = false;
};

}  // namespace

GrpcCalls::GrpcCalls(std::shared_ptr<grpc::Channel> channel) : stub_(std::move(channel)), thread_([this] { Loop(); }) {}

GrpcCalls::~GrpcCalls() {
  WaitUntilIdle();
  queue_.Shutdown();
  thread_.join();
}

std::shared_ptr<GrpcCall> GrpcCalls::Start(GrpcRequest request, GrpcEvents events) {
  auto call = std::make_shared<GenericCall>(std::move(request), std::move(events));
  {
    const std::lock_guard lock(mutex_);
    ++running_;
  }
  call->Begin(&stub_, &queue_);
  return call;
}

void GrpcCalls::WaitUntilIdle() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return running_ == 0; });
}

void GrpcCalls::Loop() {
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) {
    const auto* operation = static_cast<Operation*>(tag);
    try {
      if (!operation->call->OnOperation(operation->kind, ok)) continue;
    } catch (const std::exception& e) {
      spdlog::error("http: a call failed: {}", e.what());
      continue;
    }
    const std::lock_guard lock(mutex_);
    --running_;
    changed_.notify_all();
  }
}

}  // namespace wakewatch
