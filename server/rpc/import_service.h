// Why: files that were recorded elsewhere come in over the network, part by part, and become recordings.
#pragma once

#include <wakewatch/v1/import.grpc.pb.h>

#include "server/live/recordings.h"
#include "server/rpc/server_limits.h"

namespace wakewatch {

class ImportService final : public v1::ImportService::Service {
 public:
  ImportService(Fleet* fleet, const ServerLimits& limits) : fleet_(fleet), limits_(limits) {}

  grpc::Status BeginImport(grpc::ServerContext* context, const v1::BeginImportRequest* request,
                           v1::BeginImportResponse* response) override;
  grpc::Status UploadPart(grpc::ServerContext* context, const v1::UploadPartRequest* request,
                          v1::UploadPartResponse* response) override;
  grpc::Status FinishImport(grpc::ServerContext* context, const v1::FinishImportRequest* request,
                            grpc::ServerWriter<v1::FinishImportResponse>* writer) override;
  grpc::Status CancelImport(grpc::ServerContext* context, const v1::CancelImportRequest* request,
                            v1::CancelImportResponse* response) override;

 private:
  Fleet* const fleet_;
  const ServerLimits& limits_;
};

}  // namespace wakewatch
