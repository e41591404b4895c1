#include "server/rpc/fleet_service.h"

#include <chrono>
#include <map>
#include <string>

#include "proto/wire/batch_codec.h"
#include "server/live/real_clock.h"
#include "server/rpc/call_guard.h"
#include "server/rpc/report_messages.h"
#include "server/rpc/watch.h"

namespace wakewatch {
namespace {

constexpr std::chrono::milliseconds kWatchEvery{1000};

v1::Role ToMessage(Role role) {
  switch (role) {
    case Role::kIngest: return v1::ROLE_INGEST;
    case Role::kImport: return v1::ROLE_IMPORT;
    case Role::kRead: return v1::ROLE_READ;
    case Role::kAdmin: return v1::ROLE_ADMIN;
  }
  return v1::ROLE_UNSPECIFIED;
}

}  // namespace

FleetService::FleetService(Recordings* recordings, const ServerLimits& limits)
    : recordings_(recordings), limits_(limits), start_real_ns_(RealNowNs()) {}

grpc::Status FleetService::ListHosts(grpc::ServerContext*, const v1::ListHostsRequest*,
                                     v1::ListHostsResponse* response) {
  for (const HostState& host : recordings_->fleet().Hosts()) ToMessage(host, response->add_hosts());
  return grpc::Status::OK;
}

grpc::Status FleetService::WatchHosts(grpc::ServerContext* context, const v1::WatchHostsRequest*,
                                      grpc::ServerWriter<v1::WatchHostsResponse>* writer) {
  const Watch watch(context, limits_);
  if (!watch.admitted()) return watch.Refusal();
  std::map<std::string, std::string> shown;  // by name, as it was sent
  do {
    v1::WatchHostsResponse response;
    response.set_real_ns(RealNowNs());
    for (const HostState& host : recordings_->fleet().Hosts()) {
      v1::Host message;
      ToMessage(host, &message);
      std::string bytes = message.SerializeAsString();
      std::string& before = shown[host.name];
      if (bytes == before) continue;
      before = std::move(bytes);
      *response.add_hosts() = std::move(message);
    }
    if (!writer->Write(response)) break;
  } while (watch.Sleep(kWatchEvery));
  return watch.End();
}

grpc::Status FleetService::ListRecordings(grpc::ServerContext*, const v1::ListRecordingsRequest* request,
                                          v1::ListRecordingsResponse* response) {
  for (const RecordingRow& row : recordings_->fleet().catalogue().List(request->host())) {
    ToMessage(row, response->add_recordings());
  }
  return grpc::Status::OK;
}

grpc::Status FleetService::GetServer(grpc::ServerContext*, const v1::GetServerRequest*,
                                     v1::GetServerResponse* response) {
  response->set_version(limits_.version);
  response->set_start_real_ns(start_real_ns_);
  response->set_wire_oldest(kWireVersionOldest);
  response->set_wire_newest(kWireVersionNewest);
  response->set_message_bytes_max(limits_.message_bytes_max);
  response->set_sql_rows_max(limits_.sql_rows_max);
  response->set_sql_milliseconds_max(static_cast<uint64_t>(limits_.sql_time_max.count()));
  return grpc::Status::OK;
}

grpc::Status FleetService::GetCaller(grpc::ServerContext* context, const v1::GetCallerRequest*,
                                     v1::GetCallerResponse* response) {
  const Decision decision = CallerOf(*context, limits_.access, {Need::kRole, Role::kRead});
  if (decision.verdict != Verdict::kAllowed) return ToStatus(decision);
  const Caller& caller = decision.caller;
  response->set_name(caller.token_id);
  response->set_signed_in(caller.signed_in);
  for (const Role role : kRoles) {
    if (caller.everybody || Covers(caller.roles, role)) response->add_roles(ToMessage(role));
  }
  return grpc::Status::OK;
}

}  // namespace wakewatch
