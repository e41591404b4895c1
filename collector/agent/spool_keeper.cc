#include "collector/agent/spool_keeper.h"

#include <pthread.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <exception>
#include <utility>

namespace wakewatch {
namespace {

using std::chrono::milliseconds;

constexpr size_t kWindowBatches = 1024;
constexpr milliseconds kTryAgain{1'000};  // a disk that took nothing

uint64_t RealNs() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

SpoolOptions WithLog(SpoolOptions options) {
  options.log = [](const std::string& text) { spdlog::warn("spool: {}", text); };
  return options;
}

}  // namespace

SpoolKeeper::SpoolKeeper(std::unique_ptr<Files> files, SpoolKeeperOptions options, Outbox outbox)
    : options_(std::move(options)),
      outbox_(std::move(outbox)),
      files_(std::move(files)),
      spool_(files_.get(), WithLog(options_.spool)),
      pending_(options_.pending),
      all_taken_(spool_.caught_up()) {
  figures_.used = true;
  NoteFigures();
  if (!all_taken_) spdlog::info("spool: {} batches of earlier sessions wait in it", figures_.unread);
  thread_ = std::thread([this] { Loop(); });
}

SpoolKeeper::~SpoolKeeper() { Close(); }

void SpoolKeeper::Close() {
  {
    const std::lock_guard lock(*outbox_.mutex);
    closing_ = true;
    outbox_.changed->notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

uint64_t SpoolKeeper::Offer(Batch batch) { return pending_.Push(std::move(batch)); }

void SpoolKeeper::Loop() {
  pthread_setname_np(pthread_self(), "wakewatch-spool");
  Lock lock(*outbox_.mutex);
  try {
    while (true) {
      NoteDelivered();
      bool worked = AppendNext(&lock);
      worked |= !closing_ && Refill(&lock);
      MakeDurable(&lock, closing_ && !worked);
      NoteFigures();
      if (worked) continue;
      if (closing_) break;
      outbox_.changed->wait_for(lock, std::min(options_.sync_every, milliseconds(50)));
    }
  } catch (const std::exception& exception) {
    spdlog::error("the spool ends: {}", exception.what());
  }
}

bool SpoolKeeper::Room() const {
  return outbox_.queue->bytes() < options_.window_bytes && outbox_.queue->batches() < kWindowBatches;
}

bool SpoolKeeper::AppendNext(Lock* lock) {
  const Batch* const next = pending_.Next();
  if (next == nullptr) return false;
  const auto now = Clock::now();
  if (failing_ && !closing_ && now - failed_at_ < kTryAgain && !(all_taken_ && Room())) return false;
  const uint64_t sequence = next->sequence;
  const bool last = next->last;
  const auto encoded = spool_.Encode(*next, RealNs());
  pending_.MarkSent(now);
  // It is not read back from the disk where it can be sent at once.
  const bool caught_up = spool_.caught_up() && !held_;
  const bool take = caught_up && Room() && (open_key_ == spool_.key() || outbox_.queue->empty());
  lock->unlock();
  const auto number = spool_.Append(encoded, sequence, last, take);
  lock->lock();
  if (!number) {
    ++figures_.append_failures;
    if (!std::exchange(failing_, true)) {
      spdlog::warn("spool: {}; what is recorded waits in memory meanwhile", number.error().Text());
    }
    failed_at_ = now;
    if (!take) {
      (void)pending_.Resume(0);
      return false;
    }
    spool_.Bypass(encoded, sequence, last);
  } else if (std::exchange(failing_, false)) {
    spdlog::info("spool: the disk takes batches again");
  }
  if (!take) all_taken_ = false;
  SpooledBatch batch;
  batch.batch = pending_.TakeSent();
  if (!take) return true;
  batch.number = number.value_or(0);
  batch.key = spool_.key();
  batch.real_ns = encoded.real_ns;
  batch.before = encoded.before;
  batch.opening = spool_.opening();
  Push(&batch);
  outbox_.changed->notify_all();
  return true;
}

bool SpoolKeeper::Refill(Lock* lock) {
  if (!held_) {
    if (spool_.caught_up() || !Room()) {
      all_taken_ = spool_.caught_up();
      return false;
    }
    lock->unlock();
    auto next = spool_.Next();
    lock->lock();
    if (!next) {
      spdlog::warn("spool: {}", next.error().Text());
      return false;
    }
    if (!*next) {
      all_taken_ = true;
      outbox_.changed->notify_all();
      return false;
    }
    held_ = std::move(**next);
  }
  if (!Push(&*held_)) return false;
  held_.reset();
  all_taken_ = spool_.caught_up();
  outbox_.changed->notify_all();
  return true;
}

// False: the queue still holds another session.
bool SpoolKeeper::Push(SpooledBatch* batch) {
  if (batch->key != open_key_ && batch->opening != nullptr) {
    if (!outbox_.queue->empty()) return false;
    outbox_.queue->Begin(LastEventsOf(batch->before));
    outbox_.open(*batch->opening->session, batch->opening->formats.value_or(FormatsDelta()));
    open_key_ = batch->key;
  }
  taken_.push_back({batch->batch.sequence, batch->number, batch->real_ns});
  queue_dropped_ += outbox_.queue->Push(std::move(batch->batch));
  return true;
}

// The queue lets go of what the server has, refuses or cannot take.
void SpoolKeeper::NoteDelivered() {
  while (!taken_.empty() && (outbox_.queue->empty() || taken_.front().sequence < outbox_.queue->first_sequence())) {
    delivered_ = std::max(delivered_, taken_.front().number);
    taken_.pop_front();
  }
  spool_.Acknowledge(delivered_);
}

void SpoolKeeper::MakeDurable(Lock* lock, bool all) {
  const auto now = Clock::now();
  Spool& spool = spool_.spool();
  const uint64_t unsynced = spool.unsynced_bytes();
  const bool sync = unsynced > 0 && (all || now - synced_at_ >= options_.sync_every || unsynced >= options_.sync_bytes);
  const bool trim = all || now - trimmed_at_ >= options_.trim_every;
  if (!sync && !trim) return;
  lock->unlock();
  if (sync) {
    synced_at_ = now;
    if (auto synced = spool.Sync(); !synced) spdlog::warn("spool: {}", synced.error().Text());
  }
  if (trim) {
    trimmed_at_ = now;
    auto trimmed = spool.SavePointer();
    if (trimmed) trimmed = spool.Trim();
    if (!trimmed) spdlog::warn("spool: {}", trimmed.error().Text());
  }
  lock->lock();
}

void SpoolKeeper::NoteFigures() {
  const SpoolStats stats = spool_.spool().stats();
  figures_.bytes = stats.bytes;
  figures_.unread = stats.unread + (held_ ? 1 : 0);
  figures_.events_dropped = spool_.events_cut() + queue_dropped_;
  figures_.events_missing = spool_.events_missing();
  figures_.sync_failures = stats.sync_failures;
  figures_.quarantined = stats.quarantined;
  figures_.oldest_real_ns = !taken_.empty() ? taken_.front().real_ns : held_ ? held_->real_ns : 0;
}

}  // namespace wakewatch
