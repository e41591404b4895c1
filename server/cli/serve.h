// Why: `wakewatch serve`: the server that collectors stream to and that clients and browsers ask.
#pragma once

#include <memory>

#include "server/access/access_control.h"
#include "server/access/tls_files.h"
#include "server/cli/verb.h"
#include "server/live/fleet.h"

namespace wakewatch {

class ServeVerb : public Verb {
 public:
  explicit ServeVerb(CommandLine* line);
  ExitCode Run() override;

 private:
  FleetOptions MakeFleetOptions() const;
  std::string WebFolder() const;
  void AddAccessOptions();
  void SayWhoMayCall(AccessControl* access) const;

  std::string data_ = "wakewatch-data", listen_ = "127.0.0.1:7400", http_ = "127.0.0.1:7480", web_;
  std::string keep_ = "7d", keep_findings_ = "90d", part_span_ = "6h";
  std::string latency_ = "5ms", sleep_ = "100ms", hung_ = "120s", conservation_ = "50ms", tolerance_ = "100us";
  uint64_t keep_gib_ = 20, part_mib_ = 512, snapshots_per_minute_ = 10, host_gib_per_day_ = 128, import_gib_ = 8;
  uint64_t host_events_per_second_ = 500'000;
  std::vector<std::string> origins_;
  TlsFiles tls_;
  bool require_auth_ = false;
  bool check_store_ = false;
  bool remove_overdue_ = false;
};

}  // namespace wakewatch
