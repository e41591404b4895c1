// Why: a session reads and writes bytes; whether TLS is around them is decided once, when the connection comes in.
#pragma once

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>

#include "analysis/base/result.h"
#include "server/access/tls_files.h"

namespace boost::asio::ssl {
class context;
}

namespace wakewatch {

// One read and one write may go on at a time. Handlers run on the socket's executor.
class Connection {
 public:
  using Done = std::function<void(const boost::system::error_code&, size_t)>;
  virtual ~Connection() = default;
  virtual boost::asio::any_io_executor executor() = 0;
  virtual void Handshake(Done done) = 0;
  virtual void ReadSome(boost::asio::mutable_buffer into, Done done) = 0;
  virtual void WriteSome(const std::array<boost::asio::const_buffer, 2>& from, Done done) = 0;
  virtual void ShutdownSend() = 0;
  virtual void Close() = 0;
};

// Makes connections of sockets. With files it speaks TLS 1.2 and later, and looks again at the files when they change;
// while those that are there now are no good, it goes on with the last that were.
class Connector {
 public:
  // Errors: as CheckTlsFiles.
  static Result<Connector> Make(const TlsFiles& files);
  std::unique_ptr<Connection> Wrap(boost::asio::ip::tcp::socket socket);
  bool tls() const { return files_.used(); }

 private:
  explicit Connector(TlsFiles files) : files_(std::move(files)) {}
  Status Load();

  TlsFiles files_;
  std::string seen_;
  std::shared_ptr<boost::asio::ssl::context> context_;
};

}  // namespace wakewatch
