#include "server/live/decode_ahead.h"

#include <array>
#include <exception>
#include <new>
#include <string>
#include <utility>

namespace wakewatch {

// A ring of blocks: `full` of them from `first` on are the merger's, the others are the thread's. The mutex guards
// these numbers, not the blocks.
class DecodeAhead::Stream final : public BlockSource {
 public:
  Stream(DecodeAhead* ahead, CpuReader* reader) : ahead_(ahead), reader_(reader) {}

  Result<const EventBlock*> Next() override { return ahead_->Next(this); }
  uint32_t cpu() const override { return reader_->cpu(); }

 private:
  friend class DecodeAhead;

  EventBlock* FreeBlock() { return &blocks_[(first_ + full_) % kBlocksPerCpu]; }
  bool CanFill() const { return !over_ && full_ < kBlocksPerCpu; }
  bool CanAnswer() const { return over_ || full_ > 0; }

  DecodeAhead* const ahead_;
  CpuReader* const reader_;
  std::array<EventBlock, kBlocksPerCpu> blocks_;
  size_t first_ = 0, full_ = 0;
  uint64_t filled_to_ns_ = 0;  // time of the last event in a full block
  bool lent_ = false;          // the merger reads blocks_[first_]
  bool over_ = false;          // nothing more will be filled
};

DecodeAhead::DecodeAhead(std::span<CpuReader* const> readers, size_t block_events)
    : block_events_(block_events), unfinished_(readers.size()) {
  for (CpuReader* reader : readers) streams_.push_back(std::make_unique<Stream>(this, reader));
  thread_ = std::thread([this] { Decode(); });
}

DecodeAhead::~DecodeAhead() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  freed_.notify_one();
  thread_.join();
}

std::vector<BlockSource*> DecodeAhead::sources() const {
  std::vector<BlockSource*> sources;
  for (const auto& stream : streams_) sources.push_back(stream.get());
  return sources;
}

void DecodeAhead::Decode() {
  Status status;
  try {
    std::unique_lock lock(mutex_);
    status = FillBlocks(&lock);
  } catch (const std::bad_alloc&) {
    status = Fail(Error{ErrorCode::kTooLarge, "not enough memory to decode the trace"});
  } catch (const std::exception& thrown) {
    status = Fail(ErrorCode::kInternal, std::string("decoding ended with an exception: ") + thrown.what());
  }
  if (status) return;
  {
    const std::lock_guard lock(mutex_);
    error_ = std::move(status.error());
  }
  filled_.notify_one();
}

Status DecodeAhead::FillBlocks(std::unique_lock<std::mutex>* lock) {
  while (!closed_) {
    Stream* const stream = NextToFill();
    if (stream == nullptr) {
      if (unfinished_ == 0) return {};
      freed_.wait(*lock, [this] { return closed_ || WorthWaking(); });
      continue;
    }
    EventBlock* const block = stream->FreeBlock();
    lock->unlock();
    const auto more = stream->reader_->Fill(block, block_events_);
    lock->lock();
    if (!more) return Fail(more.error());
    if (!*more) {
      stream->over_ = true;
      --unfinished_;
    } else if (!block->events.empty()) {
      ++stream->full_;
      ++full_blocks_;
      stream->filled_to_ns_ = block->events.back().ts_ns;
    }
    if (wanted_ == stream && stream->CanAnswer()) {
      wanted_ = nullptr;
      filled_.notify_one();
    }
  }
  return {};
}

// Woken for every single block that comes free, the thread would sleep and wake once a block; it rests until half of
// them are free, or the merger has to wait.
bool DecodeAhead::WorthWaking() const { return wanted_ != nullptr || full_blocks_ <= unfinished_ * kBlocksPerCpu / 2; }

// What the merger waits for comes first, then what it will run out of first: that with the fewest full blocks, and of
// those the one behind in time. Nothing can be filled: nullptr.
DecodeAhead::Stream* DecodeAhead::NextToFill() const {
  if (wanted_ != nullptr && wanted_->CanFill()) return wanted_;
  Stream* next = nullptr;
  for (const auto& stream : streams_) {
    if (!stream->CanFill()) continue;
    if (next == nullptr ||
        std::pair(stream->full_, stream->filled_to_ns_) < std::pair(next->full_, next->filled_to_ns_)) {
      next = stream.get();
    }
  }
  return next;
}

Result<const EventBlock*> DecodeAhead::Next(Stream* stream) {
  std::unique_lock lock(mutex_);
  if (std::exchange(stream->lent_, false)) {
    stream->first_ = (stream->first_ + 1) % kBlocksPerCpu;
    --stream->full_;
    --full_blocks_;
  }
  if (!error_ && !stream->CanAnswer()) wanted_ = stream;
  if (WorthWaking()) freed_.notify_one();
  filled_.wait(lock, [&] { return error_ || stream->CanAnswer(); });
  if (error_) return Fail(*error_);
  if (stream->full_ == 0) return nullptr;
  stream->lent_ = true;
  return &stream->blocks_[stream->first_];
}

}  // namespace wakewatch
