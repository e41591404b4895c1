// Why: whether a fleet of collectors loses events is seen in a dashboard, not by looking at hosts. Prometheus reads the
// figures when it wants them; nothing is counted twice for it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "analysis/base/result.h"
#include "collector/agent/agent.h"

namespace wakewatch {

class AgentMetrics {
 public:
  AgentMetrics();
  ~AgentMetrics();

  // From any thread.
  void Acknowledged(std::chrono::nanoseconds latency);
  // Answers GET /metrics at "ADDRESS:PORT" with what `state` says then, which is called on other threads until Close.
  // Errors: kIo (the address is taken or cannot be had).
  Status Expose(const std::string& address, std::function<AgentState()> state);
  void Close();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace wakewatch
