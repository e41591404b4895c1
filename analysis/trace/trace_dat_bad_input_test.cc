// What a trace.dat may look like after a crash, a bad copy or an attack: always an Error that says where, or what is
// left with counted anomalies; never a crash, never a read outside the file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <random>
#include <string>

#include "analysis/trace/trace_dat.h"
#include "analysis/trace/trace_dat_builder.h"
#include "analysis/trace/trace_dat_read_all.h"

namespace wakewatch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using trace_dat_test::BufferSpec;
using trace_dat_test::ByteWriter;
using trace_dat_test::ReadAll;
using trace_dat_test::ReadResult;
using trace_dat_test::TraceDatBuilder;

const std::filesystem::path kSource = WAKEWATCH_SOURCE_DIR;
constexpr uint32_t kPagesACpu = 6, kEventsAPage = 10;

std::vector<uint8_t> BytesOf(const std::string& text) { return {text.begin(), text.end()}; }

// Two CPUs of six pages of ten events; CPU 1 is last in the file.
TraceDatBuilder TwoCpus(bool compressed = false) {
  TraceDatBuilder builder(kSource);
  builder.compression = compressed ? "zstd" : "none";
  BufferSpec buffer{"", "mono", 4096, compressed, 2, {}};
  for (uint32_t cpu = 0; cpu < 2; ++cpu) {
    std::vector<uint8_t> pages;
    for (uint32_t i = 0; i < kPagesACpu; ++i) {
      const auto page = builder.Page(100'000 * (i + 1), kEventsAPage, 50);
      pages.insert(pages.end(), page.begin(), page.end());
    }
    buffer.cpus.emplace_back(cpu, std::move(pages));
  }
  builder.buffers = {buffer};
  return builder;
}

size_t Find(const std::vector<uint8_t>& bytes, const std::string& what, size_t from = 0) {
  const std::vector<uint8_t> wanted = BytesOf(what);  // a char above 127 would not equal its byte
  const auto at = std::search(bytes.begin() + static_cast<ptrdiff_t>(from), bytes.end(), wanted.begin(), wanted.end());
  EXPECT_TRUE(at != bytes.end()) << what;
  return static_cast<size_t>(at - bytes.begin());
}

template <typename T>
void Put(std::vector<uint8_t>* bytes, size_t at, T value) {
  for (size_t i = 0; i < sizeof value; ++i) {
    (*bytes)[at + i] = static_cast<uint8_t>(static_cast<uint64_t>(value) >> (8 * i));
  }
}

// Whatever the bytes: an error that can be acted on, or events in order and in bounds.
// The answer is the number of events; -1 for an error.
int64_t MustSurvive(const std::vector<uint8_t>& bytes, const std::string& story) {
  const auto input = OpenTraceDatBytes("bad.dat", bytes, {});
  if (!input) {
    EXPECT_EQ(input.error().file, "bad.dat") << story;
    EXPECT_FALSE(input.error().cause.empty() || input.error().remedy.empty()) << story;
    return -1;
  }
  const ReadResult read = ReadAll(**input, 64);
  EXPECT_TRUE(read.in_order && read.in_bounds) << story;
  return static_cast<int64_t>(read.events());
}

struct RefusedCase {
  const char* story;
  std::function<std::vector<uint8_t>()> make;
  ErrorCode code;
  const char* says;
};

class TraceDatRefused : public testing::TestWithParam<RefusedCase> {};

TEST_P(TraceDatRefused, WithWhereWhyAndWhatToDo) {
  const auto input = OpenTraceDatBytes("bad.dat", GetParam().make(), {});
  ASSERT_FALSE(input);
  EXPECT_EQ(input.error().code, GetParam().code) << input.error().Text();
  EXPECT_EQ(input.error().file, "bad.dat");
  EXPECT_TRUE(input.error().offset);
  EXPECT_FALSE(input.error().remedy.empty());
  EXPECT_THAT(input.error().Text(), HasSubstr(GetParam().says));
}

std::vector<uint8_t> Cut(std::vector<uint8_t> bytes, const std::string& before, size_t extra = 0) {
  bytes.resize(Find(bytes, before) + extra);
  return bytes;
}

// The place of the first options section in a version 7 file without compression.
size_t OptionsPlace(const std::vector<uint8_t>& bytes) {
  uint64_t place = 0;
  for (size_t i = 8; i-- > 0;)
    place = place << 8 | bytes[Find(bytes, std::string("none\0"
                                                       "1.5.4\0",
                                                       11)) +
                               11 + i];
  return place;
}

INSTANTIATE_TEST_SUITE_P(
    Stories, TraceDatRefused,
    testing::Values(
        RefusedCase{"Empty", [] { return std::vector<uint8_t>(); }, ErrorCode::kTruncated, "empty"},
        RefusedCase{"Foreign", [] { return BytesOf("SQLite format 3, or anything else"); }, ErrorCode::kUnsupported,
                    "not a trace.dat"},
        RefusedCase{"OnlyTheMagic", [] { return BytesOf("\x17\x08\x44tracing"); }, ErrorCode::kTruncated, "initial"},
        RefusedCase{"AnOlderVersion",
                    [] {
                      auto bytes = TwoCpus().BuildV6();
                      bytes[10] = '5';
                      return bytes;
                    },
                    ErrorCode::kUnsupported, "version '5'"},
        RefusedCase{"AByteOrderThatIsNone",
                    [] {
                      auto bytes = TwoCpus().BuildV6();
                      bytes[12] = 7;
                      return bytes;
                    },
                    ErrorCode::kCorrupt, "byte order"},
        RefusedCase{"PagesOfNoBytes",
                    [] {
                      auto builder = TwoCpus();
                      builder.buffers[0].page_size = 0;
                      builder.buffers[0].cpus.resize(1);
                      return builder.BuildV7();
                    },
                    ErrorCode::kCorrupt, "page of 0 bytes"},
        RefusedCase{"InterruptedInsideTheFormats", [] { return Cut(TwoCpus().BuildV6(), "sched_waking", 40); },
                    ErrorCode::kTruncated, "format of an event"},
        RefusedCase{"InterruptedBeforeTheCpuTable", [] { return Cut(TwoCpus().BuildV6(), "flyrecord"); },
                    ErrorCode::kTruncated, "kind of trace data"},
        RefusedCase{"ACpuTableLargerThanTheFile",
                    [] {
                      auto bytes = TwoCpus().BuildV6();
                      Put(&bytes, Find(bytes, "options  ") - 4, uint32_t{0xffffffff});
                      return bytes;
                    },
                    ErrorCode::kTruncated, "table of CPU data"},
        RefusedCase{"LatencyTextInVersion6",
                    [] {
                      auto bytes = TwoCpus().BuildV6();
                      const std::string latency("latency  \0", 10);
                      std::copy(latency.begin(), latency.end(),
                                bytes.begin() + static_cast<ptrdiff_t>(Find(bytes, "flyrecord")));
                      return bytes;
                    },
                    ErrorCode::kUnsupported, "latency"},
        RefusedCase{"LatencyTextInVersion7",
                    [] {
                      auto builder = TwoCpus();
                      builder.buffers.clear();
                      builder.options = {{22, ByteWriter().Int(uint64_t{64}).CString("").CString("local").Take()}};
                      return builder.BuildV7();
                    },
                    ErrorCode::kUnsupported, "latency"},
        RefusedCase{"NoBufferAtAll",
                    [] {
                      auto builder = TwoCpus();
                      builder.buffers.clear();
                      return builder.BuildV7();
                    },
                    ErrorCode::kTruncated, "no trace data"},
        RefusedCase{"Zlib",
                    [] {
                      auto builder = TwoCpus();
                      builder.compression = "zlib";
                      return builder.BuildV7();
                    },
                    ErrorCode::kUnsupported, "trace-cmd convert"},
        RefusedCase{"TheListOfSectionsLeadsBackToItself",
                    [] {
                      auto bytes = TwoCpus().BuildV7();
                      Put(&bytes, bytes.size() - 8, uint64_t{OptionsPlace(bytes)});
                      return bytes;
                    },
                    ErrorCode::kCorrupt, "itself"},
        RefusedCase{"TheListOfSectionsPointsAtSomethingElse",
                    [] {
                      auto bytes = TwoCpus().BuildV7();
                      Put(&bytes,
                          Find(bytes, std::string("none\0"
                                                  "1.5.4\0",
                                                  11)) +
                              11,
                          uint64_t{37});
                      return bytes;
                    },
                    ErrorCode::kCorrupt, "should be section 0"},
        RefusedCase{"TheListOfSectionsIsBehindTheEnd",
                    [] {
                      auto bytes = TwoCpus().BuildV7();
                      bytes.resize(OptionsPlace(bytes));
                      return bytes;
                    },
                    ErrorCode::kTruncated, "beyond the end"},
        RefusedCase{"TheListOfSectionsWasNeverWritten",
                    [] {
                      auto bytes = TwoCpus().BuildV7();
                      Put(&bytes,
                          Find(bytes, std::string("none\0"
                                                  "1.5.4\0",
                                                  11)) +
                              11,
                          uint64_t{0});
                      return bytes;
                    },
                    ErrorCode::kTruncated, "no list of sections"},
        RefusedCase{"ASectionThatAnnouncesFourGigabytes",
                    [] {
                      auto bytes = TwoCpus(true).BuildV7();
                      // The page header's section is the first: 16 bytes of header, then the packed size.
                      const size_t header = Find(bytes, std::string("1.5.4\0", 6)) + 14;
                      Put(&bytes, header + 16 + 4, uint32_t{0xffffffff});
                      return bytes;
                    },
                    ErrorCode::kTooLarge, "64 MiB"},
        RefusedCase{"ASectionWhosePackedSizeIsTooLarge",
                    [] {
                      auto bytes = TwoCpus(true).BuildV7();
                      const size_t header = Find(bytes, std::string("1.5.4\0", 6)) + 14;
                      Put(&bytes, header + 16, uint32_t{0x00ffffff});
                      return bytes;
                    },
                    ErrorCode::kCorrupt, "longer than its section"}),
    [](const auto& info) { return std::string(info.param.story); });

// Data that is short at the end of the file, in all three shapes.
struct CutCase {
  const char* story;
  int version;
  bool compressed;
  size_t keep;  // bytes of CPU 1's stream
  uint64_t events_left;
};

class TraceDatCut : public testing::TestWithParam<CutCase> {};

// Where the last stream of a version 7 file begins. The file ends in its second list of options, which ends in that
// stream's place and size and the closing option of 14 bytes.
constexpr size_t kPlaceFromEnd = 14 + 16;
size_t LastStreamPlace(const std::vector<uint8_t>& bytes) {
  uint64_t place = 0;
  for (size_t i = 8; i-- > 0;) place = place << 8 | bytes[bytes.size() - kPlaceFromEnd + i];
  return place;
}

TEST_P(TraceDatCut, LoadsWhatIsThereAndEndsInAGap) {
  const CutCase& story = GetParam();
  TraceDatBuilder builder = TwoCpus(story.compressed);
  std::vector<uint8_t> bytes = story.version == 6 ? builder.BuildV6() : builder.BuildV7();
  const size_t place = story.version == 6 ? bytes.size() - kPagesACpu * 4096 : LastStreamPlace(bytes);
  if (story.version == 6) {
    bytes.resize(place + story.keep);
  } else {
    // The lists of version 7 come last, so a file cut there has none: let the stream announce more than the file holds.
    std::vector<uint8_t> stream(bytes.begin() + static_cast<ptrdiff_t>(place),
                                bytes.begin() + static_cast<ptrdiff_t>(place + story.keep));
    const uint64_t new_place = bytes.size();
    Put(&bytes, bytes.size() - kPlaceFromEnd, new_place);
    bytes.insert(bytes.end(), stream.begin(), stream.end());
  }
  const auto input = OpenTraceDatBytes("cut.dat", bytes, {});
  ASSERT_TRUE(input) << input.error().Text();
  const ReadResult read = ReadAll(**input, 64);
  EXPECT_EQ(read.times_ns.at(0).size(), kPagesACpu * kEventsAPage);
  const auto cpu1 = read.times_ns.find(1);
  EXPECT_EQ(cpu1 == read.times_ns.end() ? 0 : cpu1->second.size(), story.events_left);
  EXPECT_EQ(read.anomalies.Of(Anomaly::kTruncatedInput), 1u);
  ASSERT_EQ(read.gaps.size(), 1u);
  EXPECT_EQ(read.gaps[0].cpu, 1u);
  EXPECT_EQ(read.gaps[0].gap.cause, GapCause::kCorrupt);
  EXPECT_EQ(read.gaps[0].gap.end_ns, UINT64_MAX);
  EXPECT_EQ(read.gaps[0].gap.lost, kLostUnknown);
  EXPECT_EQ(read.gaps[0].ts_ns, cpu1 == read.times_ns.end() ? 0 : cpu1->second.back());
  EXPECT_TRUE(read.in_order && read.in_bounds);
}

INSTANTIATE_TEST_SUITE_P(Stories, TraceDatCut,
                         testing::Values(CutCase{"V6AtAPage", 6, false, 3 * 4096, 30},
                                         CutCase{"V6InsideAPageHeader", 6, false, 3 * 4096 + 9, 30},
                                         CutCase{"V6InsideAPagesRecords", 6, false, 3 * 4096 + 100, 30},
                                         CutCase{"V6BehindAPagesRecords", 6, false, 3 * 4096 + 1000, 40},
                                         CutCase{"V6BeforeTheFirstPage", 6, false, 0, 0},
                                         CutCase{"V7AtAPage", 7, false, 3 * 4096, 30},
                                         CutCase{"V7InsideAPage", 7, false, 2 * 4096 + 100, 20},
                                         CutCase{"V7ZstdInsideTheFirstChunk", 7, true, 30, 0},
                                         CutCase{"V7ZstdBeforeTheChunkCount", 7, true, 2, 0}),
                         [](const auto& info) { return std::string(info.param.story); });

TEST(TraceDatDamage, ABrokenChunkBecomesAGapAndTheRestIsRead) {
  TraceDatBuilder builder = TwoCpus(true);
  builder.buffers[0].cpus.resize(1);
  std::vector<uint8_t> bytes = builder.BuildV7();
  // Three chunks of two pages each; the second frame's magic number is destroyed.
  const std::string magic = "\x28\xb5\x2f\xfd";
  const size_t stream = LastStreamPlace(bytes);
  const size_t second = Find(bytes, magic, Find(bytes, magic, stream) + 1);
  bytes[second] ^= 0xff;
  const auto input = OpenTraceDatBytes("bad.dat", bytes, {});
  ASSERT_TRUE(input) << input.error().Text();
  for (const size_t target : {1u, 1000u}) {
    const ReadResult read = ReadAll(**input, target);
    EXPECT_EQ(read.times_ns.at(0).size(), 40u);
    EXPECT_EQ(read.anomalies.Of(Anomaly::kBadSection), 1u);
    ASSERT_EQ(read.gaps.size(), 1u);
    EXPECT_EQ(read.gaps[0].ts_ns, 209'000u);       // the last event of page 2
    EXPECT_EQ(read.gaps[0].gap.end_ns, 500'000u);  // the first of page 5
    EXPECT_EQ(read.gaps[0].gap.cause, GapCause::kCorrupt);
    EXPECT_TRUE(read.in_order);
  }
}

TEST(TraceDatDamage, ChunksThatAnnounceTooMuchAreNotUnpacked) {
  for (const uint32_t size : {uint32_t{0xffffffff}, uint32_t{64 << 20} + 1, uint32_t{32 << 20}}) {
    TraceDatBuilder builder = TwoCpus(true);
    builder.buffers[0].cpus.resize(1);
    std::vector<uint8_t> bytes = builder.BuildV7();
    const size_t stream = LastStreamPlace(bytes);
    Put(&bytes, stream + 4 + 4, size);
    const auto input = OpenTraceDatBytes("bad.dat", bytes, {});
    ASSERT_TRUE(input) << input.error().Text();
    const ReadResult read = ReadAll(**input, 1000);
    EXPECT_EQ(read.events(), 40u);
    EXPECT_EQ(read.anomalies.Of(Anomaly::kBadSection), 1u);
    EXPECT_EQ(read.gaps.size(), 1u);
  }
}

TEST(TraceDatDamage, MoreChunksThanThereAreEndInAGap) {
  TraceDatBuilder builder = TwoCpus(true);
  builder.buffers[0].cpus.resize(1);
  std::vector<uint8_t> bytes = builder.BuildV7();
  Put(&bytes, LastStreamPlace(bytes), uint32_t{0xffffffff});
  const auto input = OpenTraceDatBytes("bad.dat", bytes, {});
  ASSERT_TRUE(input) << input.error().Text();
  const ReadResult read = ReadAll(**input, 1000);
  EXPECT_EQ(read.events(), kPagesACpu * kEventsAPage);
  EXPECT_EQ(read.gaps.size(), 1u);
  EXPECT_GE(read.anomalies.Of(Anomaly::kBadSection), 1u);
}

TEST(TraceDatDamage, SectionsThatDecodingCanDoWithoutAreLeftOut) {
  for (const uint16_t id : {uint16_t{17}, uint16_t{19}, uint16_t{21}}) {
    std::vector<uint8_t> bytes = TwoCpus().BuildV7();
    ByteWriter option;
    option.Int(id).Int(uint32_t{8});
    const auto start = option.Take();
    const size_t at = Find(bytes, std::string(start.begin(), start.end()), OptionsPlace(bytes));
    Put(&bytes, at + 6, uint64_t{bytes.size() + 100});
    const auto input = OpenTraceDatBytes("bad.dat", bytes, {});
    ASSERT_TRUE(input) << input.error().Text();
    EXPECT_EQ((*input)->metadata().anomalies.Of(Anomaly::kBadSection), 1u) << id;
    EXPECT_EQ(ReadAll(**input, 1000).events(), 2 * kPagesACpu * kEventsAPage);
  }
}

TEST(TraceDatDamage, ACpuThatIsNamedTwiceIsReadOnce) {
  TraceDatBuilder builder = TwoCpus();
  builder.buffers[0].cpus[1].first = 0;
  builder.buffers[0].cpus.emplace_back(70'000, builder.Page(1000, 5, 50));
  const auto input = OpenTraceDatBytes("bad.dat", builder.BuildV7(), {});
  ASSERT_TRUE(input) << input.error().Text();
  EXPECT_EQ((*input)->metadata().anomalies.Of(Anomaly::kBadSection), 2u);
  EXPECT_EQ(ReadAll(**input, 1000).events(), kPagesACpu * kEventsAPage);
}

TEST(TraceDatDamage, UnreadableCommandNamesAndOptionsAreCountedAndSkipped) {
  TraceDatBuilder builder = TwoCpus();
  builder.cmdlines = "1 init\nnot a line\n2 kthreadd\n99999999999999999999 overflow\n3 two words\n";
  builder.options = {{5, TraceDatBuilder::TextOption("")},
                     {4, TraceDatBuilder::TextOption("local global")},
                     {1, TraceDatBuilder::TextOption("yesterday")},
                     {2, TraceDatBuilder::TextOption("CPU: none\n")},
                     {14, TraceDatBuilder::TextOption("short")}};
  const auto input = OpenTraceDatBytes("bad.dat", builder.BuildV6(), {});
  ASSERT_TRUE(input) << input.error().Text();
  const TraceMetadata& about = (*input)->metadata();
  EXPECT_EQ(about.anomalies.Of(Anomaly::kBadSection), 6u);  // five options and the list of names
  EXPECT_EQ(about.threads.added(), 3u);
  EXPECT_EQ(about.threads.Latest(3)->comm, "two words");
}

// The files that the sweeps below damage: every shape, small enough to be read hundreds of times.
std::vector<std::pair<std::string, std::vector<uint8_t>>> Shapes() {
  TraceDatBuilder plain = TwoCpus(), packed = TwoCpus(true);
  for (TraceDatBuilder* builder : {&plain, &packed}) {
    builder->events.erase("timer");
    builder->events.erase("workqueue");
    builder->options = {{4, TraceDatBuilder::TextOption("local [mono]")},
                        {5, TraceDatBuilder::TextOption("Linux box 6.1.0 x86_64")}};
    builder->buffers.push_back({"sys", "mono", 4096, builder == &packed, 2, {{0, builder->Page(5000, 4, 7)}}});
  }
  return {{"v6", plain.BuildV6()}, {"v7 plain", plain.BuildV7()}, {"v7 zstd", packed.BuildV7()}};
}

TEST(TraceDatSweep, CutAtManyPlaces) {
  for (const auto& [name, whole] : Shapes()) {
    const int64_t all = MustSurvive(whole, name);
    EXPECT_EQ(all, 2 * kPagesACpu * kEventsAPage) << name;
    size_t step = whole.size() / 300;
    for (size_t size = 0; size < whole.size(); size += step) {
      const std::vector<uint8_t> cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
      EXPECT_LE(MustSurvive(cut, name + " cut at " + std::to_string(size)), all);
    }
  }
}

TEST(TraceDatSweep, BitsFlippedAtRandom) {
  for (const auto& [name, whole] : Shapes()) {
    for (uint32_t seed = 0; seed < 300; ++seed) {
      std::mt19937 random(seed);
      std::vector<uint8_t> bytes = whole;
      const uint32_t flips = 1 + seed % 8;
      for (uint32_t i = 0; i < flips; ++i) bytes[random() % bytes.size()] ^= static_cast<uint8_t>(1u << random() % 8);
      MustSurvive(bytes, name + " seed " + std::to_string(seed));
    }
  }
}

TEST(TraceDatSweep, NumbersReplacedByExtremes) {
  constexpr uint32_t kExtremes[] = {0, 1, 0x7fffffff, 0x80000000, 0xffffffff};
  for (const auto& [name, whole] : Shapes()) {
    for (uint32_t seed = 0; seed < 300; ++seed) {
      std::mt19937 random(seed);
      std::vector<uint8_t> bytes = whole;
      Put(&bytes, random() % (bytes.size() - 4), kExtremes[seed % std::size(kExtremes)]);
      MustSurvive(bytes, name + " seed " + std::to_string(seed));
    }
  }
}

}  // namespace
}  // namespace wakewatch
