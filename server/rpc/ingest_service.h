// Why: collectors deliver here. Each stream is a reactor that reads a batch, hands it to its host and goes on; answers
// come from the workers when a batch is durable. Five hundred streams need no thread of their own.
#pragma once

#include <wakewatch/v1/ingest.grpc.pb.h>

#include "server/access/access_control.h"
#include "server/live/fleet.h"

namespace wakewatch {

class IngestService final : public v1::IngestService::CallbackService {
 public:
  // Both must outlive the service's server. `access` null: everybody may deliver as any host.
  IngestService(Fleet* fleet, AccessControl* access) : fleet_(fleet), access_(access) {}

  grpc::ServerBidiReactor<v1::IngestRequest, v1::IngestResponse>* Stream(grpc::CallbackServerContext* context) override;

 private:
  Fleet* const fleet_;
  AccessControl* const access_;
};

}  // namespace wakewatch
