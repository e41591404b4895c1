#include "analysis/trace/raw_pages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "analysis/trace/page_builder.h"
#include "analysis/trace/test_files.h"
#include "analysis/trace/trace_dat_read_all.h"

namespace wakewatch {
namespace {

using file_test::ReadWhole;
using file_test::TempFolder;
using page_test::PageBuilder;
using page_test::Shape;
using page_test::TextOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using trace_dat_test::ReadAll;
using trace_dat_test::ReadResult;

const std::filesystem::path kSource = WAKEWATCH_SOURCE_DIR;
const std::filesystem::path kBundled = kSource / "tests/data/raw/lost_wup-191";
constexpr uint64_t kBundledEvents = 3012;

std::unique_ptr<TraceInput> MustOpen(const std::filesystem::path& folder) {
  EXPECT_TRUE(SniffRawPages(folder));
  auto input = OpenRawPages(folder, {});
  if (!input) ADD_FAILURE() << input.error().Text();
  return input ? std::move(*input) : nullptr;
}

std::string CountsText(const ReadResult& read) {
  std::string text;
  for (const auto& [key, count] : read.counts) {
    text += std::to_string(key.first) + " " + key.second + " " + std::to_string(count) + "\n";
  }
  return text;
}

TEST(RawPages, HoldTheEventsThatTraceCmdReports) {
  const auto input = MustOpen(kBundled);
  ASSERT_NE(input, nullptr);
  const ReadResult read = ReadAll(*input, 4096);
  ASSERT_FALSE(read.error) << read.error->Text();
  EXPECT_EQ(CountsText(read), ReadWhole(kSource / "tests/golden/lost_wup-191.counts"));
  EXPECT_EQ(read.events(), kBundledEvents);
  EXPECT_TRUE(read.in_order && read.in_bounds);
  EXPECT_EQ(TextOf(read.anomalies), "");
  EXPECT_THAT(read.gaps, IsEmpty());

  const TraceMetadata& about = input->metadata();
  EXPECT_EQ(about.input_kind, "raw pages");
  EXPECT_EQ(about.path, kBundled);
  EXPECT_EQ(about.clock, "mono");
  EXPECT_EQ(about.cpus, 4u);
  EXPECT_THAT(about.buffers, ElementsAre(""));
  EXPECT_EQ(about.threads.Latest(31)->comm, "ksoftirqd/3");
  ASSERT_EQ(about.stats.size(), 4u);
  EXPECT_EQ(about.stats[3].cpu, 3u);
  EXPECT_GT(about.stats[3].read, 0u);
  EXPECT_EQ(input->symbols().Find(0xffffffffae0c51f0), "delayed_work_timer_fn");
  EXPECT_EQ(TextOf(input->formats().anomalies()), "");
}

TEST(RawPages, ReadTheSameWhateverTheBlockSizeAndEveryTime) {
  const auto input = MustOpen(kBundled);
  ASSERT_NE(input, nullptr);
  const ReadResult small = ReadAll(*input, 1), large = ReadAll(*input, 1u << 20);
  EXPECT_EQ(small.checksum, large.checksum);
  EXPECT_EQ(small.times_ns, large.times_ns);
}

TEST(RawPages, ACopyOfAnInstanceIsReadToo) {
  const TempFolder folder;
  folder.CopyFrom(kBundled);
  for (const std::string cpu : {"cpu0", "cpu1", "cpu2", "cpu3"}) {
    folder.Move(cpu + ".raw", "per_cpu/" + cpu + "/trace_pipe_raw");
    folder.Move(cpu + ".stats", "per_cpu/" + cpu + "/stats");
  }
  folder.Move("header_page", "events/header_page");
  folder.Move("header_event", "events/header_event");
  folder.Write("events/enable", "X\n");
  folder.Write("events/sched/filter", "### global filter ###\n");
  const auto input = MustOpen(folder.path());
  ASSERT_NE(input, nullptr);
  EXPECT_EQ(ReadAll(*input, 4096).events(), kBundledEvents);
  EXPECT_EQ(input->metadata().stats.size(), 4u);
  EXPECT_EQ(TextOf(input->metadata().anomalies), "");
}

struct Change {
  const char* name;
  std::function<void(const TempFolder&)> make;
  uint64_t events;
  const char* anomalies;  // of opening and reading
  const char* gaps;
};

const Change kChanges[] = {
    {"WithoutAnythingOptional",
     [](const TempFolder& folder) {
       for (const char* name : {"kallsyms.zst", "saved_cmdlines", "trace_clock", "header_event", "cpu0.stats",
                                "cpu1.stats", "cpu2.stats", "cpu3.stats"}) {
         folder.Remove(name);
       }
     },
     kBundledEvents, "", ""},
    {"WithoutOneCpu", [](const TempFolder& folder) { folder.Remove("cpu2.raw"); }, 2297, "", ""},
    {"WithAnEmptyCpu", [](const TempFolder& folder) { folder.Write("cpu2.raw", ""); }, 2297, "", ""},
    {"ACpuKeptTwiceIsReadOnce",
     [](const TempFolder& folder) {
       folder.Write("per_cpu/cpu1/trace_pipe_raw", ReadWhole(folder.path() / "cpu1.raw"));
     },
     kBundledEvents, "bad-section 1\n", ""},
    {"OtherFilesAreLeftAlone",
     [](const TempFolder& folder) {
       folder.Write("cpu.raw", "x");
       folder.Write("cpu99999.raw", "x");
       folder.Write("cpu1x.raw", "x");
       folder.Write("per_cpu/cpu/trace_pipe_raw", "x");
       folder.Write("events/ftrace/format", "x");
       std::filesystem::create_directory(folder.path() / "cpu7.raw");
       mkfifo((folder.path() / "cpu8.raw").c_str(), 0600);
       mkfifo((folder.path() / "kallsyms").c_str(), 0600);
       mkfifo((folder.path() / "trace_clock.new").c_str(), 0600);
     },
     kBundledEvents, "", ""},
    {"SymbolsPackedByAnotherProgramAreLeftOut",
     [](const TempFolder& folder) { folder.Move("kallsyms.zst", "kallsyms.xz"); }, kBundledEvents, "bad-section 1\n",
     ""},
    {"SymbolsThatDoNotUnpackAreLeftOut",
     [](const TempFolder& folder) {
       const std::string packed = ReadWhole(folder.path() / "kallsyms.zst");
       folder.Write("kallsyms.zst", packed.substr(0, packed.size() - 9));
     },
     kBundledEvents, "bad-section 1\n", ""},
    {"BrokenListsAreLeftOut",
     [](const TempFolder& folder) {
       folder.Write("trace_clock", "local global\n");
       folder.Write("saved_cmdlines", "no line\n14 ksoftirqd/0\n");
       folder.Write("cpu2.stats", "overrun: many\n");
     },
     kBundledEvents, "bad-section 3\n", ""},
    {"AMissingFormatMakesItsEventsUnknown",
     [](const TempFolder& folder) { folder.Remove("events/sched/sched_switch"); }, 2780, "unknown-event-id 232\n", ""},
    {"ALastPageThatWasCut",
     [](const TempFolder& folder) {
       const std::string pages = ReadWhole(folder.path() / "cpu3.raw");
       folder.Write("cpu3.raw", pages.substr(0, 4096 + 100));
     },
     2390, "truncated-input 1\n", "gap 8651786021..open ? corrupt\n"},
};

class RawPagesChanged : public testing::TestWithParam<Change> {};

TEST_P(RawPagesChanged, AreReadAsFarAsTheyGo) {
  const Change& change = GetParam();
  const TempFolder folder;
  folder.CopyFrom(kBundled);
  change.make(folder);
  const auto input = MustOpen(folder.path());
  ASSERT_NE(input, nullptr);
  const ReadResult read = ReadAll(*input, 4096);
  ASSERT_FALSE(read.error) << read.error->Text();
  EXPECT_EQ(read.events(), change.events);
  EXPECT_EQ(TextOf(read.anomalies), change.anomalies);
  EXPECT_EQ(TextOf(read.gaps), change.gaps);
  EXPECT_TRUE(read.in_order && read.in_bounds);
}

INSTANTIATE_TEST_SUITE_P(Stories, RawPagesChanged, testing::ValuesIn(kChanges),
                         [](const auto& info) { return std::string(info.param.name); });

struct Refusal {
  const char* name;
  std::function<void(const TempFolder&)> make;
  ErrorCode code;
  const char* says;
};

const Refusal kRefusals[] = {
    {"NoPages",
     [](const TempFolder& folder) {
       for (const char* name : {"cpu0.raw", "cpu1.raw", "cpu2.raw", "cpu3.raw"}) folder.Remove(name);
     },
     ErrorCode::kNotFound, "no pages of any CPU"},
    {"NoHeaderPage", [](const TempFolder& folder) { folder.Remove("header_page"); }, ErrorCode::kNotFound,
     "no header_page"},
    {"AnEmptyHeaderPage", [](const TempFolder& folder) { folder.Write("header_page", ""); }, ErrorCode::kTruncated,
     "header_page: is empty"},
    {"AHeaderPageThatIsNone", [](const TempFolder& folder) { folder.Write("header_page", "hello\n"); },
     ErrorCode::kCorrupt, "header_page"},
    {"NoEvents", [](const TempFolder& folder) { folder.Remove("events"); }, ErrorCode::kNotFound, "no event format"},
    {"NoFormatThatParses",
     [](const TempFolder& folder) {
       folder.Remove("events");
       folder.Write("events/sched/sched_switch/format", "name: sched_switch\n");
     },
     ErrorCode::kNotFound, "no event format"},
};

class RawPagesRefused : public testing::TestWithParam<Refusal> {};

TEST_P(RawPagesRefused, WithWhatIsMissingAndWhatToDo) {
  const Refusal& refusal = GetParam();
  const TempFolder folder;
  folder.CopyFrom(kBundled);
  refusal.make(folder);
  const auto input = OpenRawPages(folder.path(), {});
  ASSERT_FALSE(input);
  EXPECT_EQ(input.error().code, refusal.code);
  EXPECT_THAT(input.error().file, HasSubstr(folder.path().string()));
  EXPECT_THAT(input.error().Text(), HasSubstr(refusal.says));
  EXPECT_FALSE(input.error().remedy.empty());
}

INSTANTIATE_TEST_SUITE_P(Stories, RawPagesRefused, testing::ValuesIn(kRefusals),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(RawPages, HoldOneBuffer) {
  EXPECT_TRUE(OpenRawPages(kBundled, {""}));
  const auto input = OpenRawPages(kBundled, {"sys"});
  ASSERT_FALSE(input);
  EXPECT_EQ(input.error().code, ErrorCode::kNotFound);
}

TEST(RawPages, AreNotTakenFromALiveTracefs) {
  const std::filesystem::path tracefs = "/sys/kernel/tracing";
  if (!SniffRawPages(tracefs)) GTEST_SKIP() << "no tracefs that can be listed is mounted here";
  const auto input = OpenRawPages(tracefs, {});
  ASSERT_FALSE(input);
  EXPECT_EQ(input.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(input.error().Text(), HasSubstr("wakewatch record"));
}

// Machines of every kind, with the page sizes of kernels that can choose them.
TEST(RawPages, TellTheByteOrderTheLongAndThePageSize) {
  for (const std::endian order : {std::endian::little, std::endian::big}) {
    for (const uint8_t long_size : {uint8_t{4}, uint8_t{8}}) {
      for (const uint32_t page_size : {4096u, 65536u}) {
        const Shape shape{order, long_size, page_size};
        const TempFolder folder;
        PageBuilder full(shape, 1000);
        for (uint32_t i = 0; i < page_size / 16 - 2; ++i) full.Event(1);
        std::string pages;
        for (const PageBuilder& page : {full, PageBuilder(shape, 9'000'000).Event(3).MissedCount(12)}) {
          const auto bytes = page.Take();
          pages.append(bytes.begin(), bytes.end());
        }
        std::string header_page = page_test::HeaderPage(shape);
        const std::string usual = std::to_string(4096 - shape.header_size());
        header_page.replace(header_page.find("size:" + usual) + 5, usual.size(),
                            std::to_string(page_size - shape.header_size()));
        folder.Write("cpu0.raw", "");  // says nothing about the order
        folder.Write("cpu12.raw", pages);
        folder.Write("header_page", header_page);
        folder.Write("events/irq/softirq_raise/format", page_test::EventFormatText());
        const auto input = MustOpen(folder.path());
        ASSERT_NE(input, nullptr);
        EXPECT_EQ(input->formats().machine().order, order);
        EXPECT_EQ(input->formats().machine().long_size, long_size);
        EXPECT_EQ(input->metadata().cpus, 2u);
        const ReadResult read = ReadAll(*input, 100);
        EXPECT_EQ(read.events(), page_size / 16 - 1);
        ASSERT_EQ(read.gaps.size(), 1u);
        EXPECT_EQ(read.gaps[0].gap.lost, 12u);
        EXPECT_EQ(read.gaps[0].cpu, 12u);
        EXPECT_EQ(TextOf(read.anomalies), "");
      }
    }
  }
}

}  // namespace
}  // namespace wakewatch
