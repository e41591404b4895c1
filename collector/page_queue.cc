#include "collector/page_queue.h"

#include <utility>

namespace wakewatch {

std::unique_ptr<uint8_t[]> PageQueue::TakeBuffer() {
  std::unique_lock lock(mutex_);
  if (!closed_ && free_.empty() && made_ < buffers_max_) {
    ++made_;
    lock.unlock();
    return std::make_unique_for_overwrite<uint8_t[]>(buffer_bytes_);
  }
  if (!closed_ && free_.empty())
    items_changed_.notify_one();  // the other side may not have been told of what it holds up
  buffers_changed_.wait(lock, [this] { return closed_ || !free_.empty(); });
  if (closed_) return nullptr;
  auto buffer = std::move(free_.back());
  free_.pop_back();
  return buffer;
}

void PageQueue::Push(ReadItem item) {
  const auto* const round = std::get_if<RoundEnd>(&item);
  bool wake = std::holds_alternative<ReadFailure>(item) || (round != nullptr && round->complete);
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    items_.push_back(std::move(item));
    wake |= items_.size() >= buffers_max_ / 2;
  }
  if (wake) items_changed_.notify_one();
}

std::optional<ReadItem> PageQueue::Pop(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  items_changed_.wait_for(lock, timeout, [this] { return closed_ || !items_.empty(); });
  if (closed_ || items_.empty()) return std::nullopt;
  ReadItem item = std::move(items_.front());
  items_.pop_front();
  return item;
}

void PageQueue::GiveBack(std::unique_ptr<uint8_t[]> buffer) {
  bool was_empty = false;
  {
    const std::lock_guard lock(mutex_);
    was_empty = free_.empty();
    free_.push_back(std::move(buffer));
  }
  if (was_empty) buffers_changed_.notify_one();
}

void PageQueue::Close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  items_changed_.notify_all();
  buffers_changed_.notify_all();
}

bool PageQueue::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

}  // namespace wakewatch
