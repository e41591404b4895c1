// Why: what is served without TLS may not leave this machine, so its address is looked at before it is used.
#pragma once

#include <string>

#include "analysis/base/result.h"

namespace wakewatch {

// `address` is "HOST:PORT", with an address in brackets when it is IPv6, and HOST is this machine: 127.0.0.0/8, [::1]
// or localhost. Errors: kInvalidArgument, with `what` it is for.
Status CheckLoopback(const std::string& address, const std::string& what);

}  // namespace wakewatch
