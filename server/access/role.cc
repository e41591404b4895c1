#include "server/access/role.h"

#include <algorithm>

namespace wakewatch {

std::string_view Name(Role role) {
  switch (role) {
    case Role::kIngest: return "ingest";
    case Role::kImport: return "import";
    case Role::kRead: return "read";
    case Role::kAdmin: return "admin";
  }
  return "none";
}

std::optional<Role> ParseRole(std::string_view name) {
  for (const Role role : kRoles) {
    if (Name(role) == name) return role;
  }
  return std::nullopt;
}

bool Covers(const std::vector<Role>& has, Role needed) {
  return std::any_of(has.begin(), has.end(), [&](Role role) { return Covers(role, needed); });
}

std::string Names(const std::vector<Role>& roles) {
  std::string text;
  for (const Role role : roles) text += (text.empty() ? "" : ", ") + std::string(Name(role));
  return text;
}

}  // namespace wakewatch
