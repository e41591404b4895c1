// Why: who may do what is said with four words, which the wire contract, the tokens and the command line share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wakewatch {

// As in proto/wakewatch/v1/options.proto.
enum class Role : uint8_t { kIngest, kImport, kRead, kAdmin };

inline constexpr Role kRoles[] = {Role::kIngest, Role::kImport, Role::kRead, Role::kAdmin};

std::string_view Name(Role role);  // "ingest"
std::optional<Role> ParseRole(std::string_view name);

// Whether who has the role `has` may do what needs `needed`: an administrator may import and read; a collector may
// deliver and nothing else.
constexpr bool Covers(Role has, Role needed) {
  return has == needed || (has == Role::kAdmin && (needed == Role::kImport || needed == Role::kRead));
}
bool Covers(const std::vector<Role>& has, Role needed);

// "ingest, read"
std::string Names(const std::vector<Role>& roles);

}  // namespace wakewatch
