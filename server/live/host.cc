#include "server/live/host.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "server/live/real_clock.h"
#include "server/live/replay.h"

namespace wakewatch {
namespace {

int64_t SteadyNs(std::chrono::steady_clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

constexpr uint64_t kClockAheadMaxNs = 24ull * 3600 * 1'000'000'000;  // of what is analysed; no delay is longer

std::string RecordingOf(const LiveSession& session) {
  return std::filesystem::path(session.folder()).filename().string();
}

bool SameSession(const SessionInfo& a, const SessionInfo& b) {
  return a.session == b.session && a.boot_id == b.boot_id && a.host == b.host;
}

}  // namespace

Host::Host(std::string name, const HostPlace& place)
    : name_(std::move(name)),
      place_(place),
      queue_(place.events_per_second),
      daily_(place.bytes_per_day_max),
      snapshots_(place.snapshots) {
  state_.name = name_;
  daily_.Resume(place_.catalogue->DayOf(name_), RealNowNs());
}

Result<uint64_t> Host::Connect(const SessionInfo& session, std::shared_ptr<Delivery> delivery) {
  std::shared_ptr<Delivery> replaced;
  uint64_t stream = 0;
  {
    const std::lock_guard lock(queue_mutex_);
    if (closed_) return tl::unexpected<Error>(*closed_);
    if (daily_.bytes_max() != 0 && daily_.Used(RealNowNs()) >= daily_.bytes_max()) {
      ++streams_over_cap_;
      return tl::unexpected<Error>(OverCap());
    }
    if (delivery_ != nullptr && !SameSession(session, streaming_)) {
      return tl::unexpected<Error>(
          Error{.code = ErrorCode::kConflict,
                .cause = "host " + name_ + " is being streamed already, by collector session " + streaming_.session,
                .remedy = "stop the other collector, or give one of the two another --host"});
    }
    // The same collector came back before its old connection was seen to be dead.
    replaced = std::exchange(delivery_, std::move(delivery));
    stream = ++stream_;
    streaming_ = session;
    session_wanted_ = session;
    queue_.Clear();
  }
  if (replaced != nullptr) replaced->End({.code = ErrorCode::kConflict, .cause = "its collector connected again"});
  const std::lock_guard lock(state_mutex_);
  state_.collector = {};
  return stream;
}

bool Host::Offer(uint64_t stream, Batch batch, size_t bytes) {
  std::shared_ptr<Delivery> over;
  {
    const std::lock_guard lock(queue_mutex_);
    if (stream != stream_ || delivery_ == nullptr) return false;
    if (daily_.Take(bytes, RealNowNs())) return queue_.Push(std::move(batch), bytes);
    // So much does not go into this day; the collector keeps it, and what was taken before is stored.
    ++streams_over_cap_;
    NoteAway();
    over = std::exchange(delivery_, nullptr);
  }
  place_.log("host " + name_ + ": " + OverCap().Text(), true);
  over->End(OverCap());
  return false;
}

Error Host::OverCap() const {
  return Error{
      .code = ErrorCode::kTooLarge,
      .cause = "host " + name_ + " has sent what it may in a day, " + std::to_string(daily_.bytes_max() >> 20) + " MiB",
      .remedy =
          "it may go on at 00:00 UTC; record less (--profile, --event-budget), or raise "
          "--host-gib-per-day of the server"};
}

bool Host::OfferUnreadable(uint64_t stream, uint64_t sequence, Error error) {
  const std::lock_guard lock(queue_mutex_);
  if (stream != stream_ || delivery_ == nullptr) return false;
  return queue_.PushUnreadable(sequence, std::move(error));
}

void Host::NoteCollector(uint64_t stream, CollectorHealth report) {
  {
    const std::lock_guard lock(queue_mutex_);
    if (stream != stream_) return;
  }
  const std::lock_guard lock(state_mutex_);
  state_.collector = std::move(report);
}

bool Host::OfferSnapshot(uint64_t stream, uint64_t request_id, ProcSnapshot answer) {
  {
    const std::lock_guard lock(queue_mutex_);
    if (stream != stream_ || delivery_ == nullptr) return false;
  }
  const uint64_t ts_ns = answer.ts_ns;
  if (!snapshots_.Answer(request_id, std::move(answer))) return false;
  // It tells the host's time too: where batches that had to wait are still coming in, nothing else does.
  const std::lock_guard lock(state_mutex_);
  if (ts_ns > state_.watermark_ns && ts_ns - state_.watermark_ns < kClockAheadMaxNs) {
    offset_ns_ = std::min(offset_ns_, SteadyNs(Clock::now()) - static_cast<int64_t>(ts_ns));
  }
  return true;
}

void Host::Disconnect(uint64_t stream) {
  const std::lock_guard lock(queue_mutex_);
  if (stream != stream_) return;
  // First, or a worker sees a collector that is away since the time before.
  NoteAway();
  delivery_.reset();
}

void Host::NoteAway() {
  const std::lock_guard lock(state_mutex_);
  away_since_ = Clock::now();
}

Host::Taken Host::TakeItems() {
  const std::lock_guard lock(queue_mutex_);
  Taken taken;
  taken.delivery = delivery_;
  taken.open = std::exchange(session_wanted_, std::nullopt);
  const auto now = Clock::now();
  taken.items = queue_.Take(now, !closed_ && OthersStream());
  const auto ready_at = queue_.ready_at();
  taken.more = ready_at <= now;
  if (ready_at == Clock::time_point::max() || taken.more || now < say_paced_at_) return taken;
  say_paced_at_ = now + kSayPacedEvery;
  place_.log("host " + name_ + ": it sends more than " + std::to_string(place_.events_per_second) +
                 " events a second, and waits while others stream (--host-events-per-second)",
             true);
  return taken;
}

// Alone it may have all of the server.
bool Host::OthersStream() const {
  return place_.streams == nullptr || place_.streams->load() > (delivery_ != nullptr ? 1 : 0);
}

Host::Clock::time_point Host::ResumesAt() const {
  const std::lock_guard lock(queue_mutex_);
  return queue_.ready_at();
}

bool Host::Work() {
  Taken taken = TakeItems();
  Status status;
  {
    const std::lock_guard lock(session_mutex_);
    if (taken.open) status = OpenSession(*taken.open, taken.delivery.get());
    if (status && session_ != nullptr && !taken.items.empty()) {
      status = StoreItems(std::move(taken.items), taken.delivery.get());
    }
    if (status && session_ != nullptr) AttachSnapshots(false);
    if (status && session_ != nullptr) status = Maintain();
    if (!status) session_.reset();
    NotePosition();
  }
  if (!status) Fail(status.error(), taken.delivery);
  return taken.more;
}

// What is in memory may be ahead of what is stored; it is given up, and read back when the collector comes again.
void Host::Fail(const Error& error, const std::shared_ptr<Delivery>& delivery) {
  place_.log("host " + name_ + ": " + error.Text(), true);
  {
    const std::lock_guard lock(queue_mutex_);
    if (delivery_ == delivery) {
      NoteAway();
      delivery_.reset();
    }
    queue_.Clear();
  }
  if (delivery != nullptr) delivery->End(error);
}

Status Host::OpenSession(const SessionInfo& session, Delivery* delivery) {
  if (session_ != nullptr && !SameSession(session_->session(), session)) {
    // A collector that started again, perhaps after a reboot: what it streamed before is complete.
    if (auto ended = EndSession(); !ended) return ended;
  }
  if (session_ == nullptr) {
    const std::shared_lock files(*place_.files);
    auto opened = OpenStored(session);
    if (!opened) return tl::unexpected<Error>(std::move(opened.error()));
    session_ = std::move(*opened);
    NotePosition();
    place_.log("host " + name_ + ": recording " + RecordingOf(*session_) + " (kernel " + session.kernel + ", " +
                   std::to_string(session.cpus) + " CPUs)",
               false);
    const RecordingRow totals = session_->store().row();
    const Report so_far = session_->Snapshot();
    const std::lock_guard lock(state_mutex_);
    HostState fresh;
    fresh.name = name_;
    fresh.kernel = session.kernel;
    fresh.boot_id = session.boot_id;
    fresh.recording = RecordingOf(*session_);
    fresh.collector_version = session.collector_version;
    fresh.cpus = session.cpus;
    fresh.collector = state_.collector;
    fresh.events = totals.events;
    fresh.lost_events = so_far.lost_events;
    fresh.lost_unknown = so_far.lost_unknown;
    fresh.gaps = totals.gaps;
    fresh.findings = totals.findings;
    fresh.worst = session_->worst();
    state_ = std::move(fresh);
    offset_ns_ = INT64_MAX;
    session_open_ = true;
    findings_made_ = session_->findings_made();
  }
  UpdateCatalogue(true);
  if (delivery != nullptr) delivery->Welcome(session_->committed_sequence());
  return {};
}

Status Host::StoreItems(std::vector<Item> items, Delivery* delivery) {
  std::vector<Batch> batches;
  uint64_t newest = 0;
  std::vector<LiveSession::Refused> refused;
  for (Item& item : items) {
    newest = std::max(newest, item.batch.sequence);
    if (item.unreadable) {
      session_->Skip();
      refused.push_back({item.batch.sequence, item.unreadable->cause, item.unreadable->remedy});
    } else {
      batches.push_back(std::move(item.batch));
    }
  }
  std::vector<Frontier> frontiers;
  for (const Batch& batch : batches) {
    if (!batch.frontiers.empty()) frontiers = batch.frontiers;
  }
  const bool had_ended = session_->ended();
  auto stored = session_->Store(std::move(batches));
  if (!stored) return tl::unexpected<Error>(std::move(stored.error()));
  refused.insert(refused.end(), stored->refused.begin(), stored->refused.end());
  NoteStored(*stored, frontiers);
  for (const auto& batch : refused) {
    place_.log("host " + name_ + ": batch " + std::to_string(batch.sequence) + " refused: " + batch.cause, true);
  }
  if (!refused.empty()) {
    const std::lock_guard lock(state_mutex_);
    state_.refused_batches += refused.size();
    state_.last_refusal = refused.back().cause;
  }
  if (delivery != nullptr) {
    for (const auto& batch : refused) delivery->Refuse(batch.sequence, batch.cause, batch.remedy);
    delivery->Ack(newest);
  }
  if (auto status = Analyse(); !status) return status;
  // A collector that started again may repeat all of a session that is complete, and hears of each batch that it is
  // here.
  return session_->ended() && !had_ended ? EndSession() : Status();
}

void Host::NoteStored(const LiveSession::Stored& stored, const std::vector<Frontier>& frontiers) {
  const auto now = Clock::now();
  const uint64_t real_ns = RealNowNs();
  const std::lock_guard lock(state_mutex_);
  events_rate_.Add(now, stored.events);
  bytes_rate_.Add(now, stored.bytes);
  state_.events += stored.events;
  state_.lost_events += stored.lost;
  state_.lost_unknown = state_.lost_unknown || stored.lost_unknown;
  state_.gaps += stored.gaps;
  state_.late_events += stored.late;
  state_.last_batch_real_ns = real_ns;
  for (const Frontier& frontier : frontiers) {
    offset_ns_ = std::min(offset_ns_, SteadyNs(now) - static_cast<int64_t>(frontier.ts_ns));
  }
}

Status Host::Analyse() {
  auto found = session_->Analyse();
  if (!found) return tl::unexpected<Error>(std::move(found.error()));
  Publish(*found);
  return {};
}

FoundFinding Host::Found(const Finding& finding, bool update) const {
  return {finding, name_, RecordingOf(*session_), session_->input().RealTime(finding.start_ns), RealNowNs(), update};
}

void Host::Publish(const std::vector<Finding>& found) {
  if (found.empty()) return;
  std::vector<FoundFinding> told;
  told.reserve(found.size());
  for (const Finding& finding : found) told.push_back(Found(finding, session_->Replaced(finding.id)));
  place_.feed->Publish(told);
  AskSnapshots(found);
  const uint64_t made = session_->findings_made();
  const std::lock_guard lock(state_mutex_);
  state_.findings += made - std::exchange(findings_made_, made);
  state_.worst = session_->worst();
}

// Nothing is asked where the answer would be of another time: of what is replayed, and while the analysis is behind.
void Host::AskSnapshots(const std::vector<Finding>& found) {
  if (session_->session().collector_version == kReplayVersion) return;
  const auto now = Clock::now();
  int64_t host_ns = 0;
  {
    const std::lock_guard lock(state_mutex_);
    if (offset_ns_ == INT64_MAX) return;
    host_ns = SteadyNs(now) - offset_ns_;
  }
  const std::chrono::nanoseconds lag_max = place_.snapshots.lag_max;
  for (const Finding& finding : found) {
    if (!SnapshotRequests::Wants(finding) || host_ns - static_cast<int64_t>(finding.end_ns) > lag_max.count()) continue;
    snapshots_.Ask(finding, now, [this](uint64_t request_id, int32_t pid) {
      std::shared_ptr<Delivery> delivery;
      {
        const std::lock_guard lock(queue_mutex_);
        delivery = delivery_;
      }
      if (delivery != nullptr) delivery->RequestSnapshot(request_id, pid);
      return delivery != nullptr;
    });
  }
}

void Host::AttachSnapshots(bool last) {
  std::vector<FoundFinding> told;
  for (const FindingSnapshot& snapshot : snapshots_.Take(Clock::now(), last)) {
    if (const auto finding = session_->AddSnapshot(snapshot)) told.push_back(Found(*finding, true));
  }
  place_.feed->Publish(told);
}

// What is due now and then: what the analysis made is stored, files that are complete are sealed, and a session whose
// collector stays away ends.
Status Host::Maintain() {
  const auto now = Clock::now();
  bool idle = false;
  {
    const std::lock_guard queue_lock(queue_mutex_);
    const std::lock_guard lock(state_mutex_);
    idle = delivery_ == nullptr && (session_->ended() || now - away_since_ >= kIdleEnd);
    if (now < flush_at_ && !idle) return {};
    flush_at_ = now + kFlushEvery;
  }
  if (idle) {
    if (session_->ended()) return EndSession();
    place_.log("host " + name_ + ": its collector stayed away; the recording ends", false);
    return EndSession();
  }
  if (auto status = session_->Flush(false); !status) return status;
  bool catalogue_due = false;
  {
    const std::lock_guard lock(state_mutex_);
    catalogue_due = now >= catalogue_at_;
  }
  if (catalogue_due) UpdateCatalogue(true);
  return {};
}

Status Host::EndSession() {
  AttachSnapshots(true);
  auto found = session_->End();
  if (!found) return tl::unexpected<Error>(std::move(found.error()));
  Publish(*found);
  UpdateCatalogue(false);
  const RecordingRow row = place_.catalogue->Find(name_, RecordingOf(*session_)).value_or(RecordingRow());
  NotePosition();
  session_.reset();
  NotePosition();
  // Last: who takes it asks whether its folder is in use.
  if (!row.id.empty()) place_.complete(row);
  place_.log("host " + name_ + ": the recording is complete", false);
  return {};
}

void Host::Close(const Error& error) {
  std::shared_ptr<Delivery> delivery;
  {
    const std::lock_guard lock(queue_mutex_);
    if (delivery_ != nullptr) NoteAway();
    delivery = std::exchange(delivery_, nullptr);
    ++stream_;
    closed_ = error;
  }
  while (Work()) {
  }
  {
    const std::lock_guard lock(session_mutex_);
    if (session_ != nullptr) {
      auto status = session_->Flush(true);
      if (!status) place_.log("host " + name_ + ": " + status.error().Text(), true);
      UpdateCatalogue(true);
      session_.reset();
      NotePosition();
    }
  }
  if (delivery != nullptr) delivery->End(error);
}

void Host::UpdateCatalogue(bool live) {
  RecordingRow row = session_->store().row();
  row.live = live;
  {
    const std::lock_guard lock(state_mutex_);
    row.findings = state_.findings;
    state_.gaps = row.gaps;  // one that is told again when it closes counts once
    catalogue_at_ = Clock::now() + std::chrono::seconds(15);
  }
  auto status = place_.catalogue->Update(row);
  if (status) status = place_.catalogue->KeepDay(name_, SentLast());
  if (!status) place_.log(status.error().Text(), true);
}

void Host::NotePosition() {
  const std::lock_guard lock(state_mutex_);
  session_open_ = session_ != nullptr;
  folder_ = session_ == nullptr ? "" : session_->folder();
  if (session_ == nullptr) return;
  state_.watermark_ns = session_->watermark_ns();
  state_.worst = session_->worst();
  state_.watermark_real_ns = state_.watermark_ns == 0 ? 0 : session_->input().RealTime(state_.watermark_ns);
  flush_pending_ = session_->pending() || session_->ended();  // which ends when its collector has gone
}

bool Host::HasWork(Clock::time_point now) const {
  const std::lock_guard queue_lock(queue_mutex_);
  if (queue_.ready_at() <= now || session_wanted_) return true;
  const std::lock_guard lock(state_mutex_);
  if (!session_open_) return false;
  if (snapshots_.Due(now)) return true;
  const bool idle = delivery_ == nullptr && now - away_since_ >= kIdleEnd;
  return now >= flush_at_ && (flush_pending_ || now >= catalogue_at_ || idle);
}

HostState Host::State() const {
  const auto now = Clock::now();
  const std::lock_guard queue_lock(queue_mutex_);
  const std::lock_guard lock(state_mutex_);
  HostState state = state_;
  state.bytes_today = daily_.Used(RealNowNs());
  state.streams_over_cap = streams_over_cap_;
  state.paced_ns = static_cast<uint64_t>(queue_.paced().count());
  state.snapshots = snapshots_.counts();
  state.status = delivery_ != nullptr ? HostStatus::kStreaming
                 : session_open_      ? HostStatus::kDisconnected
                                      : HostStatus::kEnded;
  state.events_per_s = events_rate_.PerSecond(now);
  state.bytes_per_s = bytes_rate_.PerSecond(now);
  if (session_open_ && state.watermark_ns != 0 && offset_ns_ != INT64_MAX) {
    const int64_t seen = SteadyNs(now) - offset_ns_;
    state.lag_ns = static_cast<uint64_t>(std::max<int64_t>(0, seen - static_cast<int64_t>(state.watermark_ns)));
  }
  return state;
}

std::string Host::Folder() const {
  const std::lock_guard lock(state_mutex_);
  return folder_;
}

void Host::Read(const std::function<void(const LiveSession*)>& read) const {
  const std::lock_guard lock(session_mutex_);
  read(session_.get());
}

}  // namespace wakewatch
