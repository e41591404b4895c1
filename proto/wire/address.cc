#include "proto/wire/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <utility>

namespace wakewatch {
namespace {

Error Refused(const std::string& address, const std::string& what, const std::string& cause, std::string remedy) {
  return Error{ErrorCode::kInvalidArgument, what + " \"" + address + "\": " + cause, {}, {}, std::move(remedy)};
}

}  // namespace

Result<HostPort> ParseAddress(const std::string& address, const std::string& what) {
  const size_t colon = address.rfind(':');
  const std::string port = colon == address.npos ? "" : address.substr(colon + 1);
  const bool digits = !port.empty() && port.size() <= 5 && port.find_first_not_of("0123456789") == port.npos;
  if (!digits || std::stoul(port) == 0 || std::stoul(port) > 65535) {
    return Fail(Refused(address, what, "this is not HOST:PORT", "as in 127.0.0.1:7400 or [::1]:7400"));
  }
  std::string host = address.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (!bracketed && host.find(':') != host.npos) {
    return Fail(Refused(address, what, "an IPv6 address stands in brackets", "as in [::1]:7400"));
  }
  if (host.empty() || host.find('/') != host.npos) {
    return Fail(Refused(address, what, "this is not HOST:PORT", "as in server.example:7400"));
  }
  return HostPort{host, port};
}

bool IsLoopback(const std::string& host) {
  if (host == "localhost") return true;
  in_addr v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
  in6_addr v6{};
  return inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

Status CheckLoopback(const std::string& address, const std::string& what) {
  const auto parsed = ParseAddress(address, what);
  if (!parsed) return Fail(parsed.error());
  if (!IsLoopback(parsed->host)) {
    return Fail(Refused(address, what, "what is said there is plaintext, and for this machine only",
                        "use 127.0.0.1, [::1] or localhost, for example at the near end of a tunnel"));
  }
  return {};
}

}  // namespace wakewatch
