// Why: collectors deliver here. Each stream is a reactor that reads a batch, hands it to its host and goes on; answers
// come from the workers when a batch is durable. Five hundred streams need no thread of their own.
#pragma once

#include <wakewatch/v1/ingest.grpc.pb.h>

#include "server/live/fleet.h"

namespace wakewatch {

class IngestService final : public v1::IngestService::CallbackService {
 public:
  // `fleet` must outlive the service's server.
  explicit IngestService(Fleet* fleet) : fleet_(fleet) {}

  grpc::ServerBidiReactor<v1::IngestRequest, v1::IngestResponse>* Stream(grpc::CallbackServerContext* context) override;

 private:
  Fleet* const fleet_;
};

}  // namespace wakewatch
