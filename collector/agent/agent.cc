#include "collector/agent/agent.h"

#include <malloc.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "collector/event_profiles.h"

namespace wakewatch {
namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr uint32_t kBuffersKbMax = 64u << 10, kBufferKbMin = 64;
constexpr size_t kReadAheadBytes = 2u << 20;
constexpr uint32_t kOpenEventsMax = 1u << 15, kChunkEventsMin = 1u << 11;
constexpr size_t kBatchBytesMax = 1u << 20;  // far below the server's limit, and no burden on memory

constexpr size_t kLongQueueBytes = 4u << 20, kShortQueueBytes = 512u << 10;

constexpr size_t kWarningsMax = 20;  // of a report

uint64_t SteadyNs() {
  const auto now = SteadyClock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

}  // namespace

void BoundForService(uint32_t cpus, RecorderOptions* options) {
  cpus = std::max(cpus, 1u);
  options->changeable_profile = true;
  options->continues_after_kill = true;
  options->buffer_kb_per_cpu = std::min(options->buffer_kb_per_cpu, std::max(kBuffersKbMax / cpus, kBufferKbMin));
  // At least four sub-buffers: one is written, one is read, and some must be left for what comes meanwhile.
  options->subbuffer_kb = std::min(options->subbuffer_kb, std::max(options->buffer_kb_per_cpu / 4, 4u));
  options->read_ahead_bytes = kReadAheadBytes;
  options->chunk_events_max = std::max(kOpenEventsMax / cpus, kChunkEventsMin);
  options->batch_bytes_max = kBatchBytesMax;
}

Agent::Agent(std::unique_ptr<Recorder> recorder, const AgentOptions& options, AgentHooks hooks)
    : options_(options),
      hooks_(std::move(hooks)),
      recorder_(std::move(recorder)),
      budget_(options.budget, recorder_->options().profile),
      uplink_(options.uplink, {.profile_asked =
                                   [this](const std::string& profile, const std::string& reason) {
                                     const std::lock_guard lock(mutex_);
                                     wish_ = {profile, reason};
                                   },
                               .acknowledged = hooks_.acknowledged}) {
  state_.profile = state_.profile_wanted = budget_.profile();
}

Agent::~Agent() = default;

AgentState Agent::state() const {
  std::unique_lock lock(mutex_);
  AgentState state = state_;
  lock.unlock();
  state.uplink = uplink_.stats();
  return state;
}

Agent::Outcome Agent::Run(std::chrono::nanoseconds duration, const std::atomic<bool>& stop) {
  Outcome outcome;
  outcome.recorded = recorder_->Run(duration, stop, [this](Batch&& batch) { return Take(std::move(batch)); });
  if (hooks_.stopping) hooks_.stopping();
  Report(recorder_->totals());
  outcome.events_lost = recorder_->totals().lost;
  outcome.gaps = recorder_->totals().gaps;
  Deliver(stop, outcome.recorded ? options_.deliver_timeout : options_.stop_timeout);
  outcome.delivery = uplink_.Finish(milliseconds(0));
  outcome.state = state();
  return outcome;
}

// Waits for the server; a stop that comes meanwhile cuts the wait short.
void Agent::Deliver(const std::atomic<bool>& stop, milliseconds timeout) {
  constexpr milliseconds kLook{100};
  auto until = SteadyClock::now() + timeout;
  bool stopped = false;
  while (!uplink_.AwaitDelivery(kLook)) {
    if (uplink_.stats().gave_up) return;
    if (stop.load() && !std::exchange(stopped, true)) {
      until = std::min(until, SteadyClock::now() + options_.stop_timeout);
    }
    if (SteadyClock::now() >= until) return;
  }
}

Status Agent::Take(Batch&& batch) {
  const bool first = batch.session.has_value();
  uint64_t seen = 0;
  {
    const std::lock_guard lock(mutex_);
    ++state_.batches;
    state_.gaps += batch.gaps.size();
    state_.events_read += EventsOf(batch);
    for (const GapRecord& gap : batch.gaps) {
      if (gap.cause == GapCause::kOverrun && gap.lost != kLostUnknown) state_.events_lost += gap.lost;
    }
    seen = state_.events_read + state_.events_lost;
  }
  uplink_.Offer(std::move(batch));
  if (const UplinkStats up = uplink_.stats(); up.gave_up) return Fail(ErrorCode::kPermission, up.problem);
  ApplyWish();
  KeepBudget(seen);
  SpareQueue();
  Report(recorder_->totals());
  if (first && hooks_.recording) hooks_.recording();
  TrimMemory();
  if (hooks_.alive) hooks_.alive();
  return {};
}

void Agent::TrimMemory() {
  const size_t bytes = uplink_.stats().queue_bytes;
  queue_was_long_ |= bytes > kLongQueueBytes;
  if (!queue_was_long_ || bytes > kShortQueueBytes) return;
  queue_was_long_ = false;
  malloc_trim(kShortQueueBytes);
}

void Agent::SpareQueue() {
  const size_t bytes = uplink_.stats().queue_bytes, bytes_max = options_.uplink.queue.bytes_max;
  if (!probes_paused_ && bytes > bytes_max / 2) {
    probes_paused_ = true;
    recorder_->PauseProbes("the queue to the server is half full");
  } else if (probes_paused_ && bytes < bytes_max / 8) {
    probes_paused_ = false;
    recorder_->PauseProbes("");
  }
}

void Agent::ApplyWish() {
  std::optional<std::pair<std::string, std::string>> wish;
  {
    const std::lock_guard lock(mutex_);
    wish.swap(wish_);
  }
  if (!wish || wish->first == budget_.wanted()) return;
  if (const auto known = FindEventProfile(wish->first); !known) {
    spdlog::warn("the server asks for a profile: {}", known.error().Text());
    return;
  }
  const std::string reason = wish->second.empty() ? "asked for by the server" : wish->second;
  Change(budget_.Want(wish->first, reason));
}

void Agent::KeepBudget(uint64_t events) {
  if (const auto step = budget_.Observe(SteadyNs(), events)) Change(*step);
  if (budget_.helpless() && !std::exchange(helpless_said_, true)) {
    spdlog::warn("more events than the budget of {} a second, and no smaller profile than {}",
                 options_.budget.events_per_second, budget_.profile());
  }
  if (!budget_.helpless()) helpless_said_ = false;
}

void Agent::Change(const EventBudget::Step& step) {
  if (auto changed = recorder_->ChangeProfile(step.profile, step.reason); !changed) {
    spdlog::warn("the profile cannot be changed to {}: {}", step.profile, changed.error().Text());
    return;
  }
  spdlog::warn("recording profile {} from now on: {}", step.profile, step.reason);
  const std::lock_guard lock(mutex_);
  state_.profile = budget_.profile();
  state_.profile_wanted = budget_.wanted();
}

void Agent::Report(const RecorderTotals& totals) {
  const std::vector<std::string>& warnings = totals.warnings;
  for (; warnings_said_ < warnings.size(); ++warnings_said_) spdlog::warn("{}", warnings[warnings_said_]);
  CollectorReport report;
  {
    const std::lock_guard lock(mutex_);
    state_.evidence = totals.evidence;
    state_.probes = totals.probes;
    report.profile = state_.profile;
    report.profile_wanted = state_.profile_wanted;
    report.events_read = state_.events_read;
    report.events_lost = state_.events_lost;
  }
  if (budget_.helpless()) report.warnings.push_back("more events than the budget, and no smaller profile");
  const bool less =
      std::any_of(totals.probes.begin(), totals.probes.end(), [](const auto& probe) { return !probe.on; });
  if (less) report.warnings.push_back("evidence is " + totals.evidence);
  const size_t shown = std::min(warnings.size(), kWarningsMax);
  report.warnings.insert(report.warnings.end(), warnings.end() - static_cast<ptrdiff_t>(shown), warnings.end());
  uplink_.SetReport(std::move(report));
}

}  // namespace wakewatch
