// Why: read-only SQL for clients, within the server's limits.
#pragma once

#include <wakewatch/v1/sql.grpc.pb.h>

#include "server/live/recordings.h"
#include "server/rpc/server_limits.h"

namespace wakewatch {

class SqlService final : public v1::SqlService::Service {
 public:
  SqlService(Recordings* recordings, const ServerLimits& limits) : recordings_(recordings), limits_(limits) {}

  grpc::Status Query(grpc::ServerContext* context, const v1::SqlQueryRequest* request,
                     grpc::ServerWriter<v1::SqlQueryResponse>* writer) override;
  grpc::Status GetSchema(grpc::ServerContext* context, const v1::GetSchemaRequest* request,
                         v1::GetSchemaResponse* response) override;

 private:
  Recordings* const recordings_;
  const ServerLimits& limits_;
};

}  // namespace wakewatch
