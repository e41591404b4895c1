// Why: a durable commit waits for the disk, now and then for seconds, and the kernel's ring buffers hold less than one.
// So batches are stored by a thread of their own, and wait here meanwhile, encoded, at a twentieth of their raw size.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

#include "analysis/base/result.h"
#include "analysis/chunk/batch.h"
#include "server/store/recording.h"

namespace wakewatch {

class StoreQueue {
 public:
  // `writer` must outlive the queue, and nobody else may use it until Close has returned. `bytes_max`: of the chunks
  // that wait; one batch may always wait.
  StoreQueue(RecordingWriter& writer, size_t bytes_max);
  ~StoreQueue();
  StoreQueue(const StoreQueue&) = delete;
  StoreQueue& operator=(const StoreQueue&) = delete;

  // Hands a batch over; blocks while bytes_max are waiting. Batches are stored in the order of their pushes. Error:
  // what storing an earlier batch failed with; then nothing more is stored.
  Status Push(Batch&& batch);
  // Stores what waits and ends the thread. Error: as Push.
  Status Close();

 private:
  void Loop();

  RecordingWriter& writer_;
  const size_t bytes_max_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Batch> waiting_;
  size_t waiting_bytes_ = 0;
  bool closing_ = false;
  std::optional<Error> error_;
  std::thread thread_;
};

}  // namespace wakewatch
