#include "server/live/store_queue.h"

#include <exception>
#include <utility>

namespace wakewatch {
namespace {

size_t BytesOf(const Batch& batch) {
  size_t bytes = 0;
  for (const Chunk& chunk : batch.chunks) bytes += chunk.bytes.size();
  return bytes;
}

}  // namespace

StoreQueue::StoreQueue(RecordingWriter& writer, size_t bytes_max)
    : writer_(writer), bytes_max_(bytes_max), thread_([this] { Loop(); }) {}

StoreQueue::~StoreQueue() { (void)Close(); }

Status StoreQueue::Push(Batch&& batch) {
  const size_t bytes = BytesOf(batch);
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return error_ || waiting_.empty() || waiting_bytes_ + bytes <= bytes_max_; });
  if (error_) return Fail(*error_);
  waiting_.push_back(std::move(batch));
  waiting_bytes_ += bytes;
  changed_.notify_all();
  return {};
}

Status StoreQueue::Close() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  return error_ ? Status(Fail(*error_)) : Status();
}

void StoreQueue::Loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return closing_ || !waiting_.empty(); });
    if (waiting_.empty() || error_) return;
    const Batch batch = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    Status stored;
    try {
      stored = writer_.Append(batch);
    } catch (const std::exception& problem) {
      stored = Fail(ErrorCode::kInternal, std::string("cannot store a batch: ") + problem.what());
    }
    lock.lock();
    waiting_bytes_ -= BytesOf(batch);
    if (!stored) error_ = stored.error();
    changed_.notify_all();
    if (error_) return;
  }
}

}  // namespace wakewatch
