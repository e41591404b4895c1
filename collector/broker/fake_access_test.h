// Why: tests of the broker watch what reaches the kernel's side of it: only what was agreed upon may.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "collector/file_io.h"
#include "collector/kernel_access.h"

namespace wakewatch {

class FakeAccess final : public KernelAccess {
 public:
  Result<InstanceSetup> Prepare(const InstanceWish& wish) override {
    Note("prepare");
    if (refuses) return Fail(Error{ErrorCode::kPermission, "not allowed", "/some/file", {}, "be root"});
    EXPECT_LE(wish.buffers.buffer_kb_per_cpu, 8192u);
    EXPECT_LE(wish.buffers.subbuffer_kb, 64u);
    InstanceSetup setup;
    setup.clock = "mono";
    setup.subbuffer_bytes = 65536;
    setup.buffer_bytes_per_cpu = uint64_t{wish.buffers.buffer_kb_per_cpu} << 10;
    setup.cpus = {0, 3};
    setup.has_probes = wish.probes;
    setup.probes.probes = {{"ttwu", "try_to_wake_up", false, "pid=$arg1:s32"}};
    setup.probes.missing = {{"complete", "inlined"}};
    setup.probes.cost_ns = 700;
    setup.left_over = {{3, 12, 5}};
    setup.warnings = {"left over"};
    return setup;
  }
  Result<EventSelection> Select(const std::vector<std::string>& wanted) override {
    Note("select");
    for (const std::string& wish : wanted) EXPECT_EQ(wish.find(".."), std::string::npos);
    return EventSelection{wanted, {"cpuhp"}};
  }
  Result<std::string> EventFile(const std::string& file) override {
    Note("file " + file);
    return "text of " + file;
  }
  Result<std::vector<std::string>> Enable(const std::vector<std::string>& events, Warnings* warnings) override {
    for (const std::string& event : events) Note("enable " + event);
    warnings->push_back("one is off");
    return events;
  }
  Status SetEvent(const std::string& event, bool on) override {
    Note("set " + event + (on ? " on" : " off"));
    return {};
  }
  Status SetTracing(bool on) override {
    Note(on ? "start" : "stop");
    return {};
  }
  Result<Descriptor> OpenPipe(uint32_t cpu) override {
    Note("pipe " + std::to_string(cpu));
    return OpenToRead("/proc/self/stat");
  }
  Result<CpuStats> ReadStats(uint32_t cpu) override {
    Note("stats " + std::to_string(cpu));
    CpuStats stats;
    stats.cpu = cpu;
    stats.entries = cpu;
    stats.overrun = uint64_t{1} << 60;
    return stats;
  }
  ProbeHitsByName ProbeHits() override { return {{"ttwu", {7, 1}}}; }
  std::vector<ThreadInfo> ScanThreads(KthreadInventory::Depth depth, uint64_t now_ns) override {
    Note("scan");
    EXPECT_LE(depth, KthreadInventory::Depth::kEverything);
    std::vector<ThreadInfo> infos(threads);
    for (size_t i = 0; i < infos.size(); ++i) {
      infos[i].pid = static_cast<int32_t>(i + 1);
      infos[i].comm = "kworker/" + std::to_string(i);
      infos[i].first_seen_ns = now_ns;
      infos[i].parent_pid = -1;
    }
    return infos;
  }
  TaskSnapshot Snapshot(uint64_t request_id, int32_t pid, uint64_t trace_now_ns) override {
    Note("snapshot " + std::to_string(pid));
    EXPECT_GT(pid, 0);
    TaskSnapshot snapshot;
    snapshot.request_id = request_id;
    snapshot.pid = pid;
    snapshot.ts_ns = trace_now_ns;
    snapshot.stack = "[<0>] kthread";
    return snapshot;
  }
  Result<Descriptor> OpenSymbols() override { return OpenToRead("/proc/self/status"); }
  Status RaisePriority(int32_t tid) override {
    Note("raise " + std::to_string(tid));
    return {};
  }
  Status Check() override { return {}; }
  Warnings Remove() override {
    Note("remove");
    return {"busy"};
  }

  std::vector<std::string> calls() const {
    const std::lock_guard lock(mutex_);
    return calls_;
  }
  bool refuses = false;
  size_t threads = 2;

 private:
  void Note(const std::string& call) {
    const std::lock_guard lock(mutex_);
    calls_.push_back(call);
  }
  mutable std::mutex mutex_;
  std::vector<std::string> calls_;
};

}  // namespace wakewatch
