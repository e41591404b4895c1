// Why: what a process may do is given up in an order that cannot be undone: groups, user, capabilities, and the way
// back through programs with the set-user-id bit. Source: capabilities(7), setresuid(2), prctl(2).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

#include "analysis/base/result.h"

namespace wakewatch {

struct UserIds {
  std::string name;
  uint32_t uid = 0, gid = 0;
};
// `name` wins when it is not empty; else "wakewatch" where there is such a user, else "nobody". Errors: kNotFound;
// kInvalidArgument (it is root).
Result<UserIds> FindUser(const std::string& name);

// All of these are for a process with one thread: the others would keep what they have.

// Becomes `user` when it is root, and whoever it is drops every capability, for good.
Status BecomeUser(const UserIds& user);
// Keeps those of `capabilities` (CAP_*) that it has, and no others, for good.
Status KeepCapabilities(std::initializer_list<int> capabilities);

}  // namespace wakewatch
