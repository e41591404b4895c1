#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "collector/agent/fake_server_test.h"
#include "collector/agent/uplink.h"
#include "collector/test_folder.h"
#include "proto/wire/versions.h"

namespace wakewatch {
namespace {

using agent_test::Eventually;
using agent_test::FakeServer;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::IsEmpty;

constexpr seconds kLong{180};  // which only a failure takes

Batch MakeBatch(uint64_t sequence, const std::string& session = "one", size_t bytes = 100) {
  Batch batch;
  batch.sequence = sequence;
  if (sequence == 1) {
    batch.session = SessionInfo{.host = "host-a", .boot_id = "boot", .session = session, .clock = "mono"};
    batch.formats = FormatsDelta{.hash = 7, .events = {{"sched", "name: x"}}};
  }
  batch.chunks = {{0, 10 * sequence, 10 * sequence + 5, 10, 7, std::vector<uint8_t>(bytes)}};
  batch.frontiers = {{0, 10 * sequence + 9}};
  return batch;
}

UplinkOptions Spooled(const FakeServer& server, const TestFolder& folder) {
  UplinkOptions options;
  options.server = server.address();
  options.back_off = {milliseconds(5), milliseconds(50), seconds(10)};
  options.slow_retry = milliseconds(20);
  options.state_every = milliseconds(20);
  options.spool = folder.path() + "/spool";
  return options;
}

// What was stored is `batches` of each session, in order, each once.
void ExpectStored(const FakeServer& server, const std::vector<std::pair<std::string, uint64_t>>& sessions) {
  EXPECT_THAT(server.Get(&FakeServer::wrong), IsEmpty());
  const auto stored = server.Get(&FakeServer::stored);
  const auto names = server.Get(&FakeServer::stored_sessions);
  size_t at = 0;
  for (const auto& [session, batches] : sessions) {
    for (uint64_t i = 1; i <= batches; ++i, ++at) {
      ASSERT_LT(at, stored.size()) << session << " " << i;
      ASSERT_EQ(names[at], session) << at;
      ASSERT_EQ(stored[at].sequence, i) << session;
      EXPECT_EQ(EventsOf(stored[at]), 10u);
      EXPECT_THAT(stored[at].gaps, IsEmpty());
    }
  }
  EXPECT_EQ(stored.size(), at);
}

TEST(UplinkSpool, WhatIsSentAtOnceGoesThroughTheSpoolToo) {
  FakeServer server;
  TestFolder folder;
  Uplink uplink(Spooled(server, folder), {});
  for (uint64_t i = 1; i <= 20; ++i) uplink.Offer(MakeBatch(i));
  EXPECT_TRUE(uplink.Finish(kLong).delivered);
  ExpectStored(server, {{"one", 20}});
  EXPECT_EQ(uplink.stats().events_acked, 200u);
  EXPECT_EQ(uplink.stats().events_dropped, 0u);
  EXPECT_TRUE(uplink.stats().spool.used);
  EXPECT_GT(uplink.stats().spool.bytes, 0u);
}

TEST(UplinkSpool, WhatAnOutageLeftIsDeliveredByTheNextStartsOldestFirst) {
  FakeServer server;
  TestFolder folder;
  server.Stop();
  for (const char* session : {"one", "two", "three"}) {
    Uplink uplink(Spooled(server, folder), {});
    for (uint64_t i = 1; i <= 50; ++i) uplink.Offer(MakeBatch(i, session));
    const auto outcome = uplink.Finish(milliseconds(1));
    EXPECT_FALSE(outcome.delivered);
    EXPECT_TRUE(outcome.kept);
    EXPECT_EQ(outcome.batches_left, session == std::string("one") ? 50u : session == std::string("two") ? 100u : 150u);
  }
  server.Start();
  Uplink uplink(Spooled(server, folder), {});
  for (uint64_t i = 1; i <= 5; ++i) uplink.Offer(MakeBatch(i, "four"));
  EXPECT_TRUE(uplink.Finish(kLong).delivered);
  ExpectStored(server, {{"one", 50}, {"two", 50}, {"three", 50}, {"four", 5}});
  EXPECT_EQ(server.Get(&FakeServer::duplicates), 0);
  EXPECT_EQ(uplink.stats().spool.unread, 0u);
}

TEST(UplinkSpool, WhatDoesNotFitIntoMemoryIsReadBackFromTheDisk) {
  FakeServer server;
  TestFolder folder;
  server.Set({.pause = milliseconds(1)});
  UplinkOptions options = Spooled(server, folder);
  options.queue.bytes_max = 200'000;
  Uplink uplink(options, {});
  for (uint64_t i = 1; i <= 300; ++i) {
    uplink.Offer(MakeBatch(i, "one", 10'000));
    // The disk keeps up; memory holds a twentieth of what waits for the server.
    if (i % 5 == 0) {
      ASSERT_TRUE(Eventually([&] { return uplink.stats().queue_bytes < 90'000; }));
    }
  }
  EXPECT_TRUE(uplink.Finish(kLong).delivered);
  ExpectStored(server, {{"one", 300}});
  EXPECT_EQ(uplink.stats().events_dropped, 0u);
}

TEST(UplinkSpool, NothingIsLostOrDoubledWhenStreamsBreakAndCollectorsStartAgain) {
  FakeServer server;
  TestFolder folder;
  server.Set({.window = 4, .hang_up_at = 7, .store_before_hanging_up = true});
  std::vector<std::pair<std::string, uint64_t>> sessions;
  for (int life = 0; life < 6; ++life) {
    const std::string session = "session-" + std::to_string(life);
    sessions.emplace_back(session, 40);
    Uplink uplink(Spooled(server, folder), {});
    for (uint64_t i = 1; i <= 40; ++i) uplink.Offer(MakeBatch(i, session));
    (void)uplink.Finish(life == 5 ? milliseconds(kLong) : milliseconds(15));
  }
  ExpectStored(server, sessions);
}

TEST(UplinkSpool, ADiskThatTakesNothingCostsOnlyTheSpool) {
  FakeServer server;
  TestFolder folder;
  folder.Write("spool", "a file where the folder should be");
  Uplink uplink(Spooled(server, folder), {});
  for (uint64_t i = 1; i <= 20; ++i) uplink.Offer(MakeBatch(i));
  EXPECT_TRUE(uplink.Finish(kLong).delivered);
  ExpectStored(server, {{"one", 20}});
  EXPECT_EQ(uplink.stats().spool.append_failures, 20u);
}

TEST(UplinkSpool, OverItsCapEventsAreDroppedAndCounted) {
  FakeServer server;
  TestFolder folder;
  server.Stop();
  UplinkOptions options = Spooled(server, folder);
  options.spool_bytes_max = 1u << 20;
  options.queue.bytes_max = 200'000;
  Uplink uplink(options, {});
  constexpr uint64_t kBatches = 400;
  for (uint64_t i = 1; i <= kBatches; ++i) {
    uplink.Offer(MakeBatch(i, "one", 10'000));
    if (i % 5 == 0) {
      ASSERT_TRUE(Eventually([&] { return uplink.stats().queue_bytes < 90'000; }));
    }
  }
  EXPECT_LE(uplink.stats().spool.bytes, 1u << 20);
  server.Start();
  EXPECT_TRUE(uplink.Finish(kLong).delivered);
  uint64_t stored = 0, lost = 0, end_ns = 0;
  for (const Batch& batch : server.Get(&FakeServer::stored)) {
    stored += EventsOf(batch);
    for (const GapRecord& gap : batch.gaps) {
      lost += gap.lost;
      EXPECT_GE(gap.start_ns, end_ns);
    }
    if (!batch.chunks.empty()) end_ns = batch.chunks.back().last_ns;
  }
  EXPECT_GT(lost, 0u);
  EXPECT_EQ(stored + lost, 10 * kBatches);
  EXPECT_EQ(lost, uplink.stats().events_dropped);
  EXPECT_EQ(stored, uplink.stats().events_acked);
}

// The server first, or the collector first: until the other one follows, what was recorded waits on the disk.
TEST(UplinkSpool, WithoutACommonVersionNothingIsLostUntilTheUpgrade) {
  const struct {
    const char* story;
    agent_test::Script script;
    const char* says;
  } rows[] = {
      {"the server went ahead",
       {.answer_hello = {grpc::StatusCode::FAILED_PRECONDITION, NoCommonVersion("protocol", kWireVersions, {2, 3})}},
       "upgrade the collector"},
      {"the collector went ahead",
       {.answer_hello = {grpc::StatusCode::FAILED_PRECONDITION,
                         NoCommonVersion("chunk format", kChunkVersions, {0, 0})}},
       "upgrade the server"},
      {"the server chose without looking", {.wire_version = kWireVersionNewest + 1}, "upgrade this collector"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.story);
    FakeServer server;
    TestFolder folder;
    server.Set(row.script);
    for (const char* session : {"one", "two"}) {
      Uplink uplink(Spooled(server, folder), {});
      for (uint64_t i = 1; i <= 30; ++i) uplink.Offer(MakeBatch(i, session));
      const int before = server.Get(&FakeServer::hellos);
      ASSERT_TRUE(Eventually([&] { return server.Get(&FakeServer::hellos) >= before + 2; })) << "it goes on trying";
      // One of the hellos may be that of the uplink before.
      EXPECT_TRUE(Eventually([&] { return uplink.stats().problem.find(row.says) != std::string::npos; }))
          << uplink.stats().problem;
      const auto outcome = uplink.Finish(milliseconds(1));
      EXPECT_FALSE(outcome.delivered);
      EXPECT_TRUE(outcome.kept);
    }
    EXPECT_THAT(server.Get(&FakeServer::stored), IsEmpty());
    server.Set({});  // the other one is upgraded
    Uplink uplink(Spooled(server, folder), {});
    for (uint64_t i = 1; i <= 5; ++i) uplink.Offer(MakeBatch(i, "three"));
    EXPECT_TRUE(uplink.Finish(kLong).delivered);
    ExpectStored(server, {{"one", 30}, {"two", 30}, {"three", 5}});
    EXPECT_EQ(uplink.stats().events_dropped, 0u);
  }
}

TEST(UplinkSpool, ADamagedSpoolNeverKeepsACollectorFromStarting) {
  FakeServer server;
  TestFolder folder;
  server.Stop();
  {
    Uplink uplink(Spooled(server, folder), {});
    for (uint64_t i = 1; i <= 10; ++i) uplink.Offer(MakeBatch(i));
    (void)uplink.Finish(milliseconds(1));
  }
  for (const auto& entry : std::filesystem::directory_iterator(folder.path() + "/spool")) {
    std::ofstream(entry.path(), std::ios::trunc) << "nonsense";
  }
  server.Start();
  Uplink uplink(Spooled(server, folder), {});
  for (uint64_t i = 1; i <= 5; ++i) uplink.Offer(MakeBatch(i, "two"));
  EXPECT_TRUE(uplink.Finish(kLong).delivered);
  ExpectStored(server, {{"two", 5}});
}

}  // namespace
}  // namespace wakewatch
