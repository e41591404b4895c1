#include "collector/broker/privileges.h"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <vector>

namespace wakewatch {
namespace {

// Without CAP_SETPCAP it stays as it is. It only counts for programs that are started, and none can gain anything after
// PR_SET_NO_NEW_PRIVS.
void EmptyBoundingSet() {
  // Reading fails behind the last capability that the kernel knows.
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability) {
    (void)prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  }
}

Status SetCapabilities(std::initializer_list<int> capabilities) {
  EmptyBoundingSet();
  (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  if (syscall(SYS_capget, &head, data.data()) != 0) return Fail(ErrnoError(errno, "cannot read capabilities", {}));
  std::array<uint32_t, 2> kept{};
  for (const int capability : capabilities) kept[static_cast<size_t>(capability) / 32] |= 1u << (capability % 32);
  for (size_t i = 0; i < data.size(); ++i) {
    data[i].permitted &= kept[i];
    data[i].effective = data[i].permitted;
    data[i].inheritable = 0;
  }
  if (syscall(SYS_capset, &head, data.data()) != 0) return Fail(ErrnoError(errno, "cannot drop capabilities", {}));
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return Fail(ErrnoError(errno, "cannot rule out new privileges", {}));
  }
  return {};
}

}  // namespace

Result<UserIds> FindUser(const std::string& name) {
  std::vector<const char*> candidates{"wakewatch", "nobody"};
  if (!name.empty()) candidates = {name.c_str()};
  for (const char* candidate : candidates) {
    const passwd* const entry = getpwnam(candidate);
    if (entry == nullptr) continue;
    if (entry->pw_uid == 0) {
      return Fail(Error{ErrorCode::kInvalidArgument,
                        "the user " + std::string(candidate) + " has all privileges",
                        {},
                        {},
                        "name another with --user"});
    }
    return UserIds{candidate, entry->pw_uid, entry->pw_gid};
  }
  return Fail(Error{ErrorCode::kNotFound,
                    "there is no user " + std::string(candidates.back()),
                    {},
                    {},
                    "make one (useradd --system wakewatch), or name another with --user"});
}

Status BecomeUser(const UserIds& user) {
  if (geteuid() == 0) {
    if (setgroups(0, nullptr) != 0 || setresgid(user.gid, user.gid, user.gid) != 0) {
      Error error = ErrnoError(errno, "cannot leave the group of root for that of " + user.name, {});
      error.remedy = "grant CAP_SETGID and CAP_SETUID, or start with --no-drop";
      return Fail(std::move(error));
    }
    // The bounding set goes first: it takes a capability that goes with the user.
    EmptyBoundingSet();
    if (setresuid(user.uid, user.uid, user.uid) != 0) {
      Error error = ErrnoError(errno, "cannot become the user " + user.name, {});
      error.remedy = "grant CAP_SETGID and CAP_SETUID, or start with --no-drop";
      return Fail(std::move(error));
    }
  }
  return SetCapabilities({});
}

Status KeepCapabilities(std::initializer_list<int> capabilities) { return SetCapabilities(capabilities); }

}  // namespace wakewatch
