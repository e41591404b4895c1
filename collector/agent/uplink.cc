#include "collector/agent/uplink.h"

#include <pthread.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <utility>

#include <wakewatch/v1/ingest.pb.h>

#include "analysis/chunk/chunk.h"
#include "collector/agent/ingest_stream.h"
#include "collector/agent/spool_keeper.h"
#include "collector/agent/stream_problems.h"
#include "collector/task_snapshot.h"
#include "collector/trace_clock.h"
#include "proto/wire/batch_codec.h"

namespace wakewatch {
namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr uint32_t kWindowMax = 1024;
constexpr size_t kSnapshotsMax = 64;            // answers that wait to be sent
constexpr milliseconds kClosePatience{1'000};   // for the server to end a stream that is over
constexpr milliseconds kSayAgainEvery{60'000};  // the same problem

}  // namespace

class Uplink::Impl {
 public:
  Impl(const UplinkOptions& options, UplinkHooks hooks)
      : options_(options),
        hooks_(std::move(hooks)),
        queue_(options.queue),
        back_off_(options.back_off, std::random_device()()) {
    if (!options.spool.empty()) {
      SpoolKeeperOptions keeper;
      keeper.spool.folder = options.spool;
      keeper.spool.bytes_max = options.spool_bytes_max;
      keeper.pending = options.queue;
      keeper.window_bytes = std::min(keeper.window_bytes, options.queue.bytes_max / 4);
      keeper_ = std::make_unique<SpoolKeeper>(
          std::make_unique<RealFiles>(), keeper,
          SpoolKeeper::Outbox{
              &mutex_, &changed_, &queue_,
              [this](const SessionInfo& session, const FormatsDelta& formats) { OpenSession(session, formats); }});
    }
    thread_ = std::thread([this] { Loop(); });
  }

  ~Impl() {
    Stop();
    thread_.join();
  }

  void Offer(Batch&& batch);
  void SetReport(CollectorReport report) {
    const std::lock_guard lock(mutex_);
    report_ = std::move(report);
  }
  UplinkStats stats() const;
  bool AwaitDelivery(milliseconds timeout) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, timeout, [this] { return over_ || Empty(); });
    return Empty();
  }
  Outcome Finish(milliseconds timeout);

 private:
  void Stop();
  // The thread: one stream after another.
  void Loop();
  void LoopUntilDone();
  StreamEnding Attempt(milliseconds* lasted);
  void Serve(IngestStream* stream, SteadyClock::time_point welcome_by);
  void SayProblem(const StreamEnding& ending, bool tries_again);
  // Fills *request with what is to be said next; false when there is nothing now. All with the lock held.
  bool TakeNext(v1::IngestRequest* request, SteadyClock::time_point* next_state);
  bool TakeBatch(v1::IngestRequest* request);
  void FillState(v1::CollectorState* state) const;
  bool Empty() const { return queue_.empty() && (keeper_ == nullptr || keeper_->empty()); }
  bool Done() const { return stopping_ || (finishing_ && Empty()); }
  // The queue holds another session from here on: it has a stream of its own.
  void OpenSession(const SessionInfo& session, const FormatsDelta& formats);

  // On the stream's reading thread.
  void Received(v1::IngestResponse& response);
  void Welcomed(const v1::Welcome& welcome);
  void Count(const std::vector<BatchQueue::Delivered>& delivered);  // with the lock held, as the queue changes
  void Acknowledged(const std::vector<BatchQueue::Delivered>& delivered);
  void Refused(const v1::Refusal& refusal);
  void Snapshot(const v1::TaskSnapshotRequest& request);

  const UplinkOptions options_;
  const UplinkHooks hooks_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  BatchQueue queue_;
  UplinkStats stats_;
  CollectorReport report_;
  std::optional<SessionInfo> session_;
  FormatsDelta formats_;
  uint64_t acked_sequence_ = 0;
  uint64_t sessions_ = 0;        // so many were opened
  bool repeat_opening_ = false;  // the server has lost what it had of this session
  std::deque<TaskSnapshot> snapshots_;
  bool finishing_ = false, stopping_ = false, over_ = false;
  // Of the stream that is open.
  IngestStream* stream_ = nullptr;
  bool ended_ = false;
  uint64_t session_serves_ = 0;             // number of its session
  std::optional<StreamEnding> our_reason_;  // why we end it
  std::optional<SteadyClock::time_point> welcomed_at_;
  uint32_t window_ = 1;
  size_t message_bytes_max_ = kMessageBytesMax;

  // Of the thread.
  BackOff back_off_;
  bool session_just_opened_ = false;
  std::string problem_said_;
  SteadyClock::time_point problem_said_at_{};
  std::unique_ptr<SpoolKeeper> keeper_;  // null: no spool
  std::thread thread_;                   // last: it uses all of the above
};

void Uplink::Impl::Offer(Batch&& batch) {
  {
    const std::lock_guard lock(mutex_);
    stats_.events_offered += EventsOf(batch);
    if (keeper_ != nullptr) {
      stats_.events_dropped += keeper_->Offer(std::move(batch));
    } else {
      if (batch.session) session_ = batch.session;
      if (batch.formats) formats_ = *batch.formats;
      stats_.events_dropped += queue_.Push(std::move(batch));
    }
  }
  changed_.notify_all();
}

void Uplink::Impl::OpenSession(const SessionInfo& session, const FormatsDelta& formats) {
  if (session_) spdlog::info("the next session is {} of boot {}", session.session, session.boot_id);
  session_ = session;
  formats_ = formats;
  acked_sequence_ = 0;
  repeat_opening_ = false;
  ++sessions_;
}

UplinkStats Uplink::Impl::stats() const {
  const std::lock_guard lock(mutex_);
  UplinkStats stats = stats_;
  stats.queue_bytes = queue_.bytes();
  stats.queue_batches = queue_.batches();
  if (keeper_ == nullptr) return stats;
  stats.queue_bytes += keeper_->pending_bytes();
  stats.queue_batches += keeper_->pending_batches();
  stats.spool = keeper_->figures();
  stats.events_dropped += stats.spool.events_dropped + stats.spool.events_missing;
  return stats;
}

Uplink::Outcome Uplink::Impl::Finish(milliseconds timeout) {
  std::unique_lock lock(mutex_);
  finishing_ = true;
  changed_.notify_all();
  changed_.wait_for(lock, timeout, [this] { return over_ || Empty(); });
  Outcome outcome;
  outcome.delivered = Empty();
  lock.unlock();
  if (!outcome.delivered) Stop();
  if (keeper_ != nullptr) keeper_->Close();
  lock.lock();
  if (!outcome.delivered) {
    outcome.problem = stats_.problem.empty() ? "the server did not acknowledge it in time" : stats_.problem;
    outcome.batches_left = queue_.batches();
    outcome.events_left = queue_.events();
  }
  if (keeper_ != nullptr) {
    outcome.kept = keeper_->pending_batches() == 0;
    outcome.batches_left += keeper_->pending_batches() + keeper_->figures().unread;
  }
  changed_.wait_for(lock, 2 * kClosePatience, [this] { return over_; });
  return outcome;
}

void Uplink::Impl::Stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  if (stream_ != nullptr) stream_->Cancel();
  changed_.notify_all();
}

void Uplink::Impl::Loop() {
  pthread_setname_np(pthread_self(), "wakewatch-send");
  try {
    LoopUntilDone();
  } catch (const std::exception& exception) {
    spdlog::error("the uplink ends: {}", exception.what());
  }
  const std::lock_guard lock(mutex_);
  over_ = true;
  changed_.notify_all();
}

void Uplink::Impl::LoopUntilDone() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return session_.has_value() || Done(); });
  while (!Done()) {
    lock.unlock();
    milliseconds lasted{0};
    const StreamEnding ending = Attempt(&lasted);
    lock.lock();
    if (Done()) break;
    if (session_serves_ != sessions_) {
      session_just_opened_ = true;
      continue;
    }
    // The server may not have seen yet that the stream of the session before is over.
    const bool people = TakesPeople(ending.end) && !(session_just_opened_ && ending.end == StreamEnd::kHostClaimed);
    session_just_opened_ = false;
    const bool gives_up = options_.gives_up_when_refused && IsRefusal(ending.end);
    SayProblem(ending, !gives_up);
    if (gives_up) {
      stats_.gave_up = true;
      return;
    }
    const milliseconds wait = back_off_.Failed(lasted, people ? options_.slow_retry : milliseconds(0));
    changed_.wait_for(lock, wait, [this] { return Done(); });
  }
}

void Uplink::Impl::SayProblem(const StreamEnding& ending, bool tries_again) {
  const std::string text = options_.server + ": " + TextOf(ending);
  stats_.problem = text;
  const auto now = SteadyClock::now();
  if (text == problem_said_ && now - problem_said_at_ < kSayAgainEvery) return;
  problem_said_ = text;
  problem_said_at_ = now;
  if (tries_again) spdlog::warn("{}; it is tried again", text);
}

StreamEnding Uplink::Impl::Attempt(milliseconds* lasted) {
  v1::IngestRequest hello;
  {
    const std::lock_guard lock(mutex_);
    ended_ = false;
    our_reason_.reset();
    welcomed_at_.reset();
    session_serves_ = sessions_;
    v1::Hello& message = *hello.mutable_hello();
    message.mutable_wire()->set_oldest(kWireVersionOldest);
    message.mutable_wire()->set_newest(kWireVersionNewest);
    message.mutable_chunk()->set_oldest(kChunkVersion);
    message.mutable_chunk()->set_newest(kChunkVersion);
    SessionToMessage(*session_, message.mutable_session());
  }
  const auto opened = IngestStream::Open(options_.server, options_.access,
                                         {[this](v1::IngestResponse& r) { Received(r); },
                                          [this] {
                                            const std::lock_guard lock(mutex_);
                                            ended_ = true;
                                            changed_.notify_all();
                                          }});
  if (!opened) return {StreamEnd::kNotAllowed, Printable(opened.error().Text())};
  const std::unique_ptr<IngestStream>& stream = *opened;
  {
    const std::lock_guard lock(mutex_);
    stream_ = stream.get();
  }
  // Both waits together.
  const auto welcome_by = SteadyClock::now() + options_.welcome_timeout;
  const bool connected = stream->Connect(options_.welcome_timeout);
  if (connected && stream->Write(hello)) Serve(stream.get(), welcome_by);
  std::optional<StreamEnding> our_reason;
  {
    std::unique_lock lock(mutex_);
    // Cancelling a stream that the other side is about to end would hide why it does.
    const bool ends = connected && !our_reason_ && !stopping_;
    if (ends) changed_.wait_for(lock, kClosePatience, [this] { return ended_ || stopping_; });
    stream_ = nullptr;
    if (!ended_) stream->Cancel();
  }
  StreamEnding ending = stream->Close();
  ending.text = Printable(ending.text);
  const std::lock_guard lock(mutex_);
  stats_.connected = false;
  snapshots_.clear();
  if (welcomed_at_) *lasted = std::chrono::duration_cast<milliseconds>(SteadyClock::now() - *welcomed_at_);
  return our_reason_ ? *our_reason_ : ending;
}

void Uplink::Impl::Serve(IngestStream* stream, SteadyClock::time_point welcome_by) {
  std::unique_lock lock(mutex_);
  const auto over = [this] { return ended_ || stopping_ || our_reason_.has_value(); };
  changed_.wait_until(lock, welcome_by, [&] { return welcomed_at_ || over(); });
  if (!welcomed_at_ && !over()) our_reason_ = {StreamEnd::kUnreachable, "the server does not answer"};
  auto next_state = SteadyClock::now();
  while (!over()) {
    if ((finishing_ && Empty()) || session_serves_ != sessions_) {
      lock.unlock();
      stream->WritesDone();
      return;
    }
    v1::IngestRequest request;
    if (!TakeNext(&request, &next_state)) {
      changed_.wait_until(lock, next_state);
      continue;
    }
    lock.unlock();
    if (!stream->Write(request)) return;
    lock.lock();
  }
}

bool Uplink::Impl::TakeNext(v1::IngestRequest* request, SteadyClock::time_point* next_state) {
  if (!snapshots_.empty()) {
    TaskSnapshot& snapshot = snapshots_.front();
    v1::TaskSnapshot& message = *request->mutable_snapshot();
    message.set_request_id(snapshot.request_id);
    message.set_pid(snapshot.pid);
    message.set_ts_ns(snapshot.ts_ns);
    message.set_stack(std::move(snapshot.stack));
    message.set_wchan(std::move(snapshot.wchan));
    message.set_status(std::move(snapshot.status));
    message.set_error(std::move(snapshot.error));
    snapshots_.pop_front();
    return true;
  }
  const auto now = SteadyClock::now();
  if (now >= *next_state) {
    *next_state = now + options_.state_every;
    FillState(request->mutable_state());
    return true;
  }
  return TakeBatch(request);
}

bool Uplink::Impl::TakeBatch(v1::IngestRequest* request) {
  while (queue_.Next() != nullptr && queue_.in_flight() < window_) {
    if (std::exchange(repeat_opening_, false)) queue_.RepeatOpening(*session_, formats_);
    const Batch& next = *queue_.Next();
    BatchToMessage(next, request->mutable_batch());
    const size_t bytes = request->ByteSizeLong();
    if (bytes <= message_bytes_max_) {
      queue_.MarkSent(SteadyClock::now());
      ++stats_.batches_sent;
      return true;
    }
    request->Clear();
    spdlog::error("batch {} has {} bytes and the server takes {}: its events are dropped", next.sequence, bytes,
                  message_bytes_max_);
    const uint64_t dropped = queue_.DropEventsOfNext();
    stats_.events_dropped += dropped == 0 ? queue_.ForgetNext() : dropped;
  }
  return false;
}

void Uplink::Impl::FillState(v1::CollectorState* state) const {
  state->set_profile(report_.profile);
  state->set_profile_wanted(report_.profile_wanted);
  state->set_events_read(report_.events_read);
  state->set_events_lost(report_.events_lost);
  state->set_events_dropped(stats_.events_dropped);
  const bool behind = keeper_ != nullptr && !keeper_->empty();
  state->set_queue_bytes(queue_.bytes() + (behind ? keeper_->figures().bytes : 0));
  state->set_queue_batches(queue_.batches());
  for (const std::string& warning : report_.warnings) state->add_warnings(warning);
}

void Uplink::Impl::Received(v1::IngestResponse& response) {
  switch (response.message_case()) {
    case v1::IngestResponse::kWelcome: return Welcomed(response.welcome());
    case v1::IngestResponse::kAck: {
      std::unique_lock lock(mutex_);
      if (!welcomed_at_) return;
      const auto delivered = queue_.Acknowledge(response.ack().sequence());
      Count(delivered);
      lock.unlock();
      return Acknowledged(delivered);
    }
    case v1::IngestResponse::kRefusal: return Refused(response.refusal());
    case v1::IngestResponse::kProfile:
      if (hooks_.profile_asked) {
        hooks_.profile_asked(Printable(response.profile().profile()), Printable(response.profile().reason()));
      }
      return;
    case v1::IngestResponse::kSnapshot: return Snapshot(response.snapshot());
    case v1::IngestResponse::MESSAGE_NOT_SET: return;  // something newer than this build
  }
}

void Uplink::Impl::Welcomed(const v1::Welcome& welcome) {
  std::unique_lock lock(mutex_);
  if (welcomed_at_ || our_reason_) return;
  if (std::string trouble = VersionTrouble(welcome); !trouble.empty()) {
    our_reason_ = {StreamEnd::kVersions, std::move(trouble)};
    changed_.notify_all();
    return;
  }
  window_ = std::clamp(welcome.window_batches(), 1u, kWindowMax);
  message_bytes_max_ = kMessageBytesMax;
  if (welcome.message_bytes_max() != 0) {
    message_bytes_max_ = static_cast<size_t>(std::min<uint64_t>(welcome.message_bytes_max(), kMessageBytesMax));
  }
  if (welcome.committed_sequence() < acked_sequence_) {
    spdlog::warn("{}: the server has lost what it had acknowledged of this session, up to batch {}", options_.server,
                 acked_sequence_);
    repeat_opening_ = true;
    acked_sequence_ = welcome.committed_sequence();
  }
  // Of a session that an earlier start left, what it began with may be gone from here.
  repeat_opening_ |= welcome.committed_sequence() == 0 && !queue_.empty() && queue_.first_sequence() > 1;
  welcomed_at_ = SteadyClock::now();
  stats_.connected = true;
  stats_.problem.clear();
  ++stats_.streams;
  spdlog::info("{}: connected, {} batches wait", options_.server, queue_.batches());
  const auto delivered = queue_.Resume(welcome.committed_sequence());
  Count(delivered);
  lock.unlock();
  Acknowledged(delivered);
}

void Uplink::Impl::Count(const std::vector<BatchQueue::Delivered>& delivered) {
  for (const auto& batch : delivered) {
    acked_sequence_ = std::max(acked_sequence_, batch.sequence);
    ++stats_.batches_acked;
    stats_.events_acked += batch.events;
  }
}

void Uplink::Impl::Acknowledged(const std::vector<BatchQueue::Delivered>& delivered) {
  const auto now = SteadyClock::now();
  changed_.notify_all();
  if (!hooks_.acknowledged) return;
  for (const auto& batch : delivered) hooks_.acknowledged(now - batch.sent_at);
}

void Uplink::Impl::Refused(const v1::Refusal& refusal) {
  const std::lock_guard lock(mutex_);
  const auto refused = queue_.Refuse(refusal.sequence());
  if (!refused) return;
  ++stats_.batches_refused;
  stats_.events_refused += refused->events;
  spdlog::error("{}: the server refused batch {} with {} events: {}{}", options_.server, refused->sequence,
                refused->events, Printable(refusal.cause()),
                refusal.remedy().empty() ? "" : " (" + Printable(refusal.remedy()) + ")");
  changed_.notify_all();
}

void Uplink::Impl::Snapshot(const v1::TaskSnapshotRequest& request) {
  uint64_t trace_now_ns = 0;
  {
    const std::lock_guard lock(mutex_);
    if (!welcomed_at_) return;
    if (const auto clock = TraceClock::Named(session_->clock)) trace_now_ns = clock->NowNs();
  }
  TaskSnapshot snapshot;
  if (options_.snapshot) {
    snapshot = options_.snapshot(request.request_id(), request.pid(), trace_now_ns);
  } else {
    snapshot.request_id = request.request_id();
    snapshot.pid = request.pid();
    snapshot.ts_ns = trace_now_ns;
    snapshot.error = "this collector takes no snapshots of tasks";
  }
  const std::lock_guard lock(mutex_);
  if (snapshots_.size() == kSnapshotsMax) snapshots_.pop_front();
  snapshots_.push_back(std::move(snapshot));
  changed_.notify_all();
}

Uplink::Uplink(const UplinkOptions& options, UplinkHooks hooks)
    : impl_(std::make_unique<Impl>(options, std::move(hooks))) {}
Uplink::~Uplink() = default;
void Uplink::Offer(Batch&& batch) { impl_->Offer(std::move(batch)); }
void Uplink::SetReport(CollectorReport report) { impl_->SetReport(std::move(report)); }
UplinkStats Uplink::stats() const { return impl_->stats(); }
bool Uplink::AwaitDelivery(milliseconds timeout) { return impl_->AwaitDelivery(timeout); }
Uplink::Outcome Uplink::Finish(milliseconds timeout) { return impl_->Finish(timeout); }

}  // namespace wakewatch
