// Why: the protocols that come with the checker, each a file of protocols/, put into the program when it is built.
#pragma once

#include <span>
#include <string_view>

namespace wakewatch::protocol {

struct ShippedProtocol {
  std::string_view name;  // the file's name without .wake
  std::string_view text;
};
// By name.
std::span<const ShippedProtocol> ShippedProtocols();
// Null where there is none.
const ShippedProtocol* ShippedProtocolNamed(std::string_view name);

}  // namespace wakewatch::protocol
