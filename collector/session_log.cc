#include "collector/session_log.h"

#include <sys/utsname.h>

#include <cerrno>
#include <iterator>
#include <utility>

#include "collector/file_io.h"

namespace wakewatch {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr uint64_t kNewProcessesEveryNs = kSecondNs * 3 / 2;
constexpr uint64_t kKernelThreadsEveryNs = 10 * kSecondNs;
constexpr uint64_t kClockPairEveryNs = 10 * kSecondNs;
constexpr uint64_t kStatsEveryNs = kSecondNs;

constexpr const char* kCollectorVersion = "0.1.0";

// True when `*next_ns` has come; it is then moved on.
bool Due(uint64_t now_ns, uint64_t every_ns, uint64_t* next_ns) {
  if (now_ns < *next_ns) return false;
  *next_ns = now_ns + every_ns;
  return true;
}

Result<std::string> ReadRandomFile(const std::string& name) {
  auto text = ReadTextFile("/proc/sys/kernel/random/" + name);
  if (!text) return Fail(text.error());
  return std::string(Trimmed(*text));
}

template <typename T>
std::vector<T> TakeAll(std::vector<T>* from) {
  return std::exchange(*from, {});
}

}  // namespace

Result<SessionInfo> DescribeSession(const TraceClock& clock, uint32_t cpus) {
  utsname machine{};
  if (uname(&machine) != 0) return Fail(ErrnoError(errno, "cannot read the kernel's release", {}));
  auto boot_id = ReadRandomFile("boot_id");
  if (!boot_id) return Fail(boot_id.error());
  auto session = ReadRandomFile("uuid");
  if (!session) return Fail(session.error());
  SessionInfo info;
  info.host = machine.nodename;
  info.boot_id = *std::move(boot_id);
  info.session = *std::move(session);
  info.kernel = machine.release;
  info.clock = clock.name();
  info.collector_version = kCollectorVersion;
  info.cpus = cpus;
  info.loss_marked = true;  // pages mark overruns, and the recorder makes gaps of what the kernel only counts
  return info;
}

void SessionLog::Begin() {
  const uint64_t now_ns = clock_.NowNs();
  threads_ = scan_threads_(KthreadInventory::Depth::kEverything, now_ns);
  cpus_ = topology_.Changes(topology_.Online(), now_ns);
  clock_pairs_ = {clock_.Pair()};
  next_new_ns_ = now_ns + kNewProcessesEveryNs;
  next_kernel_ns_ = now_ns + kKernelThreadsEveryNs;
  next_pair_ns_ = now_ns + kClockPairEveryNs;
  next_stats_ns_ = now_ns;
}

void SessionLog::AddThreads(uint64_t now_ns, bool last) {
  using Depth = KthreadInventory::Depth;
  const bool new_due = Due(now_ns, kNewProcessesEveryNs, &next_new_ns_);
  const bool kernel_due = Due(now_ns, kKernelThreadsEveryNs, &next_kernel_ns_);
  if (!new_due && !kernel_due && !last) return;
  auto changed = scan_threads_(last         ? Depth::kEverything
                               : kernel_due ? Depth::kKernelThreads
                                            : Depth::kNewProcesses,
                               now_ns);
  threads_.insert(threads_.end(), std::make_move_iterator(changed.begin()), std::make_move_iterator(changed.end()));
}

void SessionLog::AddDue(uint64_t now_ns, const std::vector<uint32_t>& online, bool last, Batch* batch) {
  AddThreads(now_ns, last);
  const auto cpus = topology_.Changes(online, now_ns);
  cpus_.insert(cpus_.end(), cpus.begin(), cpus.end());
  if (Due(now_ns, kClockPairEveryNs, &next_pair_ns_) || last) clock_pairs_.push_back(clock_.Pair());
  batch->threads = TakeAll(&threads_);
  batch->cpus = TakeAll(&cpus_);
  batch->clock_pairs = TakeAll(&clock_pairs_);
}

bool SessionLog::StatsDue(uint64_t now_ns) { return Due(now_ns, kStatsEveryNs, &next_stats_ns_); }

}  // namespace wakewatch
