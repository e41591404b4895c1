#include "server/live/host_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "analysis/chunk/chunk.h"

namespace wakewatch {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;

HostQueue::Time At(int64_t ms) { return HostQueue::Time(std::chrono::hours(1) + milliseconds(ms)); }

// That is worth so many events: a thousand for itself, and twenty for its chunk.
Batch MakeBatch(uint64_t sequence, uint32_t worth) {
  Batch batch;
  batch.sequence = sequence;
  batch.chunks.emplace_back().events = worth - 1020;
  return batch;
}

std::vector<uint64_t> Sequences(const std::vector<HostQueue::Item>& items) {
  std::vector<uint64_t> sequences;
  for (const HostQueue::Item& item : items) sequences.push_back(item.batch.sequence);
  return sequences;
}

TEST(HostQueue, ABatchIsWorthItsEventsAndItsRows) {
  Batch batch = MakeBatch(1, 50'000);
  EXPECT_EQ(EventsWorth(batch), 50'000u);
  batch.threads.resize(10);
  batch.gaps.resize(5);
  batch.formats.emplace().events.resize(1);
  EXPECT_EQ(EventsWorth(batch), 50'320u);
  EXPECT_EQ(EventsWorth(Batch()), 1000u) << "one without anything costs a commit";
  batch = MakeBatch(1, 50'000);
  batch.chunks[0].events = UINT32_MAX;
  EXPECT_EQ(EventsWorth(batch), 1020u + kChunkEventsMax) << "it will be refused";
}

TEST(HostQueue, ATransactionTakesNoMoreThanATurn) {
  HostQueue queue(0);
  for (uint64_t i = 1; i <= 6; ++i) queue.Push(MakeBatch(i, 43'600), 10);
  queue.PushUnreadable(7, {.code = ErrorCode::kCorrupt, .cause = "not a batch"});
  EXPECT_EQ(queue.bytes(), 60u);
  EXPECT_THAT(Sequences(queue.Take(At(0), true)), ElementsAre(1, 2, 3));
  EXPECT_EQ(queue.bytes(), 30u);
  EXPECT_LE(queue.ready_at(), At(0));
  EXPECT_THAT(Sequences(queue.Take(At(0), true)), ElementsAre(4, 5, 6));
  const auto last = queue.Take(At(0), true);
  ASSERT_THAT(Sequences(last), ElementsAre(7));
  EXPECT_TRUE(last[0].unreadable);
  EXPECT_EQ(queue.ready_at(), HostQueue::Time::max());
  for (uint64_t i = 8; i <= 60; ++i) queue.Push(MakeBatch(i, 1020), 1);
  EXPECT_EQ(queue.Take(At(0), true).size(), 32u);
  queue.Clear();
  EXPECT_EQ(queue.bytes(), 0u);
  EXPECT_THAT(queue.Take(At(0), true), IsEmpty());
}

TEST(HostQueue, WhatThePaceHoldsBackStaysAndComesInOrder) {
  HostQueue queue(1'000'000);
  for (uint64_t i = 1; i <= 6; ++i) queue.Push(MakeBatch(i, 100'000), 1);
  EXPECT_THAT(Sequences(queue.Take(At(0), true)), ElementsAre(1)) << "a turn";
  EXPECT_THAT(Sequences(queue.Take(At(0), true)), ElementsAre(2));
  EXPECT_LE(queue.ready_at(), At(0));
  EXPECT_THAT(Sequences(queue.Take(At(0), true)), ElementsAre(3)) << "a quarter of a second is spent";
  EXPECT_EQ(queue.ready_at(), At(50));
  EXPECT_EQ(queue.paced(), milliseconds(0));
  EXPECT_THAT(queue.Take(At(40), true), IsEmpty());
  EXPECT_EQ(queue.ready_at(), At(50));
  EXPECT_THAT(Sequences(queue.Take(At(60), true)), ElementsAre(4));
  EXPECT_EQ(queue.ready_at(), At(150));
  EXPECT_EQ(queue.paced(), milliseconds(60));
  EXPECT_THAT(Sequences(queue.Take(At(70), false)), ElementsAre(5)) << "nobody else streams any more";
  EXPECT_THAT(Sequences(queue.Take(At(70), false)), ElementsAre(6));
  EXPECT_EQ(queue.ready_at(), HostQueue::Time::max());
  EXPECT_EQ(queue.paced(), milliseconds(70));
  queue.Push(MakeBatch(7, 100'000), 1);
  EXPECT_THAT(queue.Take(At(80), true), IsEmpty()) << "the pace remembers";
  EXPECT_EQ(queue.ready_at(), At(150));
  queue.Clear();
  EXPECT_THAT(queue.Take(At(5000), true), IsEmpty());
  EXPECT_EQ(queue.paced(), milliseconds(70)) << "nothing waited any more";
}

TEST(HostQueue, WhatCannotBeReadFillsItToo) {
  HostQueue queue(0);
  const Error error{.code = ErrorCode::kCorrupt, .cause = "not a batch"};
  for (size_t i = 1; i < HostQueue::kItemsMax; ++i) EXPECT_TRUE(queue.PushUnreadable(i, error));
  EXPECT_FALSE(queue.PushUnreadable(HostQueue::kItemsMax, error));
  queue.Take(At(0), true);
  EXPECT_TRUE(queue.PushUnreadable(1, error));
}

TEST(HostQueue, FewEventsThatAreLargeArePacedToo) {
  HostQueue queue(1'000'000);
  for (uint64_t i = 1; i <= 3; ++i) queue.Push(MakeBatch(i, 2000), 8'000'000);
  EXPECT_THAT(Sequences(queue.Take(At(0), true)), ElementsAre(1));
  EXPECT_THAT(queue.Take(At(0), true), IsEmpty());
  EXPECT_EQ(queue.ready_at(), At(250));
}

TEST(HostQueue, ManySmallBatchesArePacedToo) {
  HostQueue queue(1'000'000);
  uint64_t taken = 0;
  for (int64_t ms = 0; ms < 1000; ++ms) {
    for (int i = 0; i < 10; ++i) queue.PushUnreadable(1, {.code = ErrorCode::kCorrupt, .cause = "not a batch"});
    taken += queue.Take(At(ms), true).size();
  }
  EXPECT_LE(taken, 1250u);
  EXPECT_GE(taken, 1240u);
}

}  // namespace
}  // namespace wakewatch
