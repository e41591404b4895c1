#include "server/rpc/grpc_server.h"

#include <chrono>
#include <utility>

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>

#include "proto/wire/address.h"
#include "server/rpc/analysis_service.h"
#include "server/rpc/call_guard.h"
#include "server/rpc/finding_service.h"
#include "server/rpc/fleet_service.h"
#include "server/rpc/import_service.h"
#include "server/rpc/ingest_service.h"
#include "server/rpc/protocol_service.h"
#include "server/rpc/sql_service.h"

namespace wakewatch {
namespace {

constexpr int kKeepaliveMs = 20'000, kKeepaliveTimeoutMs = 10'000;
constexpr unsigned kCertificateRefreshS = 1;

std::shared_ptr<grpc::ServerCredentials> TlsCredentials(const TlsFiles& files) {
  const auto provider = std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
      files.key, files.certificate, files.client_ca, kCertificateRefreshS);
  grpc::experimental::TlsServerCredentialsOptions options(provider);
  options.watch_identity_key_cert_pairs();
  if (!files.client_ca.empty()) {
    options.watch_root_certs();
    options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  return grpc::experimental::TlsServerCredentials(options);
}

// Local credentials are plaintext on the wire; they also refuse peers that are not on this machine, and, unlike
// insecure ones, they take a guard.
std::shared_ptr<grpc::ServerCredentials> CredentialsFor(const GrpcServerOptions& options) {
  if (!options.tls.used() && options.access == nullptr) return grpc::InsecureServerCredentials();
  auto credentials =
      options.tls.used() ? TlsCredentials(options.tls) : grpc::experimental::LocalServerCredentials(LOCAL_TCP);
  if (options.access != nullptr) credentials->SetAuthMetadataProcessor(MakeCallGuard(options.access));
  return credentials;
}

// gRPC's local credentials know these two and no other of 127.0.0.0/8.
bool IsPlainLoopback(const std::string& address) {
  return address == "localhost" || address == "127.0.0.1" || address == "::1";
}

class Server final : public GrpcServer {
 public:
  Server(Recordings* recordings, const GrpcServerOptions& options)
      : options_(WithAccess(options)),
        ingest_(&recordings->fleet(), options_.access),
        fleet_(recordings, options_.limits),
        analysis_(recordings, options_.limits),
        findings_(recordings, options_.limits),
        sql_(recordings, options_.limits),
        protocols_(&recordings->fleet(), options_.limits),
        imports_(&recordings->fleet(), options_.limits) {}
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
  static GrpcServerOptions WithAccess(GrpcServerOptions options) {
    options.limits.access = options.access;
    return options;
  }

  const GrpcServerOptions options_;
  IngestService ingest_;
  FleetService fleet_;
  AnalysisService analysis_;
  FindingService findings_;
  SqlService sql_;
  ProtocolService protocols_;
  ImportService imports_;
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
  builder.AddListeningPort(address, CredentialsFor(options_), &port_);
  builder.SetMaxReceiveMessageSize(static_cast<int>(options_.limits.message_bytes_max));
  builder.SetMaxSendMessageSize(static_cast<int>(options_.limits.message_bytes_max));
  // Without this a second server would share the port, and each would get some of the collectors.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kKeepaliveMs / 2);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  for (grpc::Service* service : std::initializer_list<grpc::Service*>{&ingest_, &fleet_, &analysis_, &findings_, &sql_,
                                                                      &protocols_, &imports_}) {
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
  if (auto tls = CheckTlsFiles(options.tls); !tls) return Fail(tls.error());
  if (!options.tls.used() && !IsLoopback(options.address)) {
    return Fail(Error{.code = ErrorCode::kPermission,
                      .cause = options.address +
                               " can be reached from other machines, and without TLS whoever is on the way could read "
                               "and change everything",
                      .remedy = "give --tls-cert and --tls-key (wakewatch cert server makes them), or listen on "
                                "127.0.0.1 and let collectors of other hosts in through an SSH tunnel"});
  }
  if (!options.tls.used() && options.access != nullptr && !IsPlainLoopback(options.address)) {
    return Fail(Error{.code = ErrorCode::kPermission,
                      .cause = "plaintext for gRPC clients is on 127.0.0.1 and ::1 only, not on " + options.address,
                      .remedy = "listen on 127.0.0.1, or give --tls-cert and --tls-key"});
  }
  auto server = std::make_unique<Server>(recordings, options);
  if (auto status = server->Listen(); !status) return Fail(std::move(status.error()));
  return server;
}

}  // namespace wakewatch
