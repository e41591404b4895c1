#include "server/http/connection.h"

#include <spdlog/spdlog.h>

#include <boost/asio/post.hpp>
#include <boost/asio/ssl.hpp>
#include <utility>

namespace wakewatch {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

class PlainConnection final : public Connection {
 public:
  explicit PlainConnection(tcp::socket socket) : socket_(std::move(socket)) {}
  asio::any_io_executor executor() override { return socket_.get_executor(); }
  void Handshake(Done done) override { done({}, 0); }
  void ReadSome(asio::mutable_buffer into, Done done) override { socket_.async_read_some(into, std::move(done)); }
  void WriteSome(const std::array<asio::const_buffer, 2>& from, Done done) override {
    socket_.async_write_some(from, std::move(done));
  }
  void ShutdownSend() override {
    error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
  }
  void Close() override {
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  tcp::socket socket_;
};

class TlsConnection final : public Connection {
 public:
  TlsConnection(tcp::socket socket, std::shared_ptr<asio::ssl::context> context)
      : context_(std::move(context)), stream_(std::move(socket), *context_) {}
  asio::any_io_executor executor() override { return stream_.get_executor(); }
  void Handshake(Done done) override {
    stream_.async_handshake(asio::ssl::stream_base::server,
                            [done = std::move(done)](const error_code& error) { done(error, 0); });
  }
  void ReadSome(asio::mutable_buffer into, Done done) override { stream_.async_read_some(into, std::move(done)); }
  void WriteSome(const std::array<asio::const_buffer, 2>& from, Done done) override {
    stream_.async_write_some(from, std::move(done));
  }
  // Every answer says its own length, so that TLS need not say where the bytes end.
  void ShutdownSend() override {
    error_code ignored;
    stream_.next_layer().shutdown(tcp::socket::shutdown_send, ignored);
  }
  void Close() override {
    error_code ignored;
    stream_.next_layer().close(ignored);
  }

 private:
  const std::shared_ptr<asio::ssl::context> context_;
  asio::ssl::stream<tcp::socket> stream_;
};

}  // namespace

Result<Connector> Connector::Make(const TlsFiles& files) {
  Connector connector(files);
  if (!files.used()) return connector;
  if (auto loaded = connector.Load(); !loaded) return Fail(loaded.error());
  return connector;
}

Status Connector::Load() {
  seen_ = StateOfFiles(files_);
  if (auto good = CheckTlsFiles(files_); !good) return good;
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_options(context->native_handle(), SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  error_code error;
  context->use_certificate_chain_file(files_.certificate, error);
  if (!error) context->use_private_key_file(files_.key, asio::ssl::context::pem, error);
  if (error) {
    return Fail(Error{.code = ErrorCode::kCorrupt,
                      .cause = "the certificate and its key cannot be used: " + error.message(),
                      .file = files_.certificate});
  }
  context_ = std::move(context);
  return {};
}

std::unique_ptr<Connection> Connector::Wrap(tcp::socket socket) {
  if (!files_.used()) return std::make_unique<PlainConnection>(std::move(socket));
  if (seen_ != StateOfFiles(files_)) {
    if (auto loaded = Load(); loaded) {
      spdlog::info("http: the certificate was read again");
    } else {
      spdlog::warn("http: {}; the last certificate stays in use", loaded.error().Text());
    }
  }
  return std::make_unique<TlsConnection>(std::move(socket), context_);
}

}  // namespace wakewatch
