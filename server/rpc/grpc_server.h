// Why: all services on one port and on an in-process channel for the HTTP gateway, with reflection and health. gRPC's
// own headers stay behind this one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "analysis/base/result.h"
#include "server/live/recordings.h"
#include "server/rpc/server_limits.h"

namespace grpc {
class Channel;
}

namespace wakewatch {

struct GrpcServerOptions {
  std::string address = "127.0.0.1";  // a loopback address
  uint16_t port = 7400;               // 0: any free one
  ServerLimits limits;
};

class GrpcServer {
 public:
  // Errors: kPermission (not a loopback address, which needs TLS and roles), kIo (the port is taken).
  static Result<std::unique_ptr<GrpcServer>> Start(Recordings* recordings, const GrpcServerOptions& options);
  virtual ~GrpcServer() = default;

  virtual uint16_t port() const = 0;
  virtual std::shared_ptr<grpc::Channel> InProcessChannel() = 0;
  // Ends every stream and takes no more calls; `Fleet::Stop` comes first, so that collectors are told.
  virtual void Stop() = 0;
};

// 127.0.0.0/8, ::1 or "localhost".
bool IsLoopback(const std::string& address);

}  // namespace wakewatch
