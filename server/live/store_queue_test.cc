#include "server/live/store_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

namespace wakewatch {
namespace {

// Takes its time, and fails or throws at the batch it is told to.
class SlowWriter : public RecordingWriter {
 public:
  Status Append(const Batch& batch) override {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (batch.sequence == fails_at) return Fail(ErrorCode::kNoSpace, "the disk is full");
    if (batch.sequence == throws_at) throw std::runtime_error("out of memory");
    stored.push_back(batch.sequence);
    return {};
  }
  Status StoreWaits(std::span<const WaitChunk>) override { return {}; }
  Status StoreReport(const Report&) override { return {}; }
  Status StoreVerdicts(std::span<const ProtocolVerdict>) override { return {}; }
  Status Close() override { return {}; }

  uint64_t fails_at = 0, throws_at = 0;
  std::vector<uint64_t> stored;
};

Batch Numbered(uint64_t sequence, size_t bytes = 10) {
  Batch batch;
  batch.sequence = sequence;
  batch.chunks.emplace_back().bytes.resize(bytes);
  return batch;
}

TEST(StoreQueue, StoresEverythingInOrder) {
  for (const size_t bytes_max : {0u, 25u, 100'000u}) {
    SlowWriter writer;
    StoreQueue queue(writer, bytes_max);
    for (uint64_t i = 1; i <= 50; ++i) ASSERT_TRUE(queue.Push(Numbered(i)));
    ASSERT_TRUE(queue.Close());
    ASSERT_EQ(50u, writer.stored.size());
    for (uint64_t i = 1; i <= 50; ++i) EXPECT_EQ(i, writer.stored[i - 1]);
  }
}

TEST(StoreQueue, AFailureReachesThePusherAndNothingMoreIsStored) {
  SlowWriter writer;
  writer.fails_at = 3;
  StoreQueue queue(writer, 20);
  Status pushed;
  for (uint64_t i = 1; i <= 1000 && pushed; ++i) pushed = queue.Push(Numbered(i));
  ASSERT_FALSE(pushed);
  EXPECT_EQ(ErrorCode::kNoSpace, pushed.error().code);
  EXPECT_EQ(ErrorCode::kNoSpace, queue.Close().error().code);
  EXPECT_EQ((std::vector<uint64_t>{1, 2}), writer.stored);
}

TEST(StoreQueue, AnExceptionBecomesAnError) {
  SlowWriter writer;
  writer.throws_at = 1;
  StoreQueue queue(writer, 1000);
  (void)queue.Push(Numbered(1));
  const Status closed = queue.Close();
  ASSERT_FALSE(closed);
  EXPECT_NE(std::string::npos, closed.error().Text().find("out of memory"));
}

TEST(StoreQueue, ClosingTwiceIsAllowed) {
  SlowWriter writer;
  StoreQueue queue(writer, 1000);
  EXPECT_TRUE(queue.Push(Numbered(1)));
  EXPECT_TRUE(queue.Close());
  EXPECT_TRUE(queue.Close());
}

}  // namespace
}  // namespace wakewatch
