#include "server/http/gateway.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <thread>

#include "server/http/session.h"

namespace wakewatch {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr char kPackage[] = "wakewatch.v1";
constexpr std::chrono::milliseconds kAcceptPause{100};  // after the kernel gave no connection, as without descriptors
constexpr int kSendBufferBytes = 256 * 1024;            // the kernel would take megabytes for a reader that is too slow

Result<asio::ip::address> AddressOf(const std::string& text, bool tls) {
  error_code error;
  const asio::ip::address address = asio::ip::make_address(text == "localhost" ? "127.0.0.1" : text, error);
  if (error) {
    return Fail(Error{.code = ErrorCode::kInvalidArgument,
                      .cause = fmt::format("\"{}\" is no IP address for the dashboard to listen on", text),
                      .remedy = "use 127.0.0.1 or ::1"});
  }
  if (!tls && !address.is_loopback()) {
    return Fail(
        Error{.code = ErrorCode::kPermission,
              .cause = fmt::format("the dashboard and its API do not listen on {} without TLS: whoever is on the way "
                                   "could read tokens and recordings",
                                   text),
              .remedy = "give --tls-cert and --tls-key (wakewatch cert server makes them), or listen on 127.0.0.1 and "
                        "reach it from elsewhere with ssh -L 7480:localhost:7480 HOST"});
  }
  return address;
}

class BeastGateway final : public Gateway {
 public:
  BeastGateway(const GatewayOptions& options, Connector connector, std::shared_ptr<grpc::Channel> channel)
      : options_(options),
        connector_(std::move(connector)),
        callers_(options.access, options.tls.used()),
        bridge_(std::move(channel), kPackage, options.request_bytes_max, options.unary_timeout),
        io_(static_cast<int>(std::max(1u, options.threads))),
        work_(io_.get_executor()),
        acceptor_(asio::make_strand(io_)),
        accept_timer_(acceptor_.get_executor()) {}

  Status Listen(const asio::ip::address& address) {
    const tcp::endpoint endpoint(address, options_.port);
    error_code error;
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (!error) port_ = acceptor_.local_endpoint(error).port();
    if (!error) return {};
    const bool taken = error == asio::error::address_in_use;
    return Fail(Error{
        .code = ErrorCode::kIo,
        .cause = fmt::format("cannot listen on {} port {}: {}", options_.address, options_.port, error.message()),
        .remedy = taken ? "another program, or another wakewatch, has the port: stop it or choose another port" : ""});
  }

  void Run(StaticFiles files, std::function<std::string()> metrics, std::function<Health()> health) {
    const bool anywhere = !acceptor_.local_endpoint().address().is_loopback();
    router_.emplace(AccessRules(options_.address, port_, options_.allowed_origins, connector_.tls(), anywhere),
                    &callers_, std::move(files), bridge_, std::move(metrics), std::move(health));
    sessions_.emplace(options_, *router_);
    Accept();
    for (unsigned i = 0; i < std::max(1u, options_.threads); ++i) threads_.emplace_back([this] { Loop(); });
  }

  ~BeastGateway() override {
    if (!threads_.empty()) {
      std::promise<void> closed;
      asio::post(acceptor_.get_executor(), [&] {
        error_code ignored;
        acceptor_.close(ignored);
        accept_timer_.cancel();
        closed.set_value();
      });
      closed.get_future().wait();
      sessions_->StopAll(options_.stop_timeout);
      bridge_.WaitUntilIdle();
      io_.stop();
    }
    for (std::thread& thread : threads_) thread.join();
  }

  uint16_t port() const override { return port_; }

 private:
  void Accept() {
    acceptor_.async_accept(asio::make_strand(io_), [this](const error_code& error, tcp::socket socket) {
      if (!acceptor_.is_open()) return;
      if (error) {
        accept_timer_.expires_after(kAcceptPause);
        return accept_timer_.async_wait([this](const error_code&) {
          if (acceptor_.is_open()) Accept();
        });
      }
      error_code ignored;
      socket.set_option(tcp::no_delay(true), ignored);
      socket.set_option(asio::socket_base::send_buffer_size(kSendBufferBytes), ignored);
      sessions_->Open(connector_.Wrap(std::move(socket)));
      Accept();
    });
  }

  void Loop() {
    for (;;) {
      try {
        io_.run();
        return;
      } catch (const std::exception& e) {
        spdlog::error("http: a request failed: {}", e.what());
      }
    }
  }

  const GatewayOptions options_;
  Connector connector_;  // of the acceptor's strand
  HttpAccess callers_;
  ConnectBridge bridge_;
  std::optional<Router> router_;
  std::optional<Sessions> sessions_;
  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  tcp::acceptor acceptor_;
  asio::steady_timer accept_timer_;
  uint16_t port_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace

Result<std::unique_ptr<Gateway>> Gateway::Start(const GatewayOptions& options, std::shared_ptr<grpc::Channel> channel,
                                                std::function<std::string()> metrics, std::function<Health()> health) {
  const Result<asio::ip::address> address = AddressOf(options.address, options.tls.used());
  if (!address) return Fail(address.error());
  Result<StaticFiles> files = StaticFiles::Load(options.web_folder);
  if (!files) return Fail(files.error());
  Result<Connector> connector = Connector::Make(options.tls);
  if (!connector) return Fail(connector.error());
  auto gateway = std::make_unique<BeastGateway>(options, *std::move(connector), std::move(channel));
  if (Status listening = gateway->Listen(*address); !listening) return Fail(listening.error());
  gateway->Run(std::move(*files), std::move(metrics), std::move(health));
  return std::unique_ptr<Gateway>(std::move(gateway));
}

}  // namespace wakewatch
