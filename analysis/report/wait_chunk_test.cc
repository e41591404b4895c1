#include "analysis/report/wait_chunk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "analysis/report/wait_builder.h"
#include "analysis/report/wait_test_support.h"

namespace wakewatch {
namespace {

using testing::ElementsAreArray;
using wait_test::Line;
using wait_test::LinesOf;
using wait_test::MadeWaits;

std::vector<uint8_t> Encoded(const std::vector<MeasuredWait>& waits) {
  WaitEncoder encoder;
  for (const MeasuredWait& wait : waits) encoder.Add(wait);
  return encoder.Encode();
}

std::vector<std::string> Decoded(Bytes bytes) {
  auto view = WaitView::Open(bytes);
  EXPECT_TRUE(view) << view.error().Text();
  if (!view) return {};
  const auto read = view->ReadAll();
  EXPECT_TRUE(read) << read.error().Text();
  std::vector<std::string> lines;
  for (size_t i = 0; read && i < view->waits(); ++i) lines.push_back(Line(view->WaitAt(i)));
  return lines;
}

MeasuredWait Plain(uint64_t start_ns, uint64_t in_ns) {
  MeasuredWait wait;
  wait.kind = WaitKind::kWake;
  wait.start_ns = wait.wakeup_ns = start_ns;
  wait.in_ns = in_ns;
  return wait;
}

TEST(WaitChunk, GivesBackWhatItWasGiven) {
  for (const size_t count : {size_t{1}, size_t{2}, size_t{300}, kWaitChunkWaits}) {
    const MadeWaits made(count, static_cast<unsigned>(count));
    EXPECT_THAT(Decoded(Encoded(made.all())), ElementsAreArray(LinesOf(made.all())));
  }
}

TEST(WaitChunk, KeepsWhatIsOdd) {
  MeasuredWait extreme = Plain(0, UINT64_MAX);
  extreme.pid = INT32_MAX;
  extreme.prio = INT32_MIN;
  extreme.cpu = UINT32_MAX;
  extreme.thread = LastOf(ThreadKind{});
  extreme.excess_ns = extreme.slice_bound_ns = UINT64_MAX;
  extreme.comm = std::string_view("\0\xff\n", 3);
  MeasuredWait unaccounted = Plain(1000, 9000);  // its buckets are empty
  unaccounted.wakeup_ns = 4000;
  MeasuredWait overlapping = Plain(500, 8000);  // ends before its neighbour, begins before all
  overlapping.buckets.ns.fill(750);
  MeasuredWait delivered_last = Plain(10, 20);
  delivered_last.wakeup_ns = 0;
  const std::vector<MeasuredWait> odd = {unaccounted, extreme, overlapping, delivered_last};
  EXPECT_THAT(Decoded(Encoded(odd)), ElementsAreArray(LinesOf(odd)));
}

TEST(WaitChunk, CutsTextsThatNoTaskHas) {
  MeasuredWait wait = Plain(1, 2);
  const std::string longest(kWaitTextBytesMax, 'x'), longer = longest + "y";
  wait.comm = longer;
  const auto bytes = Encoded({wait});
  wait.comm = longest;
  EXPECT_THAT(Decoded(bytes), ElementsAreArray({Line(wait)}));
}

TEST(WaitChunk, ReadsOneColumnAlone) {
  const MadeWaits made(1000);
  const auto bytes = Encoded(made.all());
  auto view = WaitView::Open(bytes);
  ASSERT_TRUE(view) << view.error().Text();
  const auto off = view->Numbers(ColumnOf(Bucket::kOff));
  const auto cause = view->Text(WaitText::kCause);
  const auto waker = view->Text(WaitText::kWakerComm);
  const auto start = view->Numbers(WaitColumn::kStart);
  ASSERT_TRUE(off && cause && waker && start);
  for (size_t i = 0; i < made.all().size(); ++i) {
    EXPECT_EQ((*off)[i], made.all()[i].buckets.Of(Bucket::kOff));
    EXPECT_EQ((*cause)->At(i), made.all()[i].cause);
    EXPECT_EQ((*waker)->At(i), made.all()[i].waker_comm);
    EXPECT_EQ((*start)[i], made.all()[i].start_ns);
  }
}

TEST(WaitChunk, SumsUpWhatItHolds) {
  const MadeWaits made(500);
  WaitEncoder encoder;
  WaitSummary wanted;
  wanted.first_ns = made.all().front().start_ns;
  for (const MeasuredWait& wait : made.all()) {
    encoder.Add(wait);
    ++wanted.n;
    wanted.first_ns = std::min(wanted.first_ns, wait.start_ns);
    wanted.last_ns = wait.in_ns;
    wanted.latency_ns += wait.in_ns - wait.start_ns;
    wanted.excess_ns += wait.excess_ns;
    wanted.assumed += wait.affinity_known ? 0 : 1;
    for (size_t i = 0; i < kBucketCount; ++i) wanted.buckets.ns[i] += wait.buckets.ns[i];
  }
  EXPECT_EQ(encoder.summary(), wanted);
  EXPECT_EQ(wanted.latency_ns, wanted.buckets.Total()) << "the made waits are accounted for";
  encoder.Clear();
  EXPECT_EQ(encoder.summary(), WaitSummary());
  EXPECT_EQ(encoder.waits(), 0u);
}

TEST(WaitChunk, TakesFewBytesAWait) {
  const MadeWaits made(kWaitChunkWaits);
  EXPECT_LT(Encoded(made.all()).size(), kWaitChunkWaits * 24);
  std::vector<MeasuredWait> idle(kWaitChunkWaits, Plain(1'000'000, 1'003'000));
  EXPECT_LT(Encoded(idle).size(), 600u) << "columns that say nothing take no room";
}

TEST(WaitBuilder, KeepsKernelThreadsAndLongWaitsOfUserTasks) {
  std::vector<MeasuredWait> waits = {Plain(0, 10), Plain(0, 100), Plain(0, 10), Plain(0, 99)};
  waits[2].thread = ThreadKind::kKworker;
  const WaitBuilder builder = wait_test::Built(waits, 100);
  const auto chunk = builder.Unfinished();
  ASSERT_TRUE(chunk);
  EXPECT_THAT(Decoded(chunk->bytes), ElementsAreArray({Line(waits[1]), Line(waits[2])}));
}

TEST(WaitBuilder, ChunksAreNamedByTheirFirstWait) {
  const MadeWaits made(2 * kWaitChunkWaits + 10);
  WaitBuilder builder = wait_test::Built(made.all());
  const auto full = builder.Take();
  ASSERT_EQ(full.size(), 2u);
  EXPECT_EQ(full[0].first_wait, 0u);
  EXPECT_EQ(full[1].first_wait, kWaitChunkWaits);
  EXPECT_EQ(full[1].summary.n, kWaitChunkWaits);
  EXPECT_TRUE(builder.Take().empty());
  const auto open = builder.Unfinished();
  ASSERT_TRUE(open);
  EXPECT_EQ(open->first_wait, 2 * kWaitChunkWaits);
  EXPECT_EQ(open->summary.n, 10u);
  builder.Cut();
  EXPECT_FALSE(builder.Unfinished());
  const auto cut = builder.Take();
  ASSERT_EQ(cut.size(), 1u);
  EXPECT_EQ(cut[0].bytes, open->bytes);
  builder.Cut();
  EXPECT_TRUE(builder.Take().empty()) << "an empty chunk";
  EXPECT_EQ(builder.first_wait(), 2 * kWaitChunkWaits + 10);
}

TEST(WaitBuilder, GoesOnWhereItWasSaved) {
  const MadeWaits made(kWaitChunkWaits + 700);
  for (const size_t at : {size_t{0}, size_t{1}, kWaitChunkWaits - 1, kWaitChunkWaits, kWaitChunkWaits + 500}) {
    SCOPED_TRACE(at);
    WaitBuilder whole = wait_test::Built(made.all());
    WaitBuilder first = wait_test::Built({made.all().begin(), made.all().begin() + static_cast<std::ptrdiff_t>(at)});
    auto second = WaitBuilder::Restore(first.Save(), 0);
    ASSERT_TRUE(second) << second.error().Text();
    for (size_t i = at; i < made.all().size(); ++i) second->Add(made.all()[i]);
    EXPECT_EQ(second->Unfinished()->bytes, whole.Unfinished()->bytes);
    EXPECT_EQ(second->Unfinished()->summary, whole.Unfinished()->summary);
    EXPECT_EQ(second->first_wait(), whole.first_wait());
  }
}

TEST(WaitBuilder, WhatCannotBeItsStateIsRefused) {
  const MadeWaits made(20);
  std::vector<uint8_t> saved = wait_test::Built(made.all()).Save();
  for (size_t size = 0; size < saved.size(); ++size) {
    EXPECT_FALSE(WaitBuilder::Restore(Bytes(saved).first(size), 0)) << size;
  }
  saved.push_back(0);
  EXPECT_FALSE(WaitBuilder::Restore(saved, 0)) << "more than there was";
  saved.pop_back();
  saved[0] = 9;
  const auto newer = WaitBuilder::Restore(saved, 0);
  ASSERT_FALSE(newer);
  EXPECT_EQ(newer.error().code, ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace wakewatch
