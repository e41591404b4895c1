#include "collector/page_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace wakewatch {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kLong{60'000};

TEST(PageQueue, KeepsTheOrder) {
  PageQueue queue(16, 4);
  for (uint32_t cpu = 0; cpu < 3; ++cpu) queue.Push(PagesRead{cpu, 16, queue.TakeBuffer()});
  queue.Push(RoundEnd{7, true, true, {0, 1}});
  for (uint32_t cpu = 0; cpu < 3; ++cpu) {
    auto item = queue.Pop(kLong);
    ASSERT_TRUE(item);
    EXPECT_EQ(std::get<PagesRead>(*item).cpu, cpu);
  }
  auto end = queue.Pop(kLong);
  ASSERT_TRUE(end);
  EXPECT_EQ(std::get<RoundEnd>(*end).started_ns, 7u);
  EXPECT_FALSE(queue.Pop(milliseconds(1)));
}

TEST(PageQueue, AFullQueueHoldsTheReaderUntilABufferComesBack) {
  constexpr uint32_t kRuns = 1000;
  PageQueue queue(16, 3);
  std::thread reader([&] {
    for (uint32_t i = 0; i < kRuns; ++i) queue.Push(PagesRead{i, 1, queue.TakeBuffer()});
    queue.Push(RoundEnd{});
  });
  uint32_t expected = 0;
  for (;;) {
    auto item = queue.Pop(kLong);
    ASSERT_TRUE(item);
    auto* run = std::get_if<PagesRead>(&*item);
    if (run == nullptr) break;
    EXPECT_EQ(run->cpu, expected++);
    queue.GiveBack(std::move(run->buffer));
  }
  EXPECT_EQ(expected, kRuns);
  reader.join();
}

TEST(PageQueue, CloseWakesBothSides) {
  PageQueue queue(16, 1);
  auto only = queue.TakeBuffer();
  std::atomic<bool> got_buffer{true};
  std::thread reader([&] { got_buffer = queue.TakeBuffer() != nullptr; });
  std::atomic<bool> got_item{true};
  std::thread encoder([&] { got_item = queue.Pop(kLong).has_value(); });
  queue.Close();
  reader.join();
  encoder.join();
  EXPECT_FALSE(got_buffer);
  EXPECT_FALSE(got_item);
  EXPECT_TRUE(queue.closed());
}

}  // namespace
}  // namespace wakewatch
