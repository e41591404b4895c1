// Why: KernelAccess by the process itself, for `wakewatch record`, for containers that cannot have a second user, and
// inside the broker.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "collector/kernel_access.h"

namespace wakewatch {

class LocalAccess final : public KernelAccess {
 public:
  // `tracefs` is a folder that FindTracefs found. `owner` is in the instance's name; none: this process.
  LocalAccess(std::string tracefs, std::string instance_prefix, std::optional<InstanceOwner> owner = {});
  ~LocalAccess() override;  // removes

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
  Status Check() override { return {}; }
  Warnings Remove() override;

 private:
  const std::string tracefs_, prefix_;
  const std::optional<InstanceOwner> owner_;
  std::unique_ptr<ProbePlacement> probes_;  // in front of the session: definitions go after the instance that used them
  std::unique_ptr<TracefsSession> session_;
  KthreadInventory inventory_;
  TaskSnapshots snapshots_;
};

}  // namespace wakewatch
