// Why: the half of the collector that keeps its privileges. It does what KernelAccess names, for one asker on a socket
// pair, and believes nothing that is asked: sizes, names, numbers and the order of requests are checked against what it
// was started with. What makes no sense is refused, counted and survived.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "analysis/base/bytes.h"
#include "collector/broker/broker_messages.h"
#include "collector/kernel_access.h"

namespace wakewatch {

// The most that may be asked for, and what may be named.
struct BrokerLimits {
  BufferSettings buffers;
  bool probes = false;
  int32_t client = 0;               // its pid: only its threads may be raised
  std::vector<std::string> events;  // besides those of our profiles and our probes: "system/name"
};

class Broker {
 public:
  // `access` must outlive the broker.
  Broker(const BrokerLimits& limits, KernelAccess* access);

  // Answers what comes from `socket` until the other side is gone. The instance is left as it is then.
  void Serve(int socket);

  uint64_t refused() const { return refused_; }
  // What the other side, which is gone, has not read; empty: it has left nothing. Stops the recording.
  std::vector<LeftOver> StopAndCount();

 private:
  struct Answer {
    ArchiveWriter body;
    Descriptor passed;
  };

  // The answer to one request. Errors: why it is refused, or what went wrong.
  Result<Answer> Handle(BrokerVerb verb, ArchiveReader* arguments);
  Result<Answer> HandleEvents(BrokerVerb verb, ArchiveReader* arguments);
  Result<Answer> HandleTasks(BrokerVerb verb, ArchiveReader* arguments);
  Result<Answer> Prepare(ArchiveReader* arguments);
  Status Respond(int socket, uint32_t sequence, Result<Answer> answer);
  Error Refusal(const std::string& why);
  // True when the arguments are complete, and nothing is behind them.
  template <typename... Values>
  bool Take(ArchiveReader* arguments, Values&... values);
  bool Known(const std::string& event) const;  // "system/name"
  bool KnownFile(const std::string& file) const;

  const BrokerLimits limits_;
  KernelAccess* const access_;
  std::set<std::string> systems_, events_;  // that may be named
  std::set<std::string> wishes_;            // the entries of our profiles
  std::vector<uint32_t> cpus_;              // of the instance
  bool prepared_ = false;
  uint64_t refused_ = 0;
};

}  // namespace wakewatch
