#include "proto/wire/batch_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace wakewatch {
namespace {

using testing::HasSubstr;

Batch FullBatch() {
  Batch batch;
  batch.sequence = 7;
  batch.last = true;
  batch.session = SessionInfo{"alpha", "boot-1", "s-1", "6.1.0", "mono", "0.1.0", 4, true};
  batch.formats = FormatsDelta{0xfedcba9876543210, 8, true, 65536, "header", {{"sched", "name: sched_switch\xff"}}};
  batch.symbols = {{0xffffffff81000000, "vmstat_update"}};
  batch.cpus = {{1, false, 0, 1, -1, 55}, {2, true, -1, -1, 3, 56}};
  ThreadInfo task;
  task.pid = 14;
  task.comm = std::string("a\0\xff", 3);
  task.start_ticks = 9;
  task.first_seen_ns = 77;
  task.flags = 0x00200040;
  task.parent_pid = 2;
  task.affinity = "0-3,8";
  task.policy = 0;
  task.rt_priority = 50;
  task.from_inventory = true;
  batch.threads = {task, ThreadInfo{}};
  batch.clock_pairs = {{100, 200}};
  batch.stats = {{3, 1, 2, 3, 4, 5}};
  batch.profiles = {{5, "light", {"sched/sched_switch"}, "budget"}};
  batch.gaps = {{1, 10, 20, 5, GapCause::kOverrun}, {2, 0, UINT64_MAX, kLostUnknown, GapCause::kCollector}};
  batch.chunks = {{1, 10, 20, 3, 0xfedcba9876543210, {1, 2, 3}}};
  batch.frontiers = {{1, 30}, {2, 31}};
  return batch;
}

v1::Batch Sent(const Batch& batch) {
  v1::Batch message;
  BatchToMessage(batch, &message);
  v1::Batch received;
  EXPECT_TRUE(received.ParseFromString(message.SerializeAsString()));
  return received;
}

TEST(BatchCodec, ABatchComesOutAsItWentIn) {
  const Batch batch = FullBatch();
  v1::Batch message = Sent(batch);
  const auto read = BatchFromMessage(&message);
  ASSERT_TRUE(read) << read.error().Text();
  // Written again it is the same message, down to what is unknown and therefore absent.
  v1::Batch again;
  BatchToMessage(*read, &again);
  EXPECT_EQ(again.SerializeAsString(), Sent(batch).SerializeAsString());
  EXPECT_EQ(read->gaps[1].end_ns, UINT64_MAX);
  EXPECT_EQ(read->gaps[1].lost, kLostUnknown);
  EXPECT_EQ(read->cpus[0].node, -1);
  EXPECT_EQ(read->threads[0].comm, batch.threads[0].comm);
  EXPECT_EQ(read->threads[1].parent_pid, -1);
  EXPECT_EQ(read->chunks[0].bytes, batch.chunks[0].bytes);
}

TEST(BatchCodec, WhatNoCollectorWouldSendIsRefusedByName) {
  struct Row {
    const char* field;
    void (*spoil)(v1::Batch*);
  };
  const Row rows[] = {
      {"sequence", [](v1::Batch* b) { b->set_sequence(0); }},
      {"session", [](v1::Batch* b) { b->mutable_session()->set_host("../etc"); }},
      {"formats.long_size", [](v1::Batch* b) { b->mutable_formats()->set_long_size(300); }},
      {"formats.events.text",
       [](v1::Batch* b) { b->mutable_formats()->mutable_events(0)->set_text(std::string(1u << 20, 'x')); }},
      {"symbols.name", [](v1::Batch* b) { b->mutable_symbols(0)->set_name(std::string(5000, 'x')); }},
      {"cpus.cpu", [](v1::Batch* b) { b->mutable_cpus(0)->set_cpu(8192); }},
      {"tasks.comm", [](v1::Batch* b) { b->mutable_tasks(0)->set_comm(std::string(5000, 'x')); }},
      {"tasks.since_ns", [](v1::Batch* b) { b->mutable_tasks(0)->set_since_ns(UINT64_MAX); }},
      {"clock_pairs.real_ns", [](v1::Batch* b) { b->mutable_clock_pairs(0)->set_real_ns(UINT64_MAX); }},
      {"stats.cpu", [](v1::Batch* b) { b->mutable_stats(0)->set_cpu(UINT32_MAX); }},
      {"profiles.reason", [](v1::Batch* b) { b->mutable_profiles(0)->set_reason(std::string(5000, 'x')); }},
      {"gaps.end_ns", [](v1::Batch* b) { b->mutable_gaps(0)->set_end_ns(9); }},
      {"chunks.last_ns", [](v1::Batch* b) { b->mutable_chunks(0)->set_last_ns(9); }},
      {"chunks.events", [](v1::Batch* b) { b->mutable_chunks(0)->set_events(0); }},
      {"chunks.events", [](v1::Batch* b) { b->mutable_chunks(0)->clear_data(); }},
      {"chunks.cpu", [](v1::Batch* b) { b->mutable_chunks(0)->set_cpu(1u << 20); }},
      {"frontiers.ts_ns", [](v1::Batch* b) { b->mutable_frontiers(0)->set_ts_ns(1ull << 63); }},
      {"frontiers",
       [](v1::Batch* b) {
         for (int i = 0; i < (1 << 18); ++i) b->add_frontiers();
       }},
  };
  for (const Row& row : rows) {
    v1::Batch message = Sent(FullBatch());
    row.spoil(&message);
    const auto read = BatchFromMessage(&message);
    ASSERT_FALSE(read) << row.field;
    EXPECT_EQ(read.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(read.error().cause, HasSubstr(row.field));
  }
}

TEST(SessionCodec, NamesBecomePathsSoTheyAreHeldToAFewLetters) {
  v1::Session good;
  SessionToMessage(*FullBatch().session, &good);
  ASSERT_TRUE(SessionFromMessage(good));
  EXPECT_TRUE(SessionFromMessage(good)->loss_marked);
  for (const char* name : {"", ".", "..", "a/b", "a\\b", "-rf", ".ssh", "a b", "a\nb", "\xc3\xa4"}) {
    for (void (*set)(v1::Session*, const std::string&) :
         {+[](v1::Session*s, const std::string&value) { s->set_host(value); },
          +[](v1::Session*s, const std::string&value) { s->set_session(value); },
          +[](v1::Session*s, const std::string&value) { s->set_boot_id(value); }}) {
      v1::Session bad = good;
      set(&bad, name);
      EXPECT_FALSE(SessionFromMessage(bad)) << name;
    }
  }
  v1::Session many = good;
  many.set_cpus(1u << 20);
  EXPECT_FALSE(SessionFromMessage(many));
}

}  // namespace
}  // namespace wakewatch
