// Why: every gRPC call passes here before its service sees it. gRPC's interceptors cannot refuse a call before its
// handler has run; the processor of the listener's credentials can, so that is what this is.
#pragma once

#include <memory>

#include <grpcpp/security/auth_metadata_processor.h>
#include <grpcpp/server_context.h>

#include "server/access/access_control.h"

namespace wakewatch {

// `access` must outlive the server.
std::shared_ptr<grpc::AuthMetadataProcessor> MakeCallGuard(AccessControl* access);

// Who makes a call that the guard has let through, for what depends on more than the method, or lasts, or is signed:
// `caller.token_id` is the name to sign with, empty for a caller without a token. Everybody may do everything without
// `access`. In process it is the caller whom the gateway has named; where it named none, nobody is asked for anything.
Decision CallerOf(const grpc::ServerContextBase& context, AccessControl* access, const Need& need);

// The call came through InProcessChannel.
bool IsInProcess(const grpc::ServerContextBase& context);

grpc::Status ToStatus(const Decision& refusal);

}  // namespace wakewatch
