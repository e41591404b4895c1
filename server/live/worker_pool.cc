#include "server/live/worker_pool.h"

#include <algorithm>
#include <utility>

namespace wakewatch {

WorkerPool::WorkerPool(unsigned threads) {
  if (threads == 0) threads = std::max(1u, std::thread::hardware_concurrency());
  for (unsigned i = 1; i < threads; ++i) helpers_.emplace_back([this] { Loop(); });
}

WorkerPool::~WorkerPool() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  begun_.notify_all();
  for (std::thread& helper : helpers_) helper.join();
}

void WorkerPool::Run(size_t n, const std::function<void(size_t)>& work) {
  if (helpers_.empty() || n < 2) {
    for (size_t i = 0; i < n; ++i) work(i);
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    work_ = &work;
    pieces_ = n;
    next_ = 0;
    busy_ = static_cast<unsigned>(helpers_.size());
    ++round_;
  }
  begun_.notify_all();
  TakePieces();
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [this] { return busy_ == 0; });
  if (thrown_ != nullptr) std::rethrow_exception(std::exchange(thrown_, nullptr));
}

void WorkerPool::Loop() {
  uint64_t seen = 0;
  std::unique_lock lock(mutex_);
  while (true) {
    begun_.wait(lock, [&] { return over_ || round_ != seen; });
    if (over_) return;
    seen = round_;
    lock.unlock();
    TakePieces();
    lock.lock();
    if (--busy_ == 0) ended_.notify_one();
  }
}

void WorkerPool::TakePieces() {
  try {
    for (size_t i = next_.fetch_add(1); i < pieces_; i = next_.fetch_add(1)) (*work_)(i);
  } catch (...) {
    next_ = pieces_;
    const std::lock_guard lock(mutex_);
    thrown_ = std::current_exception();
  }
}

}  // namespace wakewatch
