#include "collector/agent/address.h"

#include <arpa/inet.h>

#include <cstdint>

#include "collector/file_io.h"

namespace wakewatch {
namespace {

bool IsLoopback(const std::string& host) {
  if (host == "localhost") return true;
  in_addr v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
  in6_addr v6{};
  return inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

}  // namespace

Status CheckLoopback(const std::string& address, const std::string& what) {
  const auto refuse = [&](std::string cause, std::string remedy) {
    return Fail(Error{ErrorCode::kInvalidArgument, what + " \"" + address + "\": " + cause, {}, {}, std::move(remedy)});
  };
  const size_t colon = address.rfind(':');
  uint64_t port = 0;
  if (colon == std::string::npos || !ParseUnsigned(address.substr(colon + 1), &port) || port == 0 || port > 65535) {
    return refuse("this is not HOST:PORT", "as in 127.0.0.1:7400 or [::1]:7400");
  }
  std::string host = address.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (!bracketed && host.find(':') != std::string::npos) {
    return refuse("an IPv6 address stands in brackets", "as in [::1]:7400");
  }
  if (!IsLoopback(host)) {
    return refuse("what is said there is plaintext, and for this machine only",
                  "use 127.0.0.1, [::1] or localhost, for example at the near end of a tunnel");
  }
  return {};
}

}  // namespace wakewatch
