#include "analysis/trace/page_decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <tuple>
#include <vector>

#include "analysis/trace/page_builder.h"

namespace wakewatch {
namespace {

using page_test::Formats;
using page_test::kEventBytes;
using page_test::PageBuilder;
using page_test::Shape;
using page_test::TextOf;
using Pages = std::vector<PageBuilder>;

struct Story {
  const char* name;
  std::function<Pages(const Shape&)> make;
  const char* events;
  const char* anomalies;
};

constexpr uint64_t kFarStamp = 0xf800000000001000;  // beyond the 59 bits of an absolute stamp

const Story kStories[] = {
    {"EventsAreTimedFromTheOneInFront",
     [](const Shape& s) { return Pages{PageBuilder(s, 1000).Event(0).Event(10).Event(5)}; }, "1000\n1010\n1015\n", ""},
    {"TheNextPageHasAStampOfItsOwn",
     [](const Shape& s) {
       return Pages{PageBuilder(s, 1000).Event(0).Event(10), PageBuilder(s, 5000).Event(3)};
     },
     "1000\n1010\n5003\n", ""},
    {"APageWithoutData", [](const Shape& s) { return Pages{PageBuilder(s, 1000)}; }, "", ""},
    {"ATimeExtendReachesBeyond27Bits",
     [](const Shape& s) { return Pages{PageBuilder(s, 1000).Event(0).Extend(10'000'000'000).Event(7)}; },
     "1000\n10000001007\n", ""},
    {"AnAbsoluteStampReplacesTheTime",
     [](const Shape& s) { return Pages{PageBuilder(s, 1000).Event(0).Absolute(10'000'000'000).Event(7)}; },
     "1000\n10000000007\n", ""},
    {"AnAbsoluteStampTakesItsUpperBitsFromTheTime",
     [](const Shape& s) { return Pages{PageBuilder(s, kFarStamp).Event(0).Absolute(0x5000).Event(1)}; },
     "17870283321406132224\n17870283321406148609\n", ""},
    {"AnAbsoluteStampThatOverflows59BitsGoesOn",
     [](const Shape& s) { return Pages{PageBuilder(s, 0x0fffffffffffff00).Event(0).Absolute(0x100).Event(0)}; },
     "1152921504606846720\n1152921504606847232\n", ""},
    {"AnAbsoluteStampInThePastRaisesWhatFollows",
     [](const Shape& s) { return Pages{PageBuilder(s, 1000).Event(0).Absolute(500).Event(7).Event(600)}; },
     "1000\n1000\n1107\n", "page-time-backwards 1\n"},
    {"ALongRecordSaysItsLength",
     [](const Shape& s) { return Pages{PageBuilder(s, 1000).LongEvent(0, 120).LongEvent(9).Event(1)}; },
     "1000\n1009\n1010\n", ""},
    {"ADiscardedEventTakesItsTime",
     [](const Shape& s) { return Pages{PageBuilder(s, 1000).Event(0).Discarded(50).Event(10)}; }, "1000\n1060\n", ""},
    {"ADiscardedEventWithoutTimeSaysOne",
     [](const Shape& s) { return Pages{PageBuilder(s, 1000).Event(0).Discarded(1).Event(10)}; }, "1000\n1010\n", ""},
    {"ANullEventEndsThePage", [](const Shape& s) { return Pages{PageBuilder(s, 1000).Event(0).Null()}; }, "1000\n", ""},

    {"MissedWithACount",
     [](const Shape& s) {
       return Pages{PageBuilder(s, 1000).Event(0), PageBuilder(s, 5000).Event(3).MissedCount(174)};
     },
     "1000\ngap 1000..5003 174 overrun\n5003\n", ""},
    {"MissedWithoutACount", [](const Shape& s) { return Pages{PageBuilder(s, 5000).Event(3).Event(1).Missed()}; },
     "gap 0..5003 ? overrun\n5003\n5004\n", ""},
    {"ACountThatThePageHasNoRoomFor",
     [](const Shape& s) { return Pages{PageBuilder(s, 5000).Event(3).Null().MissedCount(174)}; },
     "gap 0..5003 ? overrun\n5003\n", ""},
    {"TheKernelLostCountItself",
     [](const Shape& s) { return Pages{PageBuilder(s, 5000).Event(3).MissedCount(UINT64_MAX)}; },
     "gap 0..5003 ? overrun\n5003\n", ""},
    {"MissedInFrontOfNothingStaysOpen",
     [](const Shape& s) { return Pages{PageBuilder(s, 5000).Discarded(3).MissedCount(9)}; }, "gap 0..open 9 overrun\n",
     ""},

    {"UnknownIdsAreLeftOutAndNoGap",
     [](const Shape& s) { return Pages{PageBuilder(s, 1000).Event(0).Event(5, 4711).Event(5)}; }, "1000\n1010\n",
     "unknown-event-id 1\n"},
    {"AShortRecordIsAGapUpToTheNext",
     [](const Shape& s) { return Pages{PageBuilder(s, 1000).Event(0).ShortEvent(5).ShortEvent(5).Event(5).Event(5)}; },
     "1000\ngap 1000..1015 ? corrupt\n1015\n1020\n", "short-record 2\n"},
    {"AnEmptyLongRecordIsShort",
     [](const Shape& s) { return Pages{PageBuilder(s, 1000).Event(0).Header(0, 5).Word(4).Event(5)}; },
     "1000\ngap 1000..1010 ? corrupt\n1010\n", "short-record 1\n"},
    {"ALengthThatDoesNotCountItself",
     [](const Shape& s) { return Pages{PageBuilder(s, 1000).Event(0).Header(0, 5).Word(3).Event(5)}; },
     "1000\ngap 1000..open ? corrupt\n", "page-bad-record 1\n"},
    {"ALongRecordPastTheEnd",
     [](const Shape& s) { return Pages{PageBuilder(s, 1000).Event(0).Header(0, 5).Word(0xfffffffe).Event(5)}; },
     "1000\ngap 1000..open ? corrupt\n", "page-bad-record 1\n"},
    {"ADiscardedEventPastTheEnd",
     [](const Shape& s) { return Pages{PageBuilder(s, 1000).Event(0).Header(29, 5).Word(4096).Event(5)}; },
     "1000\ngap 1000..open ? corrupt\n", "page-bad-record 1\n"},
    {"ARecordPastTheEnd", [](const Shape& s) { return Pages{PageBuilder(s, 1000).Event(0).Header(28, 5).Raw(40)}; },
     "1000\ngap 1000..open ? corrupt\n", "page-bad-record 1\n"},
    {"TheDataEndsInsideAHeader", [](const Shape& s) { return Pages{PageBuilder(s, 1000).Event(0).Raw(3)}; },
     "1000\ngap 1000..open ? corrupt\n", "page-bad-record 1\n"},
    {"TheDataEndsInsideAnExtend", [](const Shape& s) { return Pages{PageBuilder(s, 1000).Event(0).Header(30, 5)}; },
     "1000\ngap 1000..open ? corrupt\n", "page-bad-record 1\n"},
    {"CommitPastTheEnd",
     [](const Shape& s) {
       return Pages{PageBuilder(s, 1000).Event(0), PageBuilder(s, 2000).Event(0).Commit(60'000),
                    PageBuilder(s, 3000).Event(0)};
     },
     "1000\ngap 1000..open ? corrupt\n3000\n", "page-commit-past-end 1\n"},
    {"MissedAndBrokenIsOneGap",
     [](const Shape& s) { return Pages{PageBuilder(s, 2000).Event(0).MissedCount(5).Commit(60'000)}; },
     "gap 0..open ? corrupt\n", "page-commit-past-end 1\n"},
    {"APageWithoutAllOfItsHeader", [](const Shape& s) { return Pages{PageBuilder(s, 2000).Event(0).Cut(11)}; },
     "gap 0..open ? corrupt\n", "page-commit-past-end 1\n"},
    {"NoBytesAtAll", [](const Shape& s) { return Pages{PageBuilder(s, 2000).Cut(0)}; }, "gap 0..open ? corrupt\n",
     "page-commit-past-end 1\n"},
    {"APageThatWasCutBehindItsData",
     [](const Shape& s) {
       return Pages{PageBuilder(s, 2000).Event(0).MissedCount(5).Cut(s.header_size() + 4 + kEventBytes)};
     },
     "gap 0..2000 ? overrun\n2000\n", ""},

    {"APageFromThePastIsRaised",
     [](const Shape& s) {
       return Pages{PageBuilder(s, 5000).Event(0), PageBuilder(s, 1000).Event(0).Event(3000).Event(2000),
                    PageBuilder(s, 9000).Event(0)};
     },
     "5000\n5000\n5000\n6000\n9000\n", "page-time-backwards 1\n"},
    {"TimeThatOverflowsStandsStill",
     [](const Shape& s) { return Pages{PageBuilder(s, UINT64_MAX - 5).Event(0).Event(10)}; },
     "18446744073709551610\n18446744073709551610\n", "page-time-backwards 1\n"},
};

using Case = std::tuple<Story, std::endian, uint8_t>;

class PageDecoderStory : public testing::TestWithParam<Case> {};

TEST_P(PageDecoderStory, DecodesAsTold) {
  const auto& [story, order, long_size] = GetParam();
  const Shape shape{order, long_size};
  const FormatTable formats = Formats(shape);
  const RecordDecoder records(formats);
  PageDecoder decoder(records, 3);
  AnomalyCounts anomalies;
  std::string events;
  for (const PageBuilder& builder : story.make(shape)) {
    const std::vector<uint8_t> page = builder.Take();
    EventBlock block;
    decoder.Decode(page, &block, &anomalies);
    events += TextOf(block.events);
    for (const Event& event : block.events) {
      EXPECT_EQ(event.cpu, 3u);
      if (event.type == EventType::kGap) continue;
      EXPECT_EQ(event.type, EventType::kSoftirqRaise);
      EXPECT_EQ(event.softirq.vec, 3u);
      EXPECT_EQ(event.pid, 1000);
      EXPECT_TRUE(event.record >= page.data() && event.record + event.record_size <= page.data() + page.size())
          << "the record is the page's own bytes";
    }
  }
  EXPECT_EQ(events, story.events);
  EXPECT_EQ(TextOf(anomalies), story.anomalies);
}

std::string NameOf(const testing::TestParamInfo<Case>& info) {
  const auto& [story, order, long_size] = info.param;
  return std::string(story.name) + (order == std::endian::big ? "Big" : "Little") + std::to_string(long_size * 8);
}

INSTANTIATE_TEST_SUITE_P(Stories, PageDecoderStory,
                         testing::Combine(testing::ValuesIn(kStories),
                                          testing::Values(std::endian::little, std::endian::big),
                                          testing::Values(uint8_t{8}, uint8_t{4})),
                         NameOf);

TEST(PageDecoder, EventsAreAddedBehindThoseOfThePageBefore) {
  const Shape shape;
  const FormatTable formats = Formats(shape);
  const RecordDecoder records(formats);
  PageDecoder decoder(records, 0);
  AnomalyCounts anomalies;
  EventBlock block;
  const auto first = PageBuilder(shape, 1000).Event(0).Take();
  const auto second = PageBuilder(shape, 2000).Event(0).ShortEvent(1).Event(1).Missed().Take();
  decoder.Decode(first, &block, &anomalies);
  decoder.Decode(second, &block, &anomalies);
  EXPECT_EQ(TextOf(block.events), "1000\ngap 1000..2000 ? overrun\n2000\ngap 2000..2002 ? corrupt\n2002\n");
}

TEST(PageDecoder, ARecordTooLongForAnEventKeepsItsFront) {
  const Shape shape{std::endian::little, 8, 128 * 1024};
  const FormatTable formats = Formats(shape);
  const RecordDecoder records(formats);
  PageDecoder decoder(records, 0);
  AnomalyCounts anomalies;
  EventBlock block;
  const auto page = PageBuilder(shape, 1000).LongEvent(0, 100'000).Event(5).Take();
  decoder.Decode(page, &block, &anomalies);
  ASSERT_EQ(TextOf(block.events), "1000\n1005\n");
  EXPECT_EQ(block.events[0].record_size, 65535u);
  EXPECT_EQ(block.events[1].record_size, kEventBytes);
}

}  // namespace
}  // namespace wakewatch
