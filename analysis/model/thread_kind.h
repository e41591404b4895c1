// Why: which tasks are kernel threads, what each is for, and what it was called in older kernels. One table; the
// report, the API and the dashboard read it. Source: /proc/PID/stat flags (PF_KTHREAD 0x00200000, PF_WQ_WORKER 0x20),
// fork by kthreadd, names in kernel sources.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace wakewatch {

enum class ThreadKind : uint8_t {
  kUser,
  kIdle,
  kKthreadd,
  kKsoftirqd,
  kKworker,
  kKworkerRescuer,
  kMigration,
  kCpuhp,
  kIdleInject,
  kRcu,
  kKtimers,
  kIrq,
  kKswapd,
  kKcompactd,
  kKhugepaged,
  kKsm,
  kOomReaper,
  kKhungtaskd,
  kWatchdog,
  kKdevtmpfs,
  kKauditd,
  kJbd2,
  kXfs,
  kBtrfs,
  kNfsd,
  kLoop,
  kScsi,
  kMd,
  kKthread,  // a kernel thread of no kind listed here
};
constexpr ThreadKind LastOf(ThreadKind) { return ThreadKind::kKthread; }

// How it became known that the task is a kernel thread, best first.
enum class KindSource : uint8_t { kInventory, kFork, kName };
constexpr KindSource LastOf(KindSource) { return KindSource::kName; }

struct ThreadKindInfo {
  ThreadKind kind;
  std::string_view name;     // "ksoftirqd": stable, in JSON
  std::string_view pattern;  // "ksoftirqd/CPU"
  std::string_view purpose;  // one sentence
  std::string_view once;     // what it was called, or what it replaced; empty when nothing
};

std::span<const ThreadKindInfo> ThreadKinds();
const ThreadKindInfo& Info(ThreadKind kind);
std::string_view Name(KindSource source);

// From /proc flags and name. `flags` is field 9 of /proc/PID/stat.
ThreadKind KindFromInventory(int32_t pid, uint32_t flags, std::string_view comm);
// For a task forked by kthreadd (pid 2): a kernel thread for certain, its kind by name.
ThreadKind KindOfKthread(int32_t pid, std::string_view comm);
// By name alone: only names that user tasks do not carry by custom; kUser otherwise.
ThreadKind KindFromName(int32_t pid, std::string_view comm);
// The kernel thread that did this work before kworkers did ("pdflush" for wb_workfn); empty when none is known. Traces
// name a work by its function.
std::string_view OnceThreadOf(std::string_view work_function);
inline bool IsKernelThread(ThreadKind kind) { return kind != ThreadKind::kUser && kind != ThreadKind::kIdle; }

}  // namespace wakewatch
