// Why: what the two halves of the collector say to each other: one request, one answer, each a packet of its own on a
// socket pair. Both are read as if they came from an enemy. Large answers and descriptors travel beside the packet.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "analysis/base/archive.h"
#include "collector/kernel_access.h"

namespace wakewatch {

// What can be asked for, and nothing else: KernelAccess, method by method.
enum class BrokerVerb : uint8_t {
  kPrepare,
  kSelect,
  kEventFile,
  kEnable,
  kSetEvent,
  kSetTracing,
  kOpenPipe,
  kReadStats,
  kProbeHits,
  kScanThreads,
  kSnapshot,
  kOpenSymbols,
  kRaisePriority,
  kRemove,
};
constexpr BrokerVerb LastOf(BrokerVerb) { return BrokerVerb::kRemove; }
constexpr KthreadInventory::Depth LastOf(KthreadInventory::Depth) { return KthreadInventory::Depth::kEverything; }
constexpr ErrorCode LastOf(ErrorCode) { return ErrorCode::kInternal; }

inline constexpr size_t kBrokerRequestBytesMax = 64u << 10;
inline constexpr size_t kBrokerInlineBytesMax = 32u << 10;   // what is longer comes in a file in memory
inline constexpr size_t kBrokerAnswerBytesMax = 256u << 20;  // all of its content

struct BrokerRequestHead {
  uint32_t sequence = 0;  // answered with the same
  BrokerVerb verb = BrokerVerb::kPrepare;
  static void Fields(auto& self, auto& archive) { archive(self.sequence, self.verb); }
};

// In front of an answer. What follows it is the body; an error, where `failed`.
struct BrokerAnswerHead {
  uint32_t sequence = 0;
  uint64_t refused = 0;  // requests so far that made no sense
  bool failed = false;
  bool in_file = false;  // the body is in the descriptor that comes along
  static void Fields(auto& self, auto& archive) { archive(self.sequence, self.refused, self.failed, self.in_file); }
};

// The types of others, with their fields for the archive.
struct ErrorMessage : Error {
  static void Fields(auto& self, auto& archive) { archive(self.code, self.cause, self.file, self.remedy); }
};
struct WishMessage : InstanceWish {
  static void Fields(auto& self, auto& archive) {
    archive(self.buffers.buffer_kb_per_cpu, self.buffers.subbuffer_kb, self.probes, self.probe_cost_ns);
  }
};
struct SelectionMessage : EventSelection {
  static void Fields(auto& self, auto& archive) { archive(self.present, self.missing); }
};
struct StatsMessage : CpuStats {
  static void Fields(auto& self, auto& archive) {
    archive(self.cpu, self.entries, self.overrun, self.commit_overrun, self.dropped, self.read);
  }
};
struct ThreadMessage : ThreadInfo {
  static void Fields(auto& self, auto& archive) {
    archive(self.pid, self.comm, self.start_ticks, self.first_seen_ns, self.flags, self.parent_pid, self.affinity,
            self.policy, self.rt_priority, self.from_inventory);
  }
};
struct SnapshotMessage : TaskSnapshot {
  static void Fields(auto& self, auto& archive) {
    archive(self.request_id, self.pid, self.ts_ns, self.stack, self.wchan, self.status, self.error);
  }
};

}  // namespace wakewatch
