#include "server/rpc/grpc_server.h"

#include <chrono>
#include <utility>

#include <arpa/inet.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>

#include "server/rpc/analysis_service.h"
#include "server/rpc/finding_service.h"
#include "server/rpc/fleet_service.h"
#include "server/rpc/ingest_service.h"
#include "server/rpc/protocol_service.h"
#include "server/rpc/sql_service.h"

namespace wakewatch {
namespace {

constexpr int kKeepaliveMs = 20'000, kKeepaliveTimeoutMs = 10'000;

class Server final : public GrpcServer {
 public:
  Server(Recordings* recordings, const GrpcServerOptions& options)
      : options_(options),
        ingest_(&recordings->fleet()),
        fleet_(recordings, options_.limits),
        analysis_(recordings, options_.limits),
        findings_(recordings, options_.limits),
        sql_(recordings, options_.limits),
        protocols_(&recordings->fleet(), options_.limits) {}
  ~Server() override { Stop(); }

  Status Listen();
  uint16_t port() const override { return static_cast<uint16_t>(port_); }
  std::shared_ptr<grpc::Channel> InProcessChannel() override {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(static_cast<int>(options_.limits.message_bytes_max));
    return server_->InProcessChannel(arguments);
  }
  void Stop() override {
    if (server_ == nullptr) return;
    server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(2));
    server_->Wait();
    server_.reset();
  }

 private:
  const GrpcServerOptions options_;
  IngestService ingest_;
  FleetService fleet_;
  AnalysisService analysis_;
  FindingService findings_;
  SqlService sql_;
  ProtocolService protocols_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

Status Server::Listen() {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  const bool v6 = options_.address.find(':') != std::string::npos;
  const std::string address =
      (v6 ? "[" + options_.address + "]" : options_.address) + ":" + std::to_string(options_.port);
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port_);
  builder.SetMaxReceiveMessageSize(static_cast<int>(options_.limits.message_bytes_max));
  builder.SetMaxSendMessageSize(static_cast<int>(options_.limits.message_bytes_max));
  // Without this a second server would share the port, and each would get some of the collectors.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kKeepaliveMs / 2);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  for (grpc::Service* service :
       std::initializer_list<grpc::Service*>{&ingest_, &fleet_, &analysis_, &findings_, &sql_, &protocols_}) {
    builder.RegisterService(service);
  }
  server_ = builder.BuildAndStart();
  if (server_ != nullptr && port_ != 0) return {};
  return Fail(Error{.code = ErrorCode::kIo,
                    .cause = "cannot listen on " + address,
                    .remedy = "is another server there? choose another port with --listen"});
}

}  // namespace

Result<std::unique_ptr<GrpcServer>> GrpcServer::Start(Recordings* recordings, const GrpcServerOptions& options) {
  if (!IsLoopback(options.address)) {
    return Fail(Error{.code = ErrorCode::kPermission,
                      .cause = options.address +
                               " can be reached from other machines, and without TLS and roles anybody there could "
                               "read and write everything",
                      .remedy = "listen on 127.0.0.1, and let collectors of other hosts in through an SSH tunnel"});
  }
  auto server = std::make_unique<Server>(recordings, options);
  if (auto status = server->Listen(); !status) return Fail(std::move(status.error()));
  return server;
}

bool IsLoopback(const std::string& address) {
  if (address == "localhost") return true;
  in_addr v4{};
  if (inet_pton(AF_INET, address.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  return inet_pton(AF_INET6, address.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

}  // namespace wakewatch
