// Why: the collector becomes two processes before it has a second thread or a connection: one that keeps its privileges
// and speaks to the other half only, and one that speaks to the network and has none. Either ends when the other does.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "analysis/base/result.h"
#include "collector/broker/broker.h"
#include "collector/broker/privileges.h"
#include "collector/kernel_access.h"

namespace wakewatch {

struct BrokerStart {
  std::string tracefs = {};  // empty: see FindTracefs
  std::string instance_prefix = "wakewatch";
  BrokerLimits limits;
};

class BrokerProcess {
 public:
  // Forks the broker. The calling process must have one thread. The instance will bear its pid, as if there were no
  // broker. Errors of the broker's start (no tracefs, no right to it) are told here.
  static Result<std::unique_ptr<BrokerProcess>> Start(const BrokerStart& start);
  // Hangs up and waits until the broker has removed what it made, and ended.
  ~BrokerProcess();
  BrokerProcess(const BrokerProcess&) = delete;
  BrokerProcess& operator=(const BrokerProcess&) = delete;

  KernelAccess* access() { return access_.get(); }
  pid_t pid() const { return pid_; }

 private:
  BrokerProcess(pid_t pid, std::unique_ptr<KernelAccess> access) : pid_(pid), access_(std::move(access)) {}

  const pid_t pid_;
  std::unique_ptr<KernelAccess> access_;
};

// The other half: becomes `user` (see BecomeUser) and is confined (see ConfineClient), for good.
Status GiveUpPrivileges(const UserIds& user);

}  // namespace wakewatch
