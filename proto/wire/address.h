// Why: one way to read where something listens, and one rule for what is this machine: what is said without TLS may not
// leave it.
#pragma once

#include <string>

#include "analysis/base/result.h"

namespace wakewatch {

struct HostPort {
  std::string host, port;  // an IPv6 address without its brackets; 1 to 65535
};
// "HOST:PORT", with an address in brackets when it is IPv6. Errors: kInvalidArgument, with `what` it is for.
Result<HostPort> ParseAddress(const std::string& address, const std::string& what = "the server's address");

// 127.0.0.0/8, ::1 or "localhost".
bool IsLoopback(const std::string& host);

// `address` is HOST:PORT on this machine. Errors: kInvalidArgument, with `what` it is for.
Status CheckLoopback(const std::string& address, const std::string& what);

}  // namespace wakewatch
