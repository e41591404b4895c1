#include "collector/agent/batch_queue.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace wakewatch {
namespace {

constexpr size_t kChunkBytes = 1000;

// A batch of one CPU with `events` events in [10 * sequence, 10 * sequence + 5].
Batch MakeBatch(uint64_t sequence, uint32_t events = 10) {
  Batch batch;
  batch.sequence = sequence;
  if (events > 0) {
    batch.chunks = {{0, 10 * sequence, 10 * sequence + 5, events, 7, std::vector<uint8_t>(kChunkBytes)}};
  }
  batch.frontiers = {{0, 10 * sequence + 9}};
  return batch;
}

// Room for this many batches as above, with a few gaps.
QueueLimits Room(size_t batches) { return {batches * BytesOf(MakeBatch(1)) + kChunkBytes / 2, 4096}; }

std::vector<uint64_t> SendAll(BatchQueue* queue) {
  std::vector<uint64_t> sent;
  while (const Batch* next = queue->Next()) {
    sent.push_back(next->sequence);
    queue->MarkSent({});
  }
  return sent;
}

TEST(BatchQueue, WhatWasSentStaysUntilItIsAcknowledged) {
  BatchQueue queue(Room(10));
  for (uint64_t i = 1; i <= 3; ++i) EXPECT_EQ(queue.Push(MakeBatch(i)), 0u);
  EXPECT_EQ(SendAll(&queue), (std::vector<uint64_t>{1, 2, 3}));
  EXPECT_EQ(queue.in_flight(), 3u);
  EXPECT_EQ(queue.Next(), nullptr);
  const auto delivered = queue.Acknowledge(2);
  ASSERT_EQ(delivered.size(), 2u);
  EXPECT_EQ(delivered[1].sequence, 2u);
  EXPECT_EQ(delivered[1].events, 10u);
  EXPECT_EQ(queue.batches(), 1u);
  EXPECT_EQ(queue.Acknowledge(2).size(), 0u) << "said twice";
  EXPECT_EQ(queue.Acknowledge(99).size(), 1u);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.bytes(), 0u);
}

TEST(BatchQueue, AnAcknowledgementOfWhatWasNotSentMeansNothing) {
  BatchQueue queue(Room(10));
  for (uint64_t i = 1; i <= 3; ++i) queue.Push(MakeBatch(i));
  queue.MarkSent({});
  EXPECT_EQ(queue.Acknowledge(UINT64_MAX).size(), 1u);
  EXPECT_EQ(queue.batches(), 2u);
  EXPECT_EQ(queue.Resume(UINT64_MAX).size(), 0u);
  EXPECT_FALSE(queue.Refuse(3)) << "it was not sent";
}

TEST(BatchQueue, ANewStreamGoesOnBehindWhatIsCommitted) {
  BatchQueue queue(Room(10));
  for (uint64_t i = 1; i <= 5; ++i) queue.Push(MakeBatch(i));
  for (int i = 0; i < 4; ++i) queue.MarkSent({});
  EXPECT_EQ(queue.Resume(2).size(), 2u) << "their acknowledgements were lost";
  EXPECT_EQ(SendAll(&queue), (std::vector<uint64_t>{3, 4, 5}));
}

TEST(BatchQueue, ARefusedBatchIsForgotten) {
  BatchQueue queue(Room(10));
  for (uint64_t i = 1; i <= 3; ++i) queue.Push(MakeBatch(i));
  SendAll(&queue);
  const auto refused = queue.Refuse(2);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->events, 10u);
  EXPECT_EQ(queue.in_flight(), 2u);
  EXPECT_EQ(queue.Acknowledge(3).size(), 2u);
}

TEST(BatchQueue, TheOldestThatWasNotSentIsDropped) {
  BatchQueue queue(Room(4));
  for (uint64_t i = 1; i <= 4; ++i) EXPECT_EQ(queue.Push(MakeBatch(i)), 0u);
  queue.MarkSent({});
  queue.MarkSent({});
  EXPECT_EQ(queue.Push(MakeBatch(5, 20)), 10u);
  EXPECT_EQ(queue.batches(), 4u);
  queue.Acknowledge(2);
  const Batch* next = queue.Next();
  ASSERT_NE(next, nullptr);
  EXPECT_EQ(next->sequence, 4u);
  ASSERT_EQ(next->gaps.size(), 1u);
  EXPECT_EQ(next->gaps[0].start_ns, 25u) << "the last event of batch 2, which was sent";
  EXPECT_EQ(next->gaps[0].end_ns, 40u);
  EXPECT_EQ(next->gaps[0].lost, 10u);
  EXPECT_EQ(SendAll(&queue), (std::vector<uint64_t>{4, 5})) << "the hole in the numbers stays";
}

TEST(BatchQueue, TheLastBatchIsKeptWithoutItsEvents) {
  BatchQueue queue(Room(2));
  for (uint64_t i = 1; i <= 2; ++i) queue.Push(MakeBatch(i));
  SendAll(&queue);
  Batch last = MakeBatch(3);
  last.last = true;
  last.threads = {{.pid = 1}};
  EXPECT_EQ(queue.Push(std::move(last)), 10u);
  const Batch* next = queue.Next();
  ASSERT_NE(next, nullptr);
  EXPECT_TRUE(next->last);
  EXPECT_EQ(next->threads.size(), 1u);
  ASSERT_EQ(next->gaps.size(), 1u);
  EXPECT_EQ(next->gaps[0].start_ns, 25u);
  EXPECT_EQ(next->gaps[0].end_ns, 39u) << "its frontier";
}

TEST(BatchQueue, ManyBatchesAreTooManyToo) {
  BatchQueue queue({1u << 30, 3});
  for (uint64_t i = 1; i <= 3; ++i) EXPECT_EQ(queue.Push(MakeBatch(i, 0)), 0u);
  for (uint64_t i = 4; i <= 9; ++i) EXPECT_EQ(queue.Push(MakeBatch(i, 1)), i < 7 ? 0u : 1u) << i;
  EXPECT_EQ(queue.batches(), 3u);
}

TEST(BatchQueue, ABatchThatIsTooLargeForTheServerGoesWithoutItsEventsOrNotAtAll) {
  BatchQueue queue(Room(4));
  queue.Push(MakeBatch(1));
  queue.Push(MakeBatch(2));
  EXPECT_EQ(queue.DropEventsOfNext(), 10u);
  EXPECT_EQ(queue.DropEventsOfNext(), 0u);
  EXPECT_EQ(queue.Next()->sequence, 1u);
  EXPECT_EQ(queue.Next()->gaps.size(), 1u);
  EXPECT_EQ(queue.ForgetNext(), 0u);
  EXPECT_EQ(queue.Next()->sequence, 2u);
  EXPECT_EQ(queue.ForgetNext(), 10u);
  EXPECT_EQ(queue.bytes(), 0u);
}

TEST(BatchQueue, TheOpeningIsSaidAgain) {
  BatchQueue queue(Room(4));
  queue.RepeatOpening({}, {});
  queue.Push(MakeBatch(8));
  queue.RepeatOpening({.host = "a"}, {.hash = 7});
  EXPECT_EQ(queue.Next()->session->host, "a");
  EXPECT_EQ(queue.Next()->formats->hash, 7u);
}

// Whatever happens, every event is in the end delivered once or counted once in a gap, and the gaps do not overlap
// what was delivered.
TEST(BatchQueue, NothingIsLostWithoutAGapAndNothingIsThereTwice) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    const auto chance = [&](int one_in) { return random() % static_cast<uint64_t>(one_in) == 0; };
    BatchQueue queue(Room(1 + random() % 6));
    uint64_t offered = 0, dropped = 0, delivered = 0, lost_in_gaps = 0, committed = 0, last_end_ns = 0;
    std::vector<uint64_t> in_flight;
    const auto commit = [&](const Batch& batch) {
      EXPECT_GT(batch.sequence, committed);
      committed = batch.sequence;
      for (const GapRecord& gap : batch.gaps) {
        EXPECT_GE(gap.start_ns, last_end_ns);
        EXPECT_GE(gap.end_ns, gap.start_ns);
        last_end_ns = gap.end_ns;
        lost_in_gaps += gap.lost;
      }
      for (const Chunk& chunk : batch.chunks) {
        EXPECT_GE(chunk.first_ns, last_end_ns);
        last_end_ns = chunk.last_ns;
        delivered += chunk.events;
      }
    };
    for (uint64_t sequence = 1; sequence <= 300; ++sequence) {
      const uint32_t events = chance(4) ? 0 : static_cast<uint32_t>(1 + random() % 50);
      offered += events;
      dropped += queue.Push(MakeBatch(sequence, events));
      // The server takes some of what is sent, and its answers may be lost with the stream.
      while (queue.Next() != nullptr && !chance(3)) {
        const Batch sent = *queue.Next();
        queue.MarkSent({});
        if (chance(10)) {
          queue.Resume(committed);
          break;
        }
        commit(sent);
        if (chance(2)) queue.Acknowledge(committed);
      }
    }
    queue.Resume(committed);
    while (const Batch* next = queue.Next()) {
      commit(*next);
      queue.MarkSent({});
    }
    EXPECT_EQ(delivered + lost_in_gaps, offered);
    EXPECT_EQ(lost_in_gaps, dropped);
  }
}

}  // namespace
}  // namespace wakewatch
