// Longer than 500 lines: one class, whose parts share the state of one recording.
#include "collector/recorder.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <set>
#include <utility>
#include <variant>

#include "collector/batch_builder.h"
#include "collector/cpu_pages.h"
#include "collector/event_formats.h"
#include "collector/event_profiles.h"
#include "collector/file_io.h"
#include "collector/local_access.h"
#include "collector/page_queue.h"
#include "collector/probe_control.h"
#include "collector/session_log.h"

namespace wakewatch {
namespace {

using SteadyClock = std::chrono::steady_clock;
using Sink = std::function<Status(Batch&&)>;

// An event gets its time stamp before it is committed, and a page shows committed events only. A writer that is held up
// in between (by a nested interrupt, or a hypervisor) may commit behind the frontier; this much delay is allowed for.
constexpr uint64_t kFrontierGuardNs = 2'000'000;

constexpr std::chrono::milliseconds kStopPoll{50};  // how soon `stop` is seen

constexpr size_t kQueueBufferBytes = 64u << 10;

// A batch is also handed out early when this many times batch_bytes_max were decoded for it, which bounds the memory of
// chunks that are still open.
constexpr size_t kRawBytesFactor = 4;

class TracefsRecorder final : public Recorder {
 public:
  TracefsRecorder(RecorderOptions options, KernelAccess* access) : options_(std::move(options)), access_(access) {}
  ~TracefsRecorder() override {
    reader_.reset();
    (void)access_->Remove();
  }
  // Takes what `access` is, with what was said while it was made.
  void Own(std::unique_ptr<KernelAccess> access, std::vector<std::string> warnings) {
    owned_access_ = std::move(access);
    totals_.warnings = std::move(warnings);
  }

  Status Prepare(const EventProfile& profile);

  const RecorderOptions& options() const override { return options_; }
  const RecorderTotals& totals() const override { return totals_; }
  Status Run(std::chrono::nanoseconds duration, const std::atomic<bool>& stop, const Sink& sink) override;
  Status ChangeProfile(const std::string& name, const std::string& reason) override;
  void PauseProbes(const std::string& reason) override;

 private:
  struct ProfileRequest {
    EventProfile profile;
    std::string reason;
  };

  // Those of `profile` and of the options that this kernel has; the others are added to *missing.
  Result<std::vector<std::string>> Select(const EventProfile& profile, std::vector<std::string>* missing) const;
  bool Usable(const std::string& event) const;  // its format was loaded
  Status PrepareInstance();
  void ApplyProfileRequest();
  void TellProbes();
  // Switches probes that are too busy, or are to pause, and marks it in the stream.
  void KeepProbes();
  Status SetProbe(const std::string& event, bool on);
  std::vector<std::string> Enabled() const;  // of the profile, and probes
  Status Pump(std::chrono::nanoseconds duration, const std::atomic<bool>& stop, const Sink& sink);
  Status Begin();
  // Each handles one item of the queue.
  Status Take(PagesRead run, const Sink& sink);
  Status Take(const RoundEnd& round, const Sink& sink);
  Status Take(const ReadFailure& failure, const Sink& sink);
  Status Emit(uint64_t now_ns, bool complete, const Sink& sink);
  void AddOpening(uint64_t now_ns, Batch* batch);
  void AddStats(Batch* batch);
  void AccountForLoss(const CpuStats& stats);
  void Settle();

  const RecorderOptions options_;
  RecorderTotals totals_;
  KernelAccess* const access_;
  std::unique_ptr<KernelAccess> owned_access_;  // what access_ points to, unless the caller keeps it
  const ReadEventFile read_event_file_ = [this](const std::string& file) { return access_->EventFile(file); };
  std::unique_ptr<ProbeControl> probes_;
  std::optional<BufferSetup> setup_;
  std::optional<EventFormats> formats_;
  std::string profile_;
  std::vector<std::string> enabled_;            // events of the profile that are on
  std::vector<ProfileChange> profile_changes_;  // since the last batch
  std::mutex request_mutex_;
  std::optional<ProfileRequest> request_;
  std::optional<std::string> pause_request_;
  std::vector<uint32_t> cpus_;  // that have a buffer
  std::vector<LeftOver> left_over_;
  std::optional<BatchBuilder> builder_;
  std::optional<SessionLog> log_;
  std::optional<SessionInfo> opening_;  // until the first batch
  std::unique_ptr<PageQueue> queue_;
  std::unique_ptr<PageReader> reader_;
  std::vector<uint32_t> online_;
  std::vector<uint64_t> drops_seen_;  // by CPU number: drops that no page marks and that have become gaps already
  uint64_t frontier_ns_ = 0;          // 0: no complete round yet
  size_t raw_bytes_ = 0;              // decoded since the last batch
  uint64_t events_delivered_ = 0, kernel_lost_ = 0;
  bool ran_ = false, last_ = false;
};

Status TracefsRecorder::PrepareInstance() {
  auto setup = access_->Prepare({.buffers = {options_.buffer_kb_per_cpu, options_.subbuffer_kb},
                                 .probes = options_.evidence == EvidenceLevel::kDeep,
                                 .probe_cost_ns = options_.probe_limits.cost_ns});
  if (!setup) return Fail(setup.error());
  totals_.warnings.insert(totals_.warnings.end(), setup->warnings.begin(), setup->warnings.end());
  const auto clock = TraceClock::Named(setup->clock);
  if (!clock || setup->cpus.empty()) return Fail(ErrorCode::kInternal, "the instance has no clock or no CPU");
  setup_ = BufferSetup{*clock, setup->subbuffer_bytes, setup->buffer_bytes_per_cpu};
  cpus_ = std::move(setup->cpus);
  totals_.evidence = std::move(setup->evidence);
  if (options_.continues_after_kill) left_over_ = std::move(setup->left_over);
  if (setup->has_probes) {
    probes_ = std::make_unique<ProbeControl>(std::move(setup->probes), options_.probe_limits,
                                             [this] { return access_->ProbeHits(); });
  }
  return {};
}

Status TracefsRecorder::Prepare(const EventProfile& profile) {
  auto& warnings = totals_.warnings;
  if (auto prepared = PrepareInstance(); !prepared) return prepared;
  std::vector<std::string> missing;
  auto wanted = Select(profile, &missing);
  if (!wanted) return Fail(wanted.error());
  if (!missing.empty()) {
    std::string names;
    for (const std::string& name : missing) names += (names.empty() ? "" : ", ") + name;
    warnings.push_back("this kernel does not have, so they are not recorded: " + names);
  }
  std::vector<std::string> all = *wanted;
  for (const EventProfile& other : EventProfiles()) {
    if (!options_.changeable_profile || other.name == profile.name) continue;
    const auto more = Select(other, &missing);
    if (!more) return Fail(more.error());
    for (const std::string& event : *more) {
      if (std::find(all.begin(), all.end(), event) == all.end()) all.push_back(event);
    }
  }
  if (probes_) {
    for (const std::string& event : probes_->events()) all.push_back(event);
  }
  auto formats = LoadEventFormats(read_event_file_, all, setup_->subbuffer_bytes, &warnings);
  if (!formats) return Fail(formats.error());
  formats_ = *std::move(formats);
  std::erase_if(*wanted, [&](const std::string& event) { return !Usable(event); });
  auto enabled = access_->Enable(*wanted, &warnings);
  if (!enabled) return Fail(enabled.error());
  enabled_ = *std::move(enabled);
  profile_ = profile.name;
  if (probes_) {
    probes_->Begin(
        formats_->usable, [this](const auto& event, bool on) { return SetProbe(event, on); }, &warnings);
    TellProbes();
  }
  return {};
}

void TracefsRecorder::TellProbes() {
  if (!probes_) return;
  totals_.probes = probes_->states();
  totals_.evidence = EvidenceText(totals_.probes);
}

Status TracefsRecorder::SetProbe(const std::string& event, bool on) {
  if (on && !HasSameId(read_event_file_, formats_->table, event)) {
    return Fail(ErrorCode::kConflict, "somebody has removed or replaced it");
  }
  return access_->SetEvent(event, on);
}

std::vector<std::string> TracefsRecorder::Enabled() const {
  std::vector<std::string> events = enabled_;
  if (!probes_) return events;
  for (std::string& event : probes_->on()) events.push_back(std::move(event));
  return events;
}

void TracefsRecorder::PauseProbes(const std::string& reason) {
  const std::lock_guard lock(request_mutex_);
  pause_request_ = reason;
}

void TracefsRecorder::KeepProbes() {
  if (!probes_) return;
  {
    const std::lock_guard lock(request_mutex_);
    if (pause_request_) probes_->Pause("user", *std::exchange(pause_request_, std::nullopt));
  }
  const uint64_t from_ns = setup_->clock.NowNs();
  const bool due = probes_->Due(from_ns, [this](const std::string& event) {
    const auto index = FormatIndex(formats_->table, event);
    return index ? builder_->events_by_format()[*index] : 0;
  });
  if (!due) return;
  const std::vector<std::string> before = probes_->on();
  const std::string reason =
      probes_->Apply([this](const auto& event, bool on) { return SetProbe(event, on); }, &totals_.warnings);
  if (reason.empty()) return;
  const uint64_t until_ns = setup_->clock.NowNs();
  std::vector<bool> probes(formats_->table.events().size());
  for (const std::string& event : probes_->events()) {
    if (const auto index = FormatIndex(formats_->table, event)) probes[*index] = true;
  }
  builder_->SetAside(from_ns, until_ns, probes);
  const std::vector<std::string> after = probes_->on();
  const bool fewer = std::all_of(after.begin(), after.end(), [&](const std::string& event) {
    return std::find(before.begin(), before.end(), event) != before.end();
  });
  profile_changes_.push_back({fewer ? from_ns : until_ns, profile_, Enabled(), reason});
}

Result<std::vector<std::string>> TracefsRecorder::Select(const EventProfile& profile,
                                                         std::vector<std::string>* missing) const {
  std::vector<std::string> wanted = profile.events;
  wanted.insert(wanted.end(), options_.extra_events.begin(), options_.extra_events.end());
  auto selection = access_->Select(wanted);
  if (!selection) return Fail(selection.error());
  missing->insert(missing->end(), selection->missing.begin(), selection->missing.end());
  return std::move(selection->present);
}

bool TracefsRecorder::Usable(const std::string& event) const {
  const auto& usable = formats_->usable;
  return std::find(usable.begin(), usable.end(), event) != usable.end();
}

Status TracefsRecorder::ChangeProfile(const std::string& name, const std::string& reason) {
  if (!options_.changeable_profile) {
    return Fail(ErrorCode::kInvalidArgument, "this recording was not begun as one whose profile may change");
  }
  auto profile = FindEventProfile(name);
  if (!profile) return Fail(profile.error());
  const std::lock_guard lock(request_mutex_);
  request_ = {*std::move(profile), reason};
  return {};
}

void TracefsRecorder::ApplyProfileRequest() {
  std::optional<ProfileRequest> request;
  {
    const std::lock_guard lock(request_mutex_);
    request.swap(request_);
  }
  if (!request || request->profile.name == profile_) return;
  std::vector<std::string> missing;
  const auto wanted = Select(request->profile, &missing);
  if (!wanted) {
    totals_.warnings.push_back("the profile stays " + profile_ + ": " + wanted.error().Text());
    return;
  }
  const std::set<std::string> before(enabled_.begin(), enabled_.end());
  const std::set<std::string> after(wanted->begin(), wanted->end());
  const auto set = [this](const std::string& event, bool on) {
    const auto done = access_->SetEvent(event, on);
    if (!done) totals_.warnings.push_back(done.error().Text());
    return done.has_value();
  };
  // The time from which on exactly these events are there: before the first that ends, behind the last that begins.
  uint64_t since_ns = setup_->clock.NowNs();
  std::vector<std::string> enabled;
  for (const std::string& event : enabled_) {
    if (after.count(event) != 0 || !set(event, false)) enabled.push_back(event);
  }
  for (const std::string& event : *wanted) {
    if (before.count(event) != 0 || !Usable(event) || !set(event, true)) continue;
    enabled.push_back(event);
    since_ns = setup_->clock.NowNs();
  }
  enabled_ = std::move(enabled);
  profile_ = request->profile.name;
  profile_changes_.push_back({since_ns, profile_, Enabled(), request->reason});
  if (!probes_) return;
  const bool smaller = SmallerProfile(profile_, options_.profile);
  probes_->Pause("profile", smaller ? "profile " + profile_ + " is recorded without probes" : "");
}

Status TracefsRecorder::Begin() {
  const Topology topology;
  online_ = topology.Online();
  auto info = DescribeSession(setup_->clock, static_cast<uint32_t>(online_.size()));
  if (!info) return Fail(info.error());
  opening_ = *std::move(info);
  if (!options_.host.empty()) opening_->host = options_.host;
  drops_seen_.resize(cpus_.back() + 1);
  builder_.emplace(formats_->table, cpus_, options_.compression, options_.chunk_events_max);
  for (const LeftOver& left : left_over_) {
    // What was overwritten may have been counted by the one that was killed, up to there.
    builder_->BeginWithGap(left.cpu, left.overwritten > 0 ? kLostUnknown : left.unread, setup_->clock.NowNs());
  }
  builder_->symbols().ReadBy([this]() -> Result<std::string> {
    const auto symbols = access_->OpenSymbols();
    if (!symbols) return Fail(symbols.error());
    return ReadDescriptor(symbols->get(), "/proc/kallsyms", kKallsymsMax);
  });
  log_.emplace(setup_->clock, topology,
               [this](KthreadInventory::Depth depth, uint64_t now_ns) { return access_->ScanThreads(depth, now_ns); });
  log_->Begin();

  const size_t buffer_bytes = std::max<size_t>(setup_->subbuffer_bytes, kQueueBufferBytes);
  const size_t buffers_max = std::max(options_.read_ahead_bytes / buffer_bytes, 2 * cpus_.size());
  queue_ = std::make_unique<PageQueue>(buffer_bytes, buffers_max);
  const PageReaderSettings settings{setup_->clock, formats_->table.page(), setup_->buffer_bytes_per_cpu,
                                    options_.batch_span, [this](int32_t tid) { return access_->RaisePriority(tid); }};
  std::vector<CpuPipe> pipes;
  for (const uint32_t cpu : cpus_) {
    auto pipe = access_->OpenPipe(cpu);
    if (!pipe) return Fail(pipe.error());
    pipes.push_back({cpu, *std::move(pipe)});
  }
  auto reader = PageReader::Create(std::move(pipes), settings, topology, queue_.get());
  if (!reader) return Fail(reader.error());
  reader_ = *std::move(reader);
  if (auto started = access_->SetTracing(true); !started) return started;
  reader_->Start();
  return {};
}

Status TracefsRecorder::Run(std::chrono::nanoseconds duration, const std::atomic<bool>& stop, const Sink& sink) {
  if (ran_) return Fail(ErrorCode::kInvalidArgument, "a recorder runs once");
  ran_ = true;
  Status status = Begin();
  if (status) status = Pump(duration, stop, sink);
  if (!status) {
    // Nobody takes the rest: what the kernel still holds, and what was read but not handed over, counts as lost.
    (void)access_->SetTracing(false);
    reader_.reset();
    kernel_lost_ = 0;
    for (const uint32_t cpu : cpus_) {
      if (const auto stats = access_->ReadStats(cpu)) {
        kernel_lost_ += stats->entries + stats->overrun + stats->commit_overrun + stats->dropped;
        totals_.lost += stats->read;
      }
    }
    totals_.lost -= std::min(totals_.lost, events_delivered_);
  } else {
    totals_.lost += builder_->set_aside();
  }
  reader_.reset();
  for (std::string& left : access_->Remove()) totals_.warnings.push_back(std::move(left));
  Settle();
  return status;
}

Status TracefsRecorder::Pump(std::chrono::nanoseconds duration, const std::atomic<bool>& stop, const Sink& sink) {
  const auto begin = SteadyClock::now();
  bool finishing = false;
  while (!last_) {
    if (!finishing && (stop.load() || (duration.count() > 0 && SteadyClock::now() - begin >= duration))) {
      finishing = true;
      if (auto stopped = access_->SetTracing(false); !stopped) return stopped;
      reader_->Finish();
    }
    if (auto there = access_->Check(); !there) return there;
    ApplyProfileRequest();
    if (!finishing) KeepProbes();
    auto item = queue_->Pop(kStopPoll);
    if (!item) {
      if (queue_->closed()) return Fail(ErrorCode::kInternal, "the reading thread ran out of memory");
      continue;
    }
    auto taken = std::visit([&](auto&& entry) { return Take(std::move(entry), sink); }, *std::move(item));
    if (!taken) return taken;
  }
  return {};
}

Status TracefsRecorder::Take(PagesRead run, const Sink& sink) {
  const Bytes bytes(run.buffer.get(), run.bytes);
  for (size_t at = 0; at < bytes.size(); at += setup_->subbuffer_bytes) {
    builder_->AddPage(run.cpu, bytes.subspan(at, std::min<size_t>(setup_->subbuffer_bytes, bytes.size() - at)));
  }
  totals_.bytes_read += bytes.size();
  raw_bytes_ += bytes.size();
  queue_->GiveBack(std::move(run.buffer));
  if (builder_->finished_bytes() < options_.batch_bytes_max &&
      raw_bytes_ < kRawBytesFactor * options_.batch_bytes_max) {
    return {};
  }
  return Emit(setup_->clock.NowNs(), false, sink);
}

Status TracefsRecorder::Take(const RoundEnd& round, const Sink& sink) {
  if (!round.complete) return {};
  last_ = round.last;
  online_ = round.online;
  const uint64_t guard_ns = last_ ? 0 : kFrontierGuardNs;
  frontier_ns_ = std::max(frontier_ns_, round.started_ns - std::min(round.started_ns, guard_ns));
  return Emit(round.started_ns, true, sink);
}

Status TracefsRecorder::Take(const ReadFailure& failure, const Sink&) {
  totals_.warnings.push_back(failure.text + "; this CPU was recorded no further");
  builder_->EndCpu(failure.cpu);
  return {};
}

Status TracefsRecorder::Emit(uint64_t now_ns, bool complete, const Sink& sink) {
  Batch batch;
  batch.sequence = ++totals_.batches;
  batch.last = last_;
  if (opening_) AddOpening(now_ns, &batch);
  batch.profiles.insert(batch.profiles.end(), profile_changes_.begin(), profile_changes_.end());
  profile_changes_.clear();
  log_->AddDue(now_ns, online_, last_, &batch);
  if (last_ || (complete && log_->StatsDue(now_ns))) AddStats(&batch);
  builder_->TakeInto({setup_->clock.NowNs(), frontier_ns_, last_}, &batch);
  batch.symbols = builder_->symbols().TakeNew(now_ns, &totals_.warnings);
  if (frontier_ns_ != 0) {
    for (const uint32_t cpu : online_) batch.frontiers.push_back({cpu, frontier_ns_});
  }
  raw_bytes_ = 0;
  TellProbes();
  totals_.events = builder_->events();
  totals_.gaps = builder_->gaps();
  if (auto taken = sink(std::move(batch)); !taken) return taken;
  events_delivered_ = builder_->events();
  return {};
}

void TracefsRecorder::AddOpening(uint64_t now_ns, Batch* batch) {
  batch->session = *std::exchange(opening_, std::nullopt);
  batch->formats = formats_->delta;
  batch->profiles.push_back({now_ns, options_.profile, Enabled(), "start"});
  if (!reader_->raised_priority()) {
    totals_.warnings.push_back("the reading thread could not raise its priority; a busy machine may cost events");
  }
}

void TracefsRecorder::AddStats(Batch* batch) {
  for (const uint32_t cpu : cpus_) {
    const auto stats = access_->ReadStats(cpu);
    if (!stats) {
      if (last_) totals_.warnings.push_back(stats.error().Text() + "; loss on this CPU is known from its pages only");
      continue;
    }
    AccountForLoss(*stats);
    batch->stats.push_back(*stats);
  }
}

void TracefsRecorder::AccountForLoss(const CpuStats& stats) {
  const std::string cpu_name = "CPU " + std::to_string(stats.cpu);
  // The kernel counts these without a mark in any page: writers that found the tail page caught up with them.
  const uint64_t drops = stats.commit_overrun + stats.dropped;
  if (drops > drops_seen_[stats.cpu]) {
    builder_->AddGap(stats.cpu, drops - drops_seen_[stats.cpu], GapCause::kOverrun);
    drops_seen_[stats.cpu] = drops;
  }
  if (!last_) return;
  if (drops > 0) {
    totals_.warnings.push_back(cpu_name + ": the kernel dropped " + std::to_string(drops) +
                               " events without saying where; their gaps stand at the end of the second they fell in");
  }
  const uint64_t lost = stats.overrun + drops + stats.entries;
  kernel_lost_ += lost;
  const auto marked = builder_->marked(stats.cpu);
  if (lost <= marked.lost) return;
  const uint64_t unmarked = lost - marked.lost;
  if (marked.unknown) {
    totals_.warnings.push_back(cpu_name + ": " + std::to_string(unmarked) +
                               " lost events fell into gaps whose pages had no room for a count");
    return;
  }
  builder_->AddGap(stats.cpu, unmarked, stats.entries >= unmarked ? GapCause::kCollector : GapCause::kOverrun);
  totals_.warnings.push_back(cpu_name + ": " + std::to_string(unmarked) +
                             " lost events were not marked in any page; they are a gap at the end");
}

void TracefsRecorder::Settle() {
  if (!builder_) return;
  totals_.events = builder_->events();
  totals_.gaps = builder_->gaps();
  uint64_t marked = 0;
  for (const uint32_t cpu : cpus_) marked += builder_->marked(cpu).lost;
  totals_.lost += std::max(kernel_lost_, marked);
  for (size_t i = 0; i < kAnomalyCount; ++i) {
    const uint64_t count = builder_->anomalies().all()[i];
    if (count == 0) continue;
    totals_.warnings.push_back(std::string(kAnomalyInfo[i].sentence) + ": " + std::to_string(count));
  }
  const auto& failures = builder_->failures();
  totals_.warnings.insert(totals_.warnings.end(), failures.begin(), failures.end());
}

// The profile that is asked for.
Result<EventProfile> CheckOptions(const RecorderOptions& options) {
  if (options.batch_span.count() <= 0 || options.buffer_kb_per_cpu == 0 || options.batch_bytes_max == 0 ||
      options.chunk_events_max == 0) {
    return Fail(ErrorCode::kInvalidArgument, "the batch span, batch, chunk and buffer sizes must be above zero");
  }
  return FindEventProfile(options.profile);
}

}  // namespace

Result<std::unique_ptr<Recorder>> Recorder::Create(const RecorderOptions& options) {
  std::vector<std::string> warnings;
  const auto checked = CheckOptions(options);
  if (!checked) return Fail(checked.error());
  auto tracefs = FindTracefs(options.tracefs, &warnings);
  if (!tracefs) return Fail(tracefs.error());
  auto access = std::make_unique<LocalAccess>(*std::move(tracefs), options.instance_prefix);
  auto recorder = std::make_unique<TracefsRecorder>(options, access.get());
  recorder->Own(std::move(access), std::move(warnings));
  if (auto prepared = recorder->Prepare(*checked); !prepared) return Fail(prepared.error());
  return recorder;
}

Result<std::unique_ptr<Recorder>> Recorder::Create(const RecorderOptions& options, KernelAccess* access) {
  const auto checked = CheckOptions(options);
  if (!checked) return Fail(checked.error());
  auto recorder = std::make_unique<TracefsRecorder>(options, access);
  if (auto prepared = recorder->Prepare(*checked); !prepared) return Fail(prepared.error());
  return recorder;
}

}  // namespace wakewatch
