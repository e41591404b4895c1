// Why: who finds a hole in one half of the collector finds little behind it: the broker may use the few system calls
// that its verbs take, and the rest of the collector none that a client of the network has no use for. Source:
// seccomp(2), seccomp_rule_add(3).
#pragma once

#include "analysis/base/result.h"

namespace wakewatch {

// Both hold for the calling thread and all that it starts, for good; PR_SET_NO_NEW_PRIVS must be set.

// Only what is listed; the rest fails with EPERM. Sockets, connections, new programs and looks into other processes end
// the process.
Status ConfineBroker();
// All but what is listed, which fails with EPERM: new programs and other processes, mounts, modules, namespaces, users,
// clocks, BPF, io_uring, and sockets of families other than unix, inet, inet6 and netlink (which names are looked up
// by).
Status ConfineClient();

}  // namespace wakewatch
