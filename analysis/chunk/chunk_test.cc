#include "analysis/chunk/chunk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "analysis/chunk/chunk_test_support.h"

namespace wakewatch {
namespace {

using chunk_test::Difference;
using chunk_test::Encode;
using chunk_test::Events;
using chunk_test::MakeFormats;
using chunk_test::RandomRecords;
using chunk_test::Workload;

std::string RoundTrip(const FormatTable& formats, const Events& events) {
  const Chunk chunk = Encode(formats, events);
  const auto view = ChunkView::Open(chunk.bytes, formats);
  if (!view) return view.error().Text();
  EventBlock block;
  AnomalyCounts anomalies;
  const RecordDecoder decoder(formats);
  const Status status = view->Decode(decoder, &block, &anomalies);
  if (!status) return status.error().Text();
  return Difference(events.all(), block.events);
}

TEST(ChunkTest, RandomRecordsComeBackByteForByte) {
  for (const std::endian order : {std::endian::little, std::endian::big}) {
    const FormatTable formats = MakeFormats(order);
    uint32_t seed = 1;
    for (const size_t n : {1u, 2u, 3u, 60u, 700u, 9000u}) {
      for (const uint64_t spread : {uint64_t{1}, uint64_t{2}, uint64_t{30}, uint64_t{1000}, uint64_t{1} << 40}) {
        SCOPED_TRACE(std::to_string(n) + " events, spread " + std::to_string(spread));
        EXPECT_EQ(RoundTrip(formats, RandomRecords(formats, n, spread, ++seed)), "");
      }
    }
  }
}

TEST(ChunkTest, SchedulerEventsComeBackByteForByte) {
  const FormatTable formats = MakeFormats();
  EXPECT_EQ(RoundTrip(formats, Workload(formats, 20000, 7)), "");
}

TEST(ChunkTest, WhatFollowsFromThePidCostsNearlyNothing) {
  const FormatTable formats = MakeFormats();
  const Events events = Workload(formats, 20000, 7);
  const Chunk chunk = Encode(formats, events);
  // Two bytes of time, and about one for who runs next, is woken where, and in which state the last one slept.
  EXPECT_LT(chunk.bytes.size(), events.all().size() * 4);
}

TEST(ChunkTest, HeaderSaysWhatTheChunkHolds) {
  const FormatTable formats = MakeFormats();
  const Events events = Workload(formats, 500, 3);
  const Chunk chunk = Encode(formats, events);
  const auto header = ChunkView::ReadHeader(chunk.bytes);
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(header->version, kChunkVersion);
  EXPECT_EQ(header->cpu, 3u);
  EXPECT_EQ(header->events, events.all().size());
  EXPECT_EQ(header->first_ns, events.all().front().ts_ns);
  EXPECT_EQ(header->last_ns, events.all().back().ts_ns);
  EXPECT_EQ(header->formats_hash, formats.Hash());
  EXPECT_EQ(chunk.events, header->events);
  EXPECT_EQ(chunk.first_ns, header->first_ns);
  EXPECT_EQ(chunk.last_ns, header->last_ns);
}

TEST(ChunkTest, SingleColumnsSayWhatTheRecordsSay) {
  const FormatTable formats = MakeFormats();
  for (const uint64_t spread : {uint64_t{3}, uint64_t{500}, uint64_t{1} << 40}) {
    const Events events = RandomRecords(formats, 4000, spread, 11);
    const Chunk chunk = Encode(formats, events);
    const auto view = ChunkView::Open(chunk.bytes, formats);
    ASSERT_TRUE(view.has_value());
    const auto times = view->Times();
    const auto indexes = view->FormatIndexes();
    const auto flags = view->Flags();
    const auto preempt_counts = view->PreemptCounts();
    const auto pids = view->Pids();
    ASSERT_TRUE(times && indexes && flags && preempt_counts && pids);
    std::vector<std::vector<const Event*>> by_format(formats.events().size());
    for (size_t i = 0; i < events.all().size(); ++i) {
      const Event& event = events.all()[i];
      ASSERT_EQ((*times)[i], event.ts_ns);
      ASSERT_EQ((*indexes)[i], event.format);
      ASSERT_EQ((*flags)[i], event.flags);
      ASSERT_EQ((*preempt_counts)[i], event.preempt_count);
      ASSERT_EQ((*pids)[i], event.pid);
      by_format[event.format].push_back(&event);
    }
    for (uint16_t index = 0; index < formats.events().size(); ++index) {
      const auto& rows = by_format[index];
      ASSERT_EQ(view->Count(index), rows.size());
      for (size_t f = 0; f < formats.events()[index].fields.size(); ++f) {
        const FieldSpec& field = formats.events()[index].fields[f];
        SCOPED_TRACE(field.name);
        const bool integer = field.kind == FieldKind::kSigned || field.kind == FieldKind::kUnsigned;
        EXPECT_EQ(view->Integers(index, f).has_value(), integer);
        EXPECT_EQ(view->Texts(index, f).has_value(), !integer);
        for (size_t i = 0; i < rows.size(); ++i) {
          if (integer) {
            ASSERT_EQ((*view->Integers(index, f))[i], ReadInteger(rows[i]->record, field, std::endian::native));
          } else {
            const auto text = view->Texts(index, f);
            ASSERT_LT((*text)->codes[i], (*text)->dictionary.size());
            if (field.kind != FieldKind::kText) continue;
            const auto* at = reinterpret_cast<const char*>(rows[i]->record) + field.offset;
            ASSERT_EQ((*text)->dictionary[(*text)->codes[i]], std::string_view(at, strnlen(at, field.size)));
          }
        }
      }
    }
  }
}

TEST(ChunkTest, FormatsAndFieldsThatAreNotThereAreEmptyOrRefused) {
  const FormatTable formats = MakeFormats();
  const Events events = Workload(formats, 100, 5);
  const Chunk chunk = Encode(formats, events);
  const auto view = ChunkView::Open(chunk.bytes, formats);
  ASSERT_TRUE(view.has_value());
  EXPECT_EQ(view->Count(2), 0u);
  EXPECT_TRUE(view->Integers(2, 1)->empty());
  EXPECT_TRUE((*view->Texts(2, 0))->codes.empty());
  EXPECT_EQ(view->Integers(0, 99).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(view->Texts(0, 99).error().code, ErrorCode::kInvalidArgument);
}

// What is lost on purpose, and nothing else.
TEST(ChunkTest, BytesBehindATextsNulAndPaddingBecomeZero) {
  const FormatTable formats = MakeFormats();
  Events dirty(formats, 3), clean(formats, 3);
  for (int i = 0; i < 50; ++i) {
    auto record = clean.Blank(4, 0, 0, 1);
    std::memcpy(&record[52], "ab", 2);
    clean.Add(10, 4, record);
    record[54 + 1] = static_cast<uint8_t>(i + 1);  // behind the label's NUL
    record[14] = 0x55;                             // between d and e
    dirty.Add(10, 4, record);
  }
  const Chunk chunk = Encode(formats, dirty);
  EventBlock block;
  AnomalyCounts anomalies;
  ASSERT_TRUE(ChunkView::Open(chunk.bytes, formats)->Decode(RecordDecoder(formats), &block, &anomalies));
  EXPECT_EQ(Difference(clean.all(), block.events), "");
}

TEST(ChunkTest, VariablePartsAreLaidOutAnewWithTheirValuesKept) {
  const FormatTable formats = MakeFormats();
  Events odd(formats, 3), canonical(formats, 3);
  auto record = odd.Blank(5, 0, 0, 1);
  record.resize(60);
  std::memcpy(&record[30], "tail-first", 10);  // the second text stands in front of the first, with a hole between
  std::memcpy(&record[50], "abc", 3);
  odd.Put(&record, 8, 4, 4u << 16 | 50);    // first: "abc\0"
  odd.Put(&record, 16, 4, 9u << 16 | 500);  // blob: outside the record
  odd.Put(&record, 20, 4, 10u << 16 | 30);  // second: no NUL within its size
  odd.Add(10, 5, record);
  auto want = canonical.Blank(5, 0, 0, 1);
  canonical.BeginLocs(5);
  canonical.PutLoc(&want, 8, "abc", true);
  canonical.PutLoc(&want, 16, "", false);
  canonical.PutLoc(&want, 20, "tail-first", true);
  canonical.EndLocs(&want);
  canonical.Add(10, 5, want);
  const Chunk chunk = Encode(formats, odd);
  EventBlock block;
  AnomalyCounts anomalies;
  ASSERT_TRUE(ChunkView::Open(chunk.bytes, formats)->Decode(RecordDecoder(formats), &block, &anomalies));
  EXPECT_EQ(Difference(canonical.all(), block.events), "");
}

TEST(ChunkTest, BytesBehindTheLastFieldAreKept) {
  const FormatTable formats = MakeFormats();
  Events events(formats, 3);
  for (size_t i = 0; i < 40; ++i) {
    auto record = events.Blank(1, 0, 0, 1);
    for (size_t k = 0; i % 3 != 0 && k < 4 * (i % 5); ++k) record.push_back(static_cast<uint8_t>(i * k + 1));
    events.Add(10, 1, record);
  }
  EXPECT_EQ(RoundTrip(formats, events), "");
}

TEST(ChunkTest, TimesThatGoBackAreRaised) {
  const FormatTable formats = MakeFormats();
  Events events(formats, 3);
  for (const uint64_t ts : {10u, 30u, 20u, 40u}) events.Add(ts, 1, events.Blank(1, 0, 0, 1));
  const Chunk chunk = Encode(formats, events);
  const auto view = ChunkView::Open(chunk.bytes, formats);
  ASSERT_TRUE(view.has_value());
  const auto times = view->Times();
  ASSERT_TRUE(times.has_value());
  EXPECT_THAT(std::vector<uint64_t>(times->begin(), times->end()), testing::ElementsAre(10, 30, 30, 40));
}

TEST(ChunkEncoderTest, OneEncoderMakesTheSameChunksAsNewOnes) {
  const FormatTable formats = MakeFormats();
  ChunkEncoder reused(formats, 3);
  for (uint32_t seed = 1; seed < 12; ++seed) {
    const Events events = seed % 2 != 0 ? Workload(formats, 400 * seed, seed) : RandomRecords(formats, 3000, 900, seed);
    for (const Event& event : events.all()) reused.Add(event);
    EXPECT_EQ(reused.events(), events.all().size());
    EXPECT_GT(reused.pending_bytes(), 0u);
    const auto chunk = reused.Finish();
    ASSERT_TRUE(chunk.has_value());
    EXPECT_EQ(chunk->bytes, Encode(formats, events).bytes);
    EXPECT_EQ(reused.events(), 0u);
  }
}

TEST(ChunkEncoderTest, RefusesToFinishNothing) {
  const FormatTable formats = MakeFormats();
  ChunkEncoder encoder(formats, 0);
  EXPECT_EQ(encoder.Finish().error().code, ErrorCode::kInvalidArgument);
}

TEST(ChunkEncoderTest, SaysWhenItIsFullAndRefusesMoreThanAChunkHolds) {
  const FormatTable formats = MakeFormats();
  Events events(formats, 0);
  events.Add(1, 1, events.Blank(1, 0, 0, 1));
  ChunkEncoder encoder(formats, 0);
  while (!encoder.full()) encoder.Add(events.all()[0]);
  EXPECT_EQ(encoder.events(), kChunkEventsTarget);
  for (uint32_t i = kChunkEventsTarget; i <= kChunkEventsMax; ++i) encoder.Add(events.all()[0]);
  EXPECT_EQ(encoder.Finish().error().code, ErrorCode::kTooLarge);
  encoder.Add(events.all()[0]);
  EXPECT_TRUE(encoder.Finish().has_value());
}

TEST(ChunkEncoderTest, LargeRecordsFillItEarly) {
  const FormatTable formats = MakeFormats();
  Events events(formats, 0);
  auto record = events.Blank(2, 0, 0, 1);
  events.BeginLocs(2);
  events.PutLoc(&record, 8, std::string(60000, 'x'), true);
  events.EndLocs(&record);
  events.Add(1, 2, record);
  ChunkEncoder encoder(formats, 0);
  while (!encoder.full()) encoder.Add(events.all()[0]);
  EXPECT_LT(encoder.events(), 400u);
  const auto chunk = encoder.Finish();
  ASSERT_TRUE(chunk.has_value());
  EXPECT_LT(chunk->bytes.size(), 5000u);  // one text in its dictionary
}

}  // namespace
}  // namespace wakewatch
