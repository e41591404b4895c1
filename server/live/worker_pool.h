// Why: a search goes from level to level of its states, and each level is cut into pieces that threads take. The
// threads stay between the levels: there are thousands of small ones.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace wakewatch {

class WorkerPool {
 public:
  // The caller of Run is one of the threads. 0: one a hardware thread.
  explicit WorkerPool(unsigned threads);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Calls work(0) ... work(n - 1), and returns when all are done. What one of them throws is thrown here, after the
  // others have ended. One caller at a time.
  void Run(size_t n, const std::function<void(size_t)>& work);

 private:
  void Loop();
  void TakePieces();

  std::mutex mutex_;  // guards the next six
  std::condition_variable begun_, ended_;
  uint64_t round_ = 0;
  unsigned busy_ = 0;  // helpers that are in this round
  bool over_ = false;
  std::exception_ptr thrown_;
  const std::function<void(size_t)>* work_ = nullptr;
  size_t pieces_ = 0;
  std::atomic<size_t> next_{0};
  std::vector<std::thread> helpers_;
};

}  // namespace wakewatch
