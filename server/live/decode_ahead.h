// Why: decoding takes about as long as merging and analysing, so where there are two cores it runs on a thread of its
// own. Each CPU has a few blocks that go round between the two sides. The merger needs the next block of one particular
// CPU, so a CPU whose blocks are all full never keeps the thread from filling another's: there is no common queue to be
// full.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/trace/merge.h"
#include "analysis/trace/reader.h"

namespace wakewatch {

// Blocks of one CPU: one that the merger reads, one that is being filled, and two between them.
inline constexpr size_t kBlocksPerCpu = 4;

class DecodeAhead {
 public:
  // Starts the thread. `readers` are borrowed, and are the thread's until this object is gone; `block_events` is the
  // size of a block, about.
  DecodeAhead(std::span<CpuReader* const> readers, size_t block_events);
  // Ends the thread, however much is left to read.
  ~DecodeAhead();
  DecodeAhead(const DecodeAhead&) = delete;
  DecodeAhead& operator=(const DecodeAhead&) = delete;

  // One for each reader, in their order, for one thread. Next answers with the first error of any reader, and with
  // kTooLarge or kInternal when one of them threw.
  std::vector<BlockSource*> sources() const;

 private:
  class Stream;

  void Decode();
  // Fills blocks until all streams are over or the other side has gone.
  Status FillBlocks(std::unique_lock<std::mutex>* lock);
  bool WorthWaking() const;
  Stream* NextToFill() const;
  Result<const EventBlock*> Next(Stream* stream);

  const size_t block_events_;
  std::vector<std::unique_ptr<Stream>> streams_;

  std::mutex mutex_;  // guards what follows, and the rings of the streams
  std::condition_variable filled_, freed_;
  size_t unfinished_ = 0;     // streams
  size_t full_blocks_ = 0;    // of all streams
  Stream* wanted_ = nullptr;  // the merger waits for a block of this one
  bool closed_ = false;
  std::optional<Error> error_;

  std::thread thread_;  // last: it uses all of the above
};

}  // namespace wakewatch
