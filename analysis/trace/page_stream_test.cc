#include "analysis/trace/page_stream.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "analysis/trace/page_builder.h"

namespace wakewatch {
namespace {

using page_test::Formats;
using page_test::PageBuilder;
using page_test::Shape;
using page_test::TextOf;
using Pages = std::vector<PageBuilder>;

const Shape kShape{std::endian::little, 8, 256};

PageBuilder Good(uint64_t stamp) { return PageBuilder(kShape, stamp).Event(0); }
PageBuilder Broken() { return PageBuilder(kShape, 2000).Commit(60'000); }
PageBuilder BrokenBehind(uint64_t stamp) { return Good(stamp).Header(28, 5).Raw(8); }

struct Story {
  const char* name;
  std::function<Pages()> make;
  bool truncated;  // the file announced more
  const char* events;
  const char* anomalies;
};

const Story kStories[] = {
    {"NothingAtAll", [] { return Pages(); }, false, "", ""},
    {"PagesOneAfterTheOther",
     [] {
       return Pages{Good(1000), Good(2000)};
     },
     false, "1000\n2000\n", ""},
    {"ABrokenPageIsAGapUpToTheNextEvent",
     [] {
       return Pages{Good(1000), Broken(), Good(3000)};
     },
     false, "1000\ngap 1000..3000 ? corrupt\n3000\n", "page-commit-past-end 1\n"},
    {"TwoBrokenPagesAreOneGap",
     [] {
       return Pages{Good(1000), BrokenBehind(1500), Broken(), Good(3000)};
     },
     false, "1000\n1500\ngap 1500..3000 ? corrupt\n3000\n", "page-commit-past-end 1\npage-bad-record 1\n"},
    {"ABrokenPageInFrontOfALoss",
     [] {
       return Pages{Good(1000), Broken(), Good(3000).MissedCount(7)};
     },
     false, "1000\ngap 1000..3000 ? corrupt\n3000\n", "page-commit-past-end 1\n"},
    {"LossesInFrontOfNothingAddUp",
     [] {
       return Pages{Good(1000), PageBuilder(kShape, 2000).Discarded(5).MissedCount(7), Good(3000).MissedCount(8)};
     },
     false, "1000\ngap 1000..3000 15 overrun\n3000\n", ""},
    {"ALossAtTheEndStaysOpen",
     [] {
       return Pages{Good(1000), PageBuilder(kShape, 2000).Discarded(5).MissedCount(7)};
     },
     false, "1000\ngap 1000..open 7 overrun\n", ""},
    {"NothingButABrokenPage", [] { return Pages{Broken()}; }, false, "gap 0..open ? corrupt\n",
     "page-commit-past-end 1\n"},
    {"ALastPageCutInsideItsData",
     [] {
       return Pages{Good(1000), Good(2000).Event(5).Cut(40)};
     },
     false, "1000\ngap 1000..open ? corrupt\n", "truncated-input 1\n"},
    {"ALastPageCutInsideItsHeader",
     [] {
       return Pages{Good(1000), Good(2000).Cut(9)};
     },
     false, "1000\ngap 1000..open ? corrupt\n", "truncated-input 1\n"},
    {"ALastPageCutBehindItsData",
     [] {
       return Pages{Good(1000), Good(2000).Cut(100)};
     },
     false, "1000\n2000\n", ""},
    {"AFileThatAnnouncedMoreEndsInAGap", [] { return Pages{Good(1000)}; }, true, "1000\ngap 1000..open ? corrupt\n",
     ""},
    {"AFileThatAnnouncedMoreAndEndsInsideAPage",
     [] {
       return Pages{Good(1000), Good(2000).Cut(20)};
     },
     true, "1000\ngap 1000..open ? corrupt\n", ""},
};

struct Read {
  std::string events, anomalies;
};

Read ReadPages(const Pages& pages, PageRun run, size_t target) {
  std::vector<uint8_t> bytes(100);  // the run need not stand at the file's beginning
  run.offset = bytes.size();
  for (const PageBuilder& builder : pages) {
    const auto page = builder.Take();
    bytes.insert(bytes.end(), page.begin(), page.end());
  }
  run.size = bytes.size() - run.offset;
  run.page_size = kShape.page_size;
  const FileView view = FileView::FromBytes("pages", std::move(bytes));
  const FormatTable formats = Formats(kShape);
  const RecordDecoder records(formats);
  const auto reader = OpenPlainPages(view, records, run);
  EXPECT_EQ(reader->cpu(), run.cpu);
  EventBlock block;
  Read read;
  for (;;) {
    const auto more = reader->Fill(&block, target);
    EXPECT_TRUE(more);
    EXPECT_EQ(more && *more, !block.events.empty());
    if (!more || !*more) break;
    read.events += TextOf(block.events);
    for (const Event& event : block.events) EXPECT_EQ(event.cpu, run.cpu);
  }
  const auto again = reader->Fill(&block, target);
  EXPECT_TRUE(again && !*again) << "the end stays the end";
  read.anomalies = TextOf(reader->anomalies());
  return read;
}

class PageStreamStory : public testing::TestWithParam<Story> {};

TEST_P(PageStreamStory, ReadsAsTold) {
  const Story& story = GetParam();
  PageRun run;
  run.cpu = 5;
  run.truncated = story.truncated;
  for (const size_t target : {1u, 1000u}) {
    const Read read = ReadPages(story.make(), run, target);
    EXPECT_EQ(read.events, story.events) << "blocks of " << target;
    EXPECT_EQ(read.anomalies, story.anomalies);
  }
}

INSTANTIATE_TEST_SUITE_P(Stories, PageStreamStory, testing::ValuesIn(kStories),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(PageStream, CyclesBecomeNanosecondsInEventsAndGaps) {
  PageRun run;
  run.cycles = {3, 1};
  const Read read = ReadPages({Good(1000), Broken(), Good(4000), Good(6000).Missed()}, run, 1000);
  EXPECT_EQ(read.events, "1500\ngap 1500..6000 ? corrupt\n6000\ngap 6000..9000 ? overrun\n9000\n");
}

TEST(CycleScale, StopsAtTheLargestTime) {
  EXPECT_EQ((CycleScale{0xffffffff, 0}.ToNs(UINT64_MAX)), UINT64_MAX);
  EXPECT_EQ((CycleScale{1u << 20, 20}.ToNs(UINT64_MAX)), UINT64_MAX);
  EXPECT_EQ((CycleScale{3, 1}.ToNs(7)), 10u);
}

}  // namespace
}  // namespace wakewatch
