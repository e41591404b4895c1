// Why: checks protocols for clients, within the server's limits, and tells of those that it ships with.
#pragma once

#include <wakewatch/v1/protocol.grpc.pb.h>

#include "server/live/fleet.h"
#include "server/live/protocol_checks.h"
#include "server/rpc/server_limits.h"

namespace wakewatch {

class ProtocolService final : public v1::ProtocolService::Service {
 public:
  ProtocolService(Fleet* fleet, const ServerLimits& limits)
      : fleet_(fleet), limits_(limits), gate_(limits.checks_max) {}

  grpc::Status CheckProtocol(grpc::ServerContext* context, const v1::CheckProtocolRequest* request,
                             v1::CheckProtocolResponse* response) override;
  grpc::Status ListProtocols(grpc::ServerContext* context, const v1::ListProtocolsRequest* request,
                             v1::ListProtocolsResponse* response) override;
  grpc::Status GetProtocol(grpc::ServerContext* context, const v1::GetProtocolRequest* request,
                           v1::GetProtocolResponse* response) override;

 private:
  Fleet* const fleet_;
  const ServerLimits& limits_;
  CheckGate gate_;
};

}  // namespace wakewatch
