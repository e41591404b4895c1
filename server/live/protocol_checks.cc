#include "server/live/protocol_checks.h"

#include <exception>
#include <memory>
#include <new>

#include "server/live/worker_pool.h"

namespace wakewatch {

Result<TimedCheck> RunCheck(std::string_view text, const std::string& name, const protocol::CheckOptions& options,
                            const CheckRun& run) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point begin = Clock::now();
  protocol::CheckHost host;
  std::unique_ptr<WorkerPool> pool;
  if (run.threads != 1) {
    pool = std::make_unique<WorkerPool>(run.threads);
    host.parallel = [&](size_t n, const std::function<void(size_t)>& work) { pool->Run(n, work); };
  }
  host.stop = [&](uint64_t) {
    if (run.cancelled && run.cancelled()) return protocol::StopReason::kCancelled;
    const bool late = run.time_max.count() > 0 && Clock::now() - begin >= run.time_max;
    return late ? protocol::StopReason::kTime : protocol::StopReason::kGoOn;
  };
  // Ours never throw; the standard library does when memory ends.
  try {
    auto result = protocol::CheckProtocol(text, name, options, host);
    if (!result) return Fail(std::move(result.error()));
    return TimedCheck{*std::move(result), std::chrono::duration<double>(Clock::now() - begin).count()};
  } catch (const std::bad_alloc&) {
    return Fail(Error{.code = ErrorCode::kTooLarge,
                      .cause = "the states do not fit into memory",
                      .file = name,
                      .remedy = "allow fewer of them, or store hashes of them only"});
  }
}

std::string CheckName(std::string_view name) {
  constexpr size_t kBytesMax = 100;
  return name.empty() ? "protocol" : std::string(name.substr(0, kBytesMax));
}

Result<CheckGate::Pass> CheckGate::Enter() {
  for (unsigned inside = inside_.load(); inside < checks_max_;) {
    if (inside_.compare_exchange_weak(inside, inside + 1)) return Pass(this);
  }
  return Fail(Error{
      .code = ErrorCode::kTooLarge,
      .cause = "as many protocols as this server checks at once are being checked, " + std::to_string(checks_max_),
      .remedy = "try again in some seconds, or check it on your own machine: wakewatch check"});
}

}  // namespace wakewatch
