#include "collector/agent/batch_spool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <random>
#include <vector>

#include "collector/spool/simulated_files_test.h"

namespace wakewatch {
namespace {

using spool_test::SimulatedFiles;

constexpr size_t kChunkBytes = 900;

SpoolOptions Small(uint64_t bytes_max) {
  SpoolOptions options;
  options.folder = "spool";
  options.bytes_max = bytes_max;
  options.segment_bytes = 4096;
  options.free_bytes_min = 0;
  return options;
}

// Two CPUs; events of CPU n of batch i lie in [100 i + n, 100 i + 50 + n].
Batch MakeBatch(uint64_t sequence, const std::string& session = "one") {
  Batch batch;
  batch.sequence = sequence;
  if (sequence == 1) {
    batch.session = SessionInfo{.host = "host-a", .boot_id = "boot", .session = session, .clock = "mono"};
    batch.formats = FormatsDelta{.hash = 7, .events = {{"sched", "name: x"}}};
  }
  for (uint32_t cpu = 0; cpu < 2; ++cpu) {
    batch.chunks.push_back(
        {cpu, 100 * sequence + cpu, 100 * sequence + 50 + cpu, 10 + cpu, 7, std::vector<uint8_t>(kChunkBytes / 2)});
    batch.frontiers.push_back({cpu, 100 * sequence + 60});
  }
  batch.threads = {{.pid = static_cast<int32_t>(sequence)}};
  return batch;
}

void Append(BatchSpool* spool, const Batch& batch) {
  const auto encoded = spool->Encode(batch, batch.sequence);
  EXPECT_TRUE(spool->Append(encoded, batch.sequence, batch.last, false));
}

// By CPU: events that are there, events that gaps count, and whether gaps and events follow one another in time.
struct Account {
  std::map<uint32_t, uint64_t> events, lost;
  std::map<uint32_t, uint64_t> end_ns;
  std::vector<int32_t> pids;
  bool unknown = false;

  void Add(const Batch& batch) {
    struct Span {
      uint64_t start_ns, end_ns;
      bool gap;
    };
    std::map<uint32_t, std::vector<Span>> spans;
    for (const Chunk& chunk : batch.chunks) {
      events[chunk.cpu] += chunk.events;
      spans[chunk.cpu].push_back({chunk.first_ns, chunk.last_ns, false});
    }
    for (const GapRecord& gap : batch.gaps) {
      unknown |= gap.lost == kLostUnknown;
      if (gap.lost != kLostUnknown) lost[gap.cpu] += gap.lost;
      spans[gap.cpu].push_back({gap.start_ns, gap.end_ns, true});
    }
    for (auto& [cpu, list] : spans) {
      std::sort(list.begin(), list.end(), [](const Span& a, const Span& b) { return a.start_ns < b.start_ns; });
      for (const Span& span : list) {
        EXPECT_GE(span.start_ns, end_ns[cpu]) << "CPU " << cpu << " goes back in time";
        end_ns[cpu] = std::max(end_ns[cpu], span.end_ns);
      }
    }
    for (const ThreadInfo& task : batch.threads) pids.push_back(task.pid);
  }
};

std::vector<SpooledBatch> ReadAll(BatchSpool* spool) {
  std::vector<SpooledBatch> batches;
  while (true) {
    auto next = spool->Next();
    EXPECT_TRUE(next);
    if (!next || !*next) return batches;
    batches.push_back(std::move(**next));
  }
}

TEST(BatchSpool, GivesBackWhatItWasGiven) {
  SimulatedFiles files(1);
  {
    BatchSpool spool(&files, Small(1u << 20));
    for (uint64_t i = 1; i <= 5; ++i) Append(&spool, MakeBatch(i));
  }
  BatchSpool spool(&files, Small(1u << 20));
  for (uint64_t i = 1; i <= 2; ++i) Append(&spool, MakeBatch(i, "two"));
  const auto batches = ReadAll(&spool);
  ASSERT_EQ(batches.size(), 7u);
  for (uint64_t i = 0; i < 7; ++i) {
    EXPECT_EQ(batches[i].batch.sequence, i < 5 ? i + 1 : i - 4);
    EXPECT_EQ(batches[i].opening->session->session, i < 5 ? "one" : "two");
    EXPECT_EQ(batches[i].opening->formats->events[0].text, "name: x");
    EXPECT_EQ(batches[i].batch.chunks.size(), 2u);
    EXPECT_TRUE(batches[i].batch.gaps.empty());
  }
  EXPECT_NE(batches[4].key, batches[5].key);
}

TEST(BatchSpool, OverTheCapEventsBecomeGapsWithExactCountsAndNothingElseIsLost) {
  SimulatedFiles files(1);
  BatchSpool spool(&files, Small(60'000));
  constexpr uint64_t kBatches = 200;
  Append(&spool, MakeBatch(1));
  auto first = spool.Next();  // under way
  ASSERT_TRUE(first && *first);
  for (uint64_t i = 2; i <= kBatches; ++i) Append(&spool, MakeBatch(i));
  Account account;
  account.Add((*first)->batch);
  const auto rest = ReadAll(&spool);
  EXPECT_LT(rest.size(), 80u);
  for (const SpooledBatch& next : rest) account.Add(next.batch);
  EXPECT_GT(account.lost[0], 1'000u);
  EXPECT_EQ(account.events[0] + account.lost[0], 10 * kBatches);
  EXPECT_EQ(account.events[1] + account.lost[1], 11 * kBatches);
  EXPECT_EQ(account.lost[0] + account.lost[1], spool.events_cut());
  EXPECT_FALSE(account.unknown);
  std::vector<int32_t> pids(kBatches);
  std::iota(pids.begin(), pids.end(), 1);
  EXPECT_EQ(account.pids, pids) << "what is said besides events is all there, in order";
  EXPECT_EQ(rest.back().batch.sequence, kBatches);
}

TEST(BatchSpool, WhatABadDiskLostIsAGapWithAnExactCount) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    SimulatedFiles files(seed);
    constexpr uint64_t kBatches = 60;
    {
      BatchSpool spool(&files, Small(1u << 20));
      for (uint64_t i = 1; i <= kBatches; ++i) Append(&spool, MakeBatch(i));
      EXPECT_TRUE(spool.spool().Sync());
    }
    for (uint64_t i = 0; i < seed % 5; ++i) ASSERT_TRUE(files.FlipBit(".seg"));
    BatchSpool spool(&files, Small(1u << 20));
    // The last one shows what was in front of it.
    Append(&spool, MakeBatch(1, "two"));
    Account account;
    bool broken_end = false;
    uint64_t next_sequence = 0;
    for (const SpooledBatch& next : ReadAll(&spool)) {
      if (next.opening->session->session == "two") {
        EXPECT_EQ(next.batch.gaps.size(), 0u);
        continue;
      }
      EXPECT_GT(next.batch.sequence, next_sequence);
      next_sequence = next.batch.sequence;
      broken_end |= next.batch.chunks.empty();
      account.Add(next.batch);
    }
    // What is gone at the very end of the session nobody can count.
    const uint64_t known = account.events[0] + account.lost[0];
    EXPECT_EQ(account.unknown, broken_end);
    EXPECT_EQ(known, 10 * (broken_end ? next_sequence - 1 : next_sequence));
    if (seed % 5 == 0) {
      EXPECT_EQ(account.lost[0], 0u);
    }
  }
}

TEST(BatchSpool, AfterARestartGapsDoNotReachBackIntoWhatWasDelivered) {
  SimulatedFiles files(1);
  {
    BatchSpool spool(&files, Small(1u << 20));
    for (uint64_t i = 1; i <= 20; ++i) Append(&spool, MakeBatch(i));
    for (uint64_t i = 1; i <= 3; ++i) ASSERT_TRUE(spool.Next());
    spool.Acknowledge(3);
    EXPECT_TRUE(spool.spool().Trim() && spool.spool().SavePointer() && spool.spool().Sync());
  }
  // The rest of the first segments is gone.
  const auto names = files.List("spool").value();
  for (size_t i = 0, gone = 0; i < names.size() && gone < 2; ++i) {
    if (names[i].ends_with(".seg")) gone += files.Remove("spool/" + names[i]).has_value();
  }
  BatchSpool spool(&files, Small(1u << 20));
  const auto next = spool.Next();
  ASSERT_TRUE(next && *next);
  const SpooledBatch& batch = **next;
  ASSERT_EQ(batch.batch.gaps.size(), 2u);
  EXPECT_EQ(batch.batch.gaps[0].start_ns, 350u + batch.batch.gaps[0].cpu);
  EXPECT_EQ(batch.batch.gaps[0].end_ns, 100 * batch.batch.sequence + batch.batch.gaps[0].cpu);
  EXPECT_EQ(batch.batch.gaps[0].lost, (10 + batch.batch.gaps[0].cpu) * (batch.batch.sequence - 4));
  EXPECT_TRUE(batch.batch.formats.has_value()) << "they may have been in what is gone";
}

}  // namespace
}  // namespace wakewatch
