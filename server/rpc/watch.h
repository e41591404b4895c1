// Why: streams that never end by themselves hold a thread each, so they are counted, and all of them look up often
// enough to see that their client has gone or that the server stops.
#pragma once

#include <atomic>
#include <chrono>

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include "server/rpc/call_guard.h"
#include "server/rpc/server_limits.h"

namespace wakewatch {

class Watch {
 public:
  Watch(grpc::ServerContext* context, const ServerLimits& limits)
      : context_(context),
        limits_(limits),
        caller_(CallerOf(*context, limits.access, {Need::kRole, Role::kRead}).caller),
        in_process_(limits.access == nullptr || IsInProcess(*context)) {
    admitted_ = Count().fetch_add(1) < static_cast<int>(limits.streams_max);
  }
  ~Watch() { Count().fetch_sub(1); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  bool admitted() const { return admitted_; }
  grpc::Status Refusal() const {
    return {grpc::StatusCode::RESOURCE_EXHAUSTED, "too many live views are open on this server; close one"};
  }
  // The client is there and the server goes on.
  bool GoesOn() const {
    return !context_->IsCancelled() && (limits_.stopping == nullptr || !limits_.stopping->load()) && StillGood();
  }
  // How the stream ends.
  grpc::Status End() const {
    if (context_->IsCancelled()) return grpc::Status::CANCELLED;
    if (!StillGood()) return {grpc::StatusCode::UNAUTHENTICATED, "the caller's token is no longer good"};
    return {grpc::StatusCode::UNAVAILABLE, "the server stops"};
  }
  // Sleeps for `time`, in short steps. False: the stream is over.
  bool Sleep(std::chrono::milliseconds time) const;

 private:
  static std::atomic<int>& Count();
  // In process it is for the gateway to say.
  bool StillGood() const { return in_process_ || limits_.access->StillGood(caller_); }

  grpc::ServerContext* const context_;
  const ServerLimits& limits_;
  const Caller caller_;
  const bool in_process_;
  bool admitted_ = false;
};

}  // namespace wakewatch
