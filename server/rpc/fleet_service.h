// Why: the hosts and their recordings, as the API shows them.
#pragma once

#include <wakewatch/v1/fleet.grpc.pb.h>

#include "server/live/recordings.h"
#include "server/rpc/server_limits.h"

namespace wakewatch {

class FleetService final : public v1::FleetService::Service {
 public:
  FleetService(Recordings* recordings, const ServerLimits& limits);

  grpc::Status ListHosts(grpc::ServerContext* context, const v1::ListHostsRequest* request,
                         v1::ListHostsResponse* response) override;
  grpc::Status WatchHosts(grpc::ServerContext* context, const v1::WatchHostsRequest* request,
                          grpc::ServerWriter<v1::WatchHostsResponse>* writer) override;
  grpc::Status ListRecordings(grpc::ServerContext* context, const v1::ListRecordingsRequest* request,
                              v1::ListRecordingsResponse* response) override;
  grpc::Status GetServer(grpc::ServerContext* context, const v1::GetServerRequest* request,
                         v1::GetServerResponse* response) override;
  grpc::Status GetCaller(grpc::ServerContext* context, const v1::GetCallerRequest* request,
                         v1::GetCallerResponse* response) override;

 private:
  Recordings* const recordings_;
  const ServerLimits& limits_;
  const uint64_t start_real_ns_;
};

}  // namespace wakewatch
