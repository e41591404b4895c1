// Why: one place says which Error becomes which gRPC status, so that clients can rely on the codes.
#pragma once

#include <grpcpp/support/status.h>

#include "analysis/base/result.h"

namespace wakewatch {

grpc::Status ToStatus(const Error& error);

}  // namespace wakewatch
