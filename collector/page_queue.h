// Why: reading must go on while a batch is encoded or a slow disk takes it. The reading thread and the encoding thread
// meet in a bounded queue; when it is full the reader waits, the kernel overwrites, and the loss is marked in the
// pages.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "analysis/base/bytes.h"

namespace wakewatch {

// A sub-buffer or several, one behind the other, as read from one CPU.
struct PagesRead {
  uint32_t cpu = 0;
  uint32_t bytes = 0;  // used bytes of `buffer`
  std::unique_ptr<uint8_t[]> buffer;
};
// Stands behind the pages of a round over all CPUs. When `complete`, everything that was written before `started_ns`
// (trace clock) has been read by it, or is marked as lost in it.
struct RoundEnd {
  uint64_t started_ns = 0;
  bool complete = false;
  bool last = false;             // nothing follows
  std::vector<uint32_t> online;  // CPUs; only when complete
};
struct ReadFailure {
  uint32_t cpu = 0;
  std::string text;  // what went wrong; this CPU is read no more
};
using ReadItem = std::variant<PagesRead, RoundEnd, ReadFailure>;

class PageQueue {
 public:
  // Buffers of `buffer_bytes` are made when needed, at most `buffers_max` of them.
  PageQueue(size_t buffer_bytes, size_t buffers_max) : buffer_bytes_(buffer_bytes), buffers_max_(buffers_max) {}

  size_t buffer_bytes() const { return buffer_bytes_; }

  // Reader's side. Waits for a free buffer; null when the queue was closed.
  std::unique_ptr<uint8_t[]> TakeBuffer();
  // Wakes the other side for a complete RoundEnd or when half of the buffers are on their way: a wakeup a page would
  // cost more than the page. What else there is it finds when its patience ends.
  void Push(ReadItem item);

  // Encoder's side. None after `timeout`, or when the queue was closed.
  std::optional<ReadItem> Pop(std::chrono::milliseconds timeout);
  void GiveBack(std::unique_ptr<uint8_t[]> buffer);

  // Either side gives up: TakeBuffer and Pop answer at once with nothing from now on.
  void Close();
  bool closed() const;

 private:
  const size_t buffer_bytes_, buffers_max_;
  mutable std::mutex mutex_;
  std::condition_variable items_changed_, buffers_changed_;
  std::deque<ReadItem> items_;
  std::vector<std::unique_ptr<uint8_t[]>> free_;
  size_t made_ = 0;
  bool closed_ = false;
};

}  // namespace wakewatch
