// Why: all services on one port and on an in-process channel for the HTTP gateway, with reflection and health. gRPC's
// own headers stay behind this one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "analysis/base/result.h"
#include "server/access/access_control.h"
#include "server/access/tls_files.h"
#include "server/live/recordings.h"
#include "server/rpc/server_limits.h"

namespace grpc {
class Channel;
}

namespace wakewatch {

struct GrpcServerOptions {
  std::string address = "127.0.0.1";  // without TLS 127.0.0.1, ::1 or localhost
  uint16_t port = 7400;               // 0: any free one
  TlsFiles tls = {};                  // read again when they change
  AccessControl* access = nullptr;    // null: everybody may do everything; must outlive the server
  ServerLimits limits;
};

class GrpcServer {
 public:
  // Errors: kPermission (not a loopback address, which needs TLS and a decision about callers), kIo (the port is
  // taken); as CheckTlsFiles.
  static Result<std::unique_ptr<GrpcServer>> Start(Recordings* recordings, const GrpcServerOptions& options);
  virtual ~GrpcServer() = default;

  virtual uint16_t port() const = 0;
  // Its calls are not asked who they are: whoever passes calls on has asked, and says who it was (CallerOf).
  virtual std::shared_ptr<grpc::Channel> InProcessChannel() = 0;
  // Ends every stream and takes no more calls; `Fleet::Stop` comes first, so that collectors are told.
  virtual void Stop() = 0;
};

}  // namespace wakewatch
