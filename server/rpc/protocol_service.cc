#include "server/rpc/protocol_service.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "analysis/protocol/shipped.h"
#include "server/rpc/protocol_messages.h"
#include "server/rpc/status.h"

namespace wakewatch {
namespace {

template <typename Number>
Number AtMost(Number asked, Number most) {
  return asked == Number(0) ? most : std::min(asked, most);
}

Error NoSuchProtocol(std::string_view name) {
  return {.code = ErrorCode::kNotFound,
          .cause = "there is no shipped protocol \"" + CheckName(name) + "\"",
          .remedy = "wakewatch list protocols names them"};
}

}  // namespace

grpc::Status ProtocolService::CheckProtocol(grpc::ServerContext* context, const v1::CheckProtocolRequest* request,
                                            v1::CheckProtocolResponse* response) {
  std::string_view text = request->text();
  if (text.size() > limits_.check_text_bytes_max) {
    return {grpc::StatusCode::INVALID_ARGUMENT, "the text has " + std::to_string(text.size()) + " bytes, " +
                                                    std::to_string(limits_.check_text_bytes_max) + " are the limit"};
  }
  if (text.empty()) {
    const protocol::ShippedProtocol* const shipped = protocol::ShippedProtocolNamed(request->name());
    if (shipped == nullptr) return ToStatus(NoSuchProtocol(request->name()));
    text = shipped->text;
  }
  auto wish = FromMessage(*request);
  if (!wish) return ToStatus(wish.error());
  const auto pass = gate_.Enter();
  if (!pass) return ToStatus(pass.error());
  wish->options.states_max = AtMost(wish->options.states_max, limits_.check_states_max);
  wish->options.memory_bytes_max = AtMost(wish->options.memory_bytes_max, limits_.check_memory_bytes_max);
  wish->options.steps_max = limits_.check_steps_max;
  const CheckRun run{.time_max = AtMost(wish->time_max, limits_.check_time_max),
                     .threads = limits_.check_threads,
                     .cancelled = [this, context] {
                       return context->IsCancelled() || (limits_.stopping != nullptr && limits_.stopping->load());
                     }};
  const auto check = RunCheck(text, CheckName(request->name()), wish->options, run);
  if (!check) return ToStatus(check.error());
  if (context->IsCancelled()) return grpc::Status::CANCELLED;
  ToMessage(*check, response);
  if (response->ByteSizeLong() > limits_.message_bytes_max) {
    response->Clear();
    return {grpc::StatusCode::RESOURCE_EXHAUSTED, "the shortest losing run is too long to be told"};
  }
  return grpc::Status::OK;
}

grpc::Status ProtocolService::ListProtocols(grpc::ServerContext*, const v1::ListProtocolsRequest*,
                                            v1::ListProtocolsResponse* response) {
  response->set_complete(fleet_->verdicts().complete());
  const std::vector<ProtocolVerdict> verdicts = fleet_->verdicts().Known();
  for (const ShippedAbout& about : ShippedProtocolsAbout()) ToMessage(about, verdicts, response->add_protocols());
  return grpc::Status::OK;
}

grpc::Status ProtocolService::GetProtocol(grpc::ServerContext*, const v1::GetProtocolRequest* request,
                                          v1::GetProtocolResponse* response) {
  const protocol::ShippedProtocol* const shipped = protocol::ShippedProtocolNamed(request->name());
  if (shipped == nullptr) return ToStatus(NoSuchProtocol(request->name()));
  response->set_text(std::string(shipped->text));
  for (const ShippedAbout& about : ShippedProtocolsAbout()) {
    if (about.name == shipped->name) ToMessage(about, fleet_->verdicts().Known(), response->mutable_protocol());
  }
  return grpc::Status::OK;
}

}  // namespace wakewatch
