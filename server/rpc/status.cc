#include "server/rpc/status.h"

namespace wakewatch {
namespace {

grpc::StatusCode CodeOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return grpc::StatusCode::INVALID_ARGUMENT;
    case ErrorCode::kNotFound: return grpc::StatusCode::NOT_FOUND;
    case ErrorCode::kCorrupt:
    case ErrorCode::kTruncated: return grpc::StatusCode::DATA_LOSS;
    case ErrorCode::kUnsupported: return grpc::StatusCode::FAILED_PRECONDITION;
    case ErrorCode::kPermission: return grpc::StatusCode::PERMISSION_DENIED;
    case ErrorCode::kNoSpace:
    case ErrorCode::kTooLarge: return grpc::StatusCode::RESOURCE_EXHAUSTED;
    case ErrorCode::kInterrupted:
    case ErrorCode::kIo: return grpc::StatusCode::UNAVAILABLE;
    case ErrorCode::kDeadline: return grpc::StatusCode::DEADLINE_EXCEEDED;
    case ErrorCode::kConflict: return grpc::StatusCode::ALREADY_EXISTS;
    case ErrorCode::kInternal: break;
  }
  return grpc::StatusCode::INTERNAL;
}

}  // namespace

grpc::Status ToStatus(const Error& error) { return {CodeOf(error.code), error.Text()}; }

}  // namespace wakewatch
