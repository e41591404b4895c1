// Why: browsers speak HTTP/1.1 and JSON. The gateway gives them every RPC of package wakewatch.v1 in the Connect
// protocol (https://connectrpc.com/docs/protocol), the dashboard's files, /metrics and /healthz, on one loopback port.
// It reads the methods from the descriptors that are linked in: a new RPC needs nothing here.
//
// Every caller is asked who it is, as gRPC asks (HttpAccess). Loopback is reached by every web page that the user
// opens, so a request must name a loopback host with this port (against DNS rebinding) and, where it has an Origin, one
// of ours; other requests are refused.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "analysis/base/result.h"
#include "server/access/access_control.h"
#include "server/access/tls_files.h"

namespace grpc {
class Channel;
}

namespace wakewatch {

struct GatewayOptions {
  std::string address = "127.0.0.1";     // an IP address, or "localhost"; without TLS one of loopback
  uint16_t port = 7480;                  // 0: any free one
  std::string web_folder = {};           // the dashboard's built files (index.html, assets/…); empty: none
  size_t request_bytes_max = 16u << 20;  // of a request's body, also after decompression
  size_t connections_max = 1024;
  std::chrono::seconds read_timeout{30};  // for a request's headers, and again for its body; also of an idle connection
  std::chrono::seconds write_timeout{120};  // a reader that takes nothing for so long is cut off
  std::chrono::seconds unary_timeout{60};   // of an RPC with one answer; streams have no limit
  std::chrono::seconds stop_timeout{2};     // for readers to take the last bytes when it stops
  unsigned threads = 2;
  TlsFiles tls = {};                // read again when they change; clients' certificates are not asked for
  AccessControl* access = nullptr;  // null: everybody may do everything; must outlive the gateway
  std::vector<std::string> allowed_origins = {};  // "https://host:port", besides the server's own
};

struct Health {
  bool serving = false;
  std::string text = {};  // one line for a person
};

class Gateway {
 public:
  // `channel` leads to the gRPC server, in process or not; its limit for received messages is the limit for answers.
  // `metrics` gives Prometheus' text format; it and `health` are called from the gateway's threads, at the same time.
  // Errors: kInvalidArgument: no address, a folder that is none or too large; kPermission: the address is not a
  // loopback address and there is no TLS; as CheckTlsFiles; kIo: the port is taken.
  static Result<std::unique_ptr<Gateway>> Start(const GatewayOptions& options, std::shared_ptr<grpc::Channel> channel,
                                                std::function<std::string()> metrics, std::function<Health()> health);
  // Stops: no new requests, streams end with the error `unavailable`, calls are cancelled, threads joined.
  virtual ~Gateway() = default;
  virtual uint16_t port() const = 0;
};

}  // namespace wakewatch
