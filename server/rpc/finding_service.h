// Why: findings by question, and as they are made.
#pragma once

#include <wakewatch/v1/findings.grpc.pb.h>

#include "server/live/recordings.h"
#include "server/rpc/server_limits.h"

namespace wakewatch {

class FindingService final : public v1::FindingService::Service {
 public:
  FindingService(Recordings* recordings, const ServerLimits& limits) : recordings_(recordings), limits_(limits) {}

  grpc::Status ListFindings(grpc::ServerContext* context, const v1::ListFindingsRequest* request,
                            v1::ListFindingsResponse* response) override;
  grpc::Status ListFindingGroups(grpc::ServerContext* context, const v1::ListFindingGroupsRequest* request,
                                 v1::ListFindingGroupsResponse* response) override;
  grpc::Status GetFinding(grpc::ServerContext* context, const v1::GetFindingRequest* request,
                          v1::GetFindingResponse* response) override;
  grpc::Status WatchFindings(grpc::ServerContext* context, const v1::WatchFindingsRequest* request,
                             grpc::ServerWriter<v1::WatchFindingsResponse>* writer) override;
  grpc::Status AnnotateFindings(grpc::ServerContext* context, const v1::AnnotateFindingsRequest* request,
                                v1::AnnotateFindingsResponse* response) override;
  grpc::Status ListAnnotations(grpc::ServerContext* context, const v1::ListAnnotationsRequest* request,
                               v1::ListAnnotationsResponse* response) override;

 private:
  Recordings* const recordings_;
  const ServerLimits& limits_;
};

}  // namespace wakewatch
