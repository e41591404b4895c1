#include "collector/batch_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "analysis/trace/format.h"

namespace wakewatch {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr size_t kPageBytes = 4096;
constexpr uint64_t kMissedEvents = 1u << 31;  // RB_MISSED_EVENTS: events were lost in front of this page
constexpr uint64_t kMissedStored = 1u << 30;  // RB_MISSED_STORED: their number stands behind the data

constexpr char kSoftirqRaise[] =
    "name: softirq_raise\nID: 77\nformat:\n"
    "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
    "\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"
    "\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n"
    "\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"
    "\tfield:unsigned int vec;\toffset:8;\tsize:4;\tsigned:0;\n\n"
    "print fmt: \"vec=%u\", REC->vec\n";

// A page of softirq_raise events 10 ns apart, the first at `first_ns`.
std::vector<uint8_t> Page(uint64_t first_ns, uint32_t events, uint64_t lost = 0) {
  std::vector<uint8_t> page;
  const auto put = [&](auto value) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(&value);
    page.insert(page.end(), bytes, bytes + sizeof value);
  };
  constexpr uint32_t kRecordWords = 3;  // type_len of a 12-byte record
  const uint64_t commit = uint64_t{events} * 16;
  put(first_ns);
  put(commit | (lost != 0 ? kMissedEvents | kMissedStored : 0));
  for (uint32_t i = 0; i < events; ++i) {
    const uint32_t delta_ns = i == 0 ? 0 : 10;
    put(uint32_t{kRecordWords | (delta_ns << 5)});
    put(uint16_t{77});
    put(uint16_t{0});
    put(int32_t{1000});
    put(uint32_t{3});
  }
  if (lost != 0) put(lost);
  page.resize(kPageBytes);
  return page;
}

class BatchBuilderTest : public ::testing::Test {
 protected:
  BatchBuilderTest() : formats_(*FormatTable::Create({}, "")) {
    const auto added = formats_.Add("irq", kSoftirqRaise);
    EXPECT_TRUE(added) << added.error().Text();
    builder_.emplace(formats_, std::vector<uint32_t>{0, 2}, 1);
  }
  Batch Take(bool last = false) { return TakeAt(0, 0, last); }
  Batch TakeAt(uint64_t now_ns, uint64_t frontier_ns, bool last = false) {
    Batch batch;
    builder_->TakeInto({now_ns, frontier_ns, last}, &batch);
    return batch;
  }

  FormatTable formats_;
  std::optional<BatchBuilder> builder_;
};

TEST_F(BatchBuilderTest, PagesOfACpuBecomeOneChunk) {
  builder_->AddPage(0, Page(1000, 10));
  builder_->AddPage(2, Page(1050, 5));
  builder_->AddPage(0, Page(2000, 20));
  const Batch batch = Take();
  ASSERT_THAT(batch.chunks, SizeIs(2));
  EXPECT_EQ(batch.chunks[0].cpu, 0u);
  EXPECT_EQ(batch.chunks[0].events, 30u);
  EXPECT_EQ(batch.chunks[0].first_ns, 1000u);
  EXPECT_EQ(batch.chunks[0].last_ns, 2190u);
  EXPECT_EQ(batch.chunks[0].formats_hash, formats_.Hash());
  EXPECT_EQ(batch.chunks[1].cpu, 2u);
  EXPECT_EQ(batch.chunks[1].events, 5u);
  EXPECT_THAT(batch.gaps, IsEmpty());
  EXPECT_EQ(builder_->events(), 35u);
  EXPECT_THAT(Take().chunks, IsEmpty());
}

TEST_F(BatchBuilderTest, ALossMarkCutsTheChunkAndSaysFromWhereToWhere) {
  builder_->AddPage(0, Page(1000, 10));
  builder_->AddPage(0, Page(5000, 10, 174));
  const Batch batch = Take();
  ASSERT_THAT(batch.chunks, SizeIs(2));
  EXPECT_EQ(batch.chunks[0].last_ns, 1090u);
  EXPECT_EQ(batch.chunks[1].first_ns, 5000u);
  ASSERT_THAT(batch.gaps, SizeIs(1));
  EXPECT_EQ(batch.gaps[0].cpu, 0u);
  EXPECT_EQ(batch.gaps[0].start_ns, 1090u);
  EXPECT_EQ(batch.gaps[0].end_ns, 5000u);
  EXPECT_EQ(batch.gaps[0].lost, 174u);
  EXPECT_EQ(batch.gaps[0].cause, GapCause::kOverrun);
  EXPECT_EQ(builder_->marked(0).lost, 174u);
  EXPECT_EQ(builder_->marked(2).lost, 0u);
  EXPECT_EQ(builder_->gaps(), 1u);
}

TEST_F(BatchBuilderTest, AGapWaitsForItsEndAcrossBatches) {
  builder_->AddPage(0, Page(1000, 10));
  builder_->AddGap(0, 5, GapCause::kOverrun);
  const Batch first = TakeAt(3000, 2900);
  ASSERT_THAT(first.gaps, SizeIs(1));
  EXPECT_EQ(first.gaps[0].start_ns, 1090u);
  EXPECT_EQ(first.gaps[0].end_ns, UINT64_MAX) << "its end is not known yet";
  EXPECT_THAT(TakeAt(3100, 2900).gaps, IsEmpty()) << "announced once";
  builder_->AddPage(0, Page(8000, 1));
  const Batch next = TakeAt(9000, 8900);
  ASSERT_THAT(next.gaps, SizeIs(1));
  EXPECT_EQ(next.gaps[0].start_ns, 1090u);
  EXPECT_EQ(next.gaps[0].end_ns, 8000u);
  EXPECT_EQ(next.gaps[0].lost, 5u);
}

TEST_F(BatchBuilderTest, AGapThatNoEventEndsIsClosedByAFrontierThatIsBehindItsLoss) {
  builder_->AddPage(0, Page(1000, 10));
  builder_->AddGap(0, 5, GapCause::kOverrun);
  EXPECT_THAT(TakeAt(3000, 2900).gaps, SizeIs(1));
  EXPECT_THAT(TakeAt(3400, 2999).gaps, IsEmpty()) << "it may have been lost up to 3000";
  const Batch closed = TakeAt(3500, 3400);
  ASSERT_THAT(closed.gaps, SizeIs(1));
  EXPECT_EQ(closed.gaps[0].start_ns, 1090u);
  EXPECT_EQ(closed.gaps[0].end_ns, 3400u);
  EXPECT_EQ(closed.gaps[0].lost, 5u);
  EXPECT_THAT(TakeAt(4000, 3900, true).gaps, IsEmpty());
  EXPECT_EQ(builder_->gaps(), 1u);
}

TEST_F(BatchBuilderTest, NoGapReachesBehindAFrontierThatWasHandedOut) {
  builder_->AddPage(0, Page(1000, 10));
  EXPECT_THAT(TakeAt(3000, 2900).gaps, IsEmpty());
  builder_->AddPage(0, Page(5000, 10, 174));
  builder_->AddPage(2, Page(2000, 10, 3));  // stamped in front of the frontier, committed behind it
  const Batch batch = TakeAt(6000, 5900);
  ASSERT_THAT(batch.gaps, SizeIs(2));
  EXPECT_EQ(batch.gaps[0].start_ns, 2900u) << "nothing was lost before, and the merge has passed it";
  EXPECT_EQ(batch.gaps[0].end_ns, 5000u);
  EXPECT_EQ(batch.gaps[1].start_ns, 2000u) << "a gap stands in front of the event behind it";
  EXPECT_EQ(batch.gaps[1].end_ns, 2000u);
}

TEST_F(BatchBuilderTest, ALossInFrontOfTheFirstEventIsAGapFromTheBeginning) {
  builder_->AddPage(0, Page(5000, 10, 174));
  const Batch batch = TakeAt(6000, 5900);
  ASSERT_THAT(batch.gaps, SizeIs(1));
  EXPECT_EQ(batch.gaps[0].start_ns, 0u);
  EXPECT_EQ(batch.gaps[0].end_ns, 5000u);
  EXPECT_EQ(batch.gaps[0].lost, 174u);
}

TEST_F(BatchBuilderTest, WhatAKilledRecorderLeftIsAGapInFrontOfTheFirstEvent) {
  builder_->BeginWithGap(0, 12, 500);
  builder_->BeginWithGap(0, 3, 500);  // of another that was killed before
  builder_->BeginWithGap(2, kLostUnknown, 500);
  builder_->BeginWithGap(7, 1, 500);  // a CPU that this recording does not have
  builder_->AddPage(0, Page(1000, 5));
  builder_->AddPage(2, Page(2000, 5, 4));  // this recording's own loss, right behind it
  Batch batch;
  builder_->TakeInto({3000, 2900, false}, &batch);
  ASSERT_THAT(batch.gaps, SizeIs(2));
  EXPECT_EQ(batch.gaps[0].cpu, 0u);
  EXPECT_EQ(batch.gaps[0].start_ns, 500u);
  EXPECT_EQ(batch.gaps[0].end_ns, 1000u);
  EXPECT_EQ(batch.gaps[0].lost, 15u);
  EXPECT_EQ(batch.gaps[0].cause, GapCause::kCollector);
  EXPECT_EQ(batch.gaps[1].lost, kLostUnknown);
  EXPECT_EQ(batch.gaps[1].end_ns, 2000u);
  // What the kernel says that it lost is compared with the marks of this recording only.
  EXPECT_EQ(builder_->marked(0).lost, 0u);
  EXPECT_EQ(builder_->marked(2).lost, 4u);
}

TEST_F(BatchBuilderTest, ACpuThatIsReadNoMoreIsDarkToTheEnd) {
  builder_->AddPage(0, Page(1000, 10));
  builder_->EndCpu(0);
  std::string told;
  for (const uint64_t now_ns : {3000u, 4000u, 5000u}) {
    for (const GapRecord& gap : TakeAt(now_ns, now_ns - 100, now_ns == 5000).gaps) {
      told += std::to_string(gap.start_ns) + ".." + (gap.end_ns == UINT64_MAX ? "" : std::to_string(gap.end_ns)) + " ";
    }
  }
  EXPECT_EQ(told, "1090.. 1090..3900 3900.. 3900.. ");
}

TEST_F(BatchBuilderTest, AGapAtTheEndStaysOpen) {
  builder_->AddGap(2, kLostUnknown, GapCause::kOverrun);
  builder_->AddGap(2, 7, GapCause::kCollector);
  const Batch batch = Take(true);
  ASSERT_THAT(batch.gaps, SizeIs(1)) << "nothing lies between the two";
  EXPECT_EQ(batch.gaps[0].start_ns, 0u) << "no event was seen on this CPU";
  EXPECT_EQ(batch.gaps[0].end_ns, UINT64_MAX);
  EXPECT_EQ(batch.gaps[0].lost, kLostUnknown);
  EXPECT_EQ(batch.gaps[0].cause, GapCause::kUnknown);
  EXPECT_TRUE(builder_->marked(2).unknown);
}

TEST_F(BatchBuilderTest, ChunksAreCutAtTheirTargetSize) {
  constexpr uint32_t kEventsAPage = 250;
  uint64_t at_ns = 1000, added = 0;
  while (added <= kChunkEventsTarget) {
    builder_->AddPage(0, Page(at_ns, kEventsAPage));
    at_ns += 10'000;
    added += kEventsAPage;
  }
  EXPECT_GT(builder_->finished_bytes(), 0u);
  const Batch batch = Take();
  ASSERT_THAT(batch.chunks, SizeIs(2));
  EXPECT_EQ(batch.chunks[0].events, kChunkEventsTarget);
  EXPECT_EQ(batch.chunks[0].events + batch.chunks[1].events, added);
  EXPECT_LE(batch.chunks[0].last_ns, batch.chunks[1].first_ns);
}

TEST_F(BatchBuilderTest, APageThatMakesNoSenseBecomesAGap) {
  builder_->AddPage(0, Page(1000, 10));
  std::vector<uint8_t> bad = Page(2000, 10);
  const uint64_t commit = 60'000;
  std::memcpy(bad.data() + 8, &commit, sizeof commit);
  builder_->AddPage(0, bad);
  builder_->AddPage(0, Page(3000, 10));
  builder_->AddPage(7, Page(3000, 10));  // a CPU without a buffer
  const Batch batch = Take(true);
  ASSERT_THAT(batch.gaps, SizeIs(1));
  EXPECT_EQ(batch.gaps[0].cause, GapCause::kCorrupt);
  EXPECT_EQ(batch.gaps[0].start_ns, 1090u);
  EXPECT_EQ(batch.gaps[0].end_ns, 3000u);
  EXPECT_EQ(batch.gaps[0].lost, kLostUnknown);
  EXPECT_EQ(builder_->anomalies().Of(Anomaly::kPageCommitPastEnd), 1u);
  EXPECT_EQ(builder_->events(), 20u);
}

// Gaps as "cpu:start..end-lost".
std::string Told(const Batch& batch) {
  std::string told;
  for (const GapRecord& gap : batch.gaps) {
    told += std::to_string(gap.cpu) + ":" + std::to_string(gap.start_ns) + ".." +
            (gap.end_ns == UINT64_MAX ? "" : std::to_string(gap.end_ns)) + "-" + std::to_string(gap.lost) + " ";
    EXPECT_EQ(gap.cause, GapCause::kCollector);
  }
  return told;
}

const std::vector<bool> kAll = {true}, kNone = {false};

TEST_F(BatchBuilderTest, AChangeOfWhatIsRecordedIsTwoGapsOnEveryCpu) {
  builder_->AddPage(0, Page(1000, 3));
  builder_->AddPage(2, Page(1000, 1));
  builder_->SetAside(2000, 3000, kNone);
  builder_->AddPage(0, Page(1500, 2));  // before it
  builder_->AddPage(0, Page(1990, 3));  // 1990, 2000, 2010: two of them within
  builder_->AddPage(0, Page(2990, 2));  // 2990 within, 3000 behind
  Batch batch = TakeAt(2500, 1900);
  EXPECT_EQ(Told(batch), "0:1990..2000-0 0:2990..3000-0 ");
  ASSERT_THAT(batch.chunks, SizeIs(4)) << "nothing is left out, and no chunk spans a gap";
  // CPU 2 has nothing more to say: its gaps are announced when a frontier has passed the change, and then closed.
  EXPECT_EQ(Told(TakeAt(2700, 2600)), "2:1900..-0 ");
  EXPECT_EQ(Told(TakeAt(4000, 3900)), "2:1900..3900-0 ");
  EXPECT_EQ(builder_->set_aside(), 0u);
  EXPECT_EQ(builder_->events(), 11u);
}

TEST_F(BatchBuilderTest, EventsThatComeOrGoAreLeftOutInBetween) {
  builder_->AddPage(0, Page(1000, 3));
  builder_->SetAside(2000, 3000, kAll);
  builder_->AddPage(0, Page(1990, 3));  // two within
  builder_->AddPage(0, Page(2990, 2));  // one within
  Batch batch = TakeAt(3500, 1900);
  EXPECT_EQ(Told(batch), "0:1990..3000-3 ") << "with nothing in between the two gaps are one";
  ASSERT_THAT(batch.chunks, SizeIs(2));
  EXPECT_EQ(batch.chunks[0].last_ns, 1990u);
  EXPECT_EQ(batch.chunks[1].first_ns, 3000u);
  EXPECT_EQ(builder_->set_aside(), 3u);
  EXPECT_EQ(builder_->events(), 5u);
  EXPECT_EQ(builder_->events_by_format(), std::vector<uint64_t>{8});
  EXPECT_EQ(builder_->marked(0).lost, 0u) << "the kernel lost nothing";
}

TEST_F(BatchBuilderTest, AChangeAndALossThatMeetAreOneGap) {
  builder_->AddPage(0, Page(1000, 3));
  builder_->SetAside(2000, 3000, kAll);
  builder_->AddPage(0, Page(2500, 2, 7));  // lost from 1020 to 2500, and what follows is left out
  builder_->AddPage(0, Page(3500, 1));
  const Batch batch = TakeAt(2900, 1900);
  ASSERT_THAT(batch.gaps, SizeIs(1));
  EXPECT_EQ(batch.gaps[0].start_ns, 1020u);
  EXPECT_EQ(batch.gaps[0].end_ns, 3500u);
  EXPECT_EQ(batch.gaps[0].lost, 9u);
  EXPECT_EQ(batch.gaps[0].cause, GapCause::kUnknown);
  EXPECT_EQ(builder_->marked(0).lost, 7u);
}

TEST_F(BatchBuilderTest, TheLastBatchHasTheGapsOfAllChanges) {
  builder_->AddPage(0, Page(1000, 3));
  builder_->AddPage(2, Page(1000, 3));
  builder_->SetAside(2000, 3000, kNone);
  builder_->SetAside(6000, 7000, kNone);
  builder_->AddPage(0, Page(5000, 2));
  EXPECT_EQ(Told(TakeAt(8000, 8000, true)), "0:1020..5000-0 0:5010..-0 2:1020..-0 ");
}

}  // namespace
}  // namespace wakewatch
