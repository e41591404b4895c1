// Why: KernelAccess for the half of the collector that has no privileges: each call is a packet to the broker and one
// back. After a broker that is gone, or answers nonsense, every call is an error.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "collector/broker/broker_messages.h"
#include "collector/kernel_access.h"

namespace wakewatch {

class BrokerClient final : public KernelAccess {
 public:
  // `warnings`: of the broker's start; told with those of Prepare.
  explicit BrokerClient(Descriptor socket, Warnings warnings = {})
      : socket_(std::move(socket)), warnings_(std::move(warnings)) {}

  Result<InstanceSetup> Prepare(const InstanceWish& wish) override;
  Result<EventSelection> Select(const std::vector<std::string>& wanted) override;
  Result<std::string> EventFile(const std::string& file) override;
  Result<std::vector<std::string>> Enable(const std::vector<std::string>& events, Warnings* warnings) override;
  Status SetEvent(const std::string& event, bool on) override;
  Status SetTracing(bool on) override;
  Result<Descriptor> OpenPipe(uint32_t cpu) override;
  Result<CpuStats> ReadStats(uint32_t cpu) override;
  ProbeHitsByName ProbeHits() override;
  std::vector<ThreadInfo> ScanThreads(KthreadInventory::Depth depth, uint64_t now_ns) override;
  TaskSnapshot Snapshot(uint64_t request_id, int32_t pid, uint64_t trace_now_ns) override;
  Result<Descriptor> OpenSymbols() override;
  Status RaisePriority(int32_t tid) override;
  Status Check() override;
  Warnings Remove() override;

  // Requests of ours that the broker refused so far.
  uint64_t refused() const { return refused_.load(); }

 private:
  struct Reply {
    std::vector<uint8_t> body;
    Descriptor passed;
  };

  // One request and its answer.
  Result<Reply> Call(BrokerVerb verb, std::vector<uint8_t> arguments);
  Result<Reply> Receive(uint32_t sequence);
  template <typename... Values>
  Result<Reply> Ask(BrokerVerb verb, const Values&... values);
  // Asks, and reads the answer as a `T`.
  template <typename T, typename... Values>
  Result<T> AskFor(BrokerVerb verb, const Values&... values);

  std::mutex mutex_;  // of a call, from its request to its answer
  const Descriptor socket_;
  const Warnings warnings_;
  uint32_t sequence_ = 0;
  std::optional<Error> broken_;  // for good
  std::atomic<uint64_t> refused_{0};
};

}  // namespace wakewatch
