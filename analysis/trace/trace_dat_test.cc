#include "analysis/trace/trace_dat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <tuple>

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
using trace_dat_test::ReadWhole;
using trace_dat_test::TraceDatBuilder;

const std::filesystem::path kSource = WAKEWATCH_SOURCE_DIR;

std::vector<uint8_t> BytesOf(const std::string& text) { return {text.begin(), text.end()}; }

// A recording from tests/data/traces, unpacked when it is kept as .zst.
std::vector<uint8_t> Recording(const std::string& name) {
  const auto plain = kSource / "tests/data/traces" / (name + ".dat");
  if (std::filesystem::exists(plain)) return BytesOf(ReadWhole(plain));
  const std::string packed = ReadWhole(plain.string() + ".zst");
  std::vector<uint8_t> bytes(ZSTD_getFrameContentSize(packed.data(), packed.size()));
  EXPECT_EQ(ZSTD_decompress(bytes.data(), bytes.size(), packed.data(), packed.size()), bytes.size());
  return bytes;
}

class TempFile {
 public:
  explicit TempFile(const std::vector<uint8_t>& bytes) {
    path_ = std::filesystem::temp_directory_path() / ("wakewatch-trace-dat-" + std::to_string(getpid()) + ".dat");
    std::ofstream out(path_, std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;
  ~TempFile() { std::filesystem::remove(path_); }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

std::unique_ptr<TraceInput> MustOpen(std::vector<uint8_t> bytes, const OpenOptions& options = {}) {
  auto input = OpenTraceDatBytes("made.dat", std::move(bytes), options);
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

struct RecordingCase {
  const char* name;
  const char* kind;
  uint64_t gaps, lost, uncounted;  // lost: events in the gaps whose pages carry a count
  uint64_t overrun;                // events, by the kernel's own account
};

class TraceDatRecording : public testing::TestWithParam<RecordingCase> {};

TEST_P(TraceDatRecording, HoldsTheEventsThatTraceCmdReports) {
  const RecordingCase& story = GetParam();
  const TempFile file(Recording(story.name));
  ASSERT_TRUE(SniffTraceDat(file.path()));
  const auto input = OpenTraceDat(file.path(), {});
  ASSERT_TRUE(input) << input.error().Text();
  const ReadResult read = ReadAll(**input, 4096);
  ASSERT_FALSE(read.error) << read.error->Text();
  EXPECT_EQ(CountsText(read), ReadWhole(kSource / "tests/golden" / (std::string(story.name) + ".counts")));
  EXPECT_TRUE(read.in_order);
  EXPECT_TRUE(read.in_bounds);
  EXPECT_THAT(read.anomalies.all(), testing::Each(0u));

  uint64_t lost = 0, uncounted = 0;
  for (const Event& gap : read.gaps) {
    EXPECT_EQ(gap.gap.cause, GapCause::kOverrun);
    if (gap.gap.lost == kLostUnknown)
      ++uncounted;
    else
      lost += gap.gap.lost;
  }
  EXPECT_EQ(read.gaps.size(), story.gaps);
  EXPECT_EQ(lost, story.lost);
  EXPECT_EQ(uncounted, story.uncounted);

  const TraceMetadata& about = (*input)->metadata();
  EXPECT_EQ(about.input_kind, story.kind);
  EXPECT_EQ(about.path, file.path());
  EXPECT_EQ(about.kernel, "6.1.0-56-amd64");
  EXPECT_EQ(about.hostname, "labguest");
  EXPECT_EQ(about.clock, "mono");
  EXPECT_EQ(about.cpus, 4u);
  EXPECT_THAT(about.buffers, ElementsAre(""));
  EXPECT_EQ(about.stats.size(), 4u);
  uint64_t overrun = 0;
  for (const CpuStats& stats : about.stats) overrun += stats.overrun;
  EXPECT_EQ(overrun, story.overrun);
  EXPECT_EQ(about.threads.Latest(2)->comm, "kthreadd");
  EXPECT_FALSE((*input)->symbols().empty());
}

TEST_P(TraceDatRecording, ReadsTheSameWhateverTheBlockSizeAndHoweverItIsOpened) {
  const std::vector<uint8_t> bytes = Recording(GetParam().name);
  const TempFile file(bytes);
  const auto mapped = OpenTraceDat(file.path(), {});
  ASSERT_TRUE(mapped) << mapped.error().Text();
  const auto in_memory = MustOpen(bytes);
  ASSERT_NE(in_memory, nullptr);
  const ReadResult small = ReadAll(*in_memory, 1), usual = ReadAll(**mapped, 4096), again = ReadAll(**mapped, 1u << 20);
  EXPECT_EQ(small.checksum, usual.checksum);
  EXPECT_EQ(small.times_ns, usual.times_ns);
  EXPECT_EQ(small.gaps.size(), usual.gaps.size());
  EXPECT_EQ(again.checksum, usual.checksum);
  EXPECT_EQ(again.times_ns, usual.times_ns);
}

INSTANTIATE_TEST_SUITE_P(Recordings, TraceDatRecording,
                         testing::Values(RecordingCase{"wq_hog-141-A", "trace.dat v6", 0, 0, 0, 0},
                                         RecordingCase{"tiny_lost-174-A", "trace.dat v7", 35, 5447, 4, 6512}),
                         [](const auto& info) {
                           std::string name = info.param.name;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

// Made files: version, and whether version 7 is compressed.
using Shape = std::tuple<int, bool>;

class TraceDatMade : public testing::TestWithParam<Shape> {
 protected:
  std::vector<uint8_t> Build(TraceDatBuilder builder) const {
    const auto [version, compressed] = GetParam();
    builder.compression = compressed ? "zstd" : "none";
    for (BufferSpec& buffer : builder.buffers) buffer.compressed = compressed;
    return version == 6 ? builder.BuildV6() : builder.BuildV7();
  }
  // Main: 5 events on CPU 0 and 3 on CPU 1. "sys": 7 events on CPU 1. "idle": nothing.
  static TraceDatBuilder ThreeBuffers() {
    TraceDatBuilder builder(kSource);
    builder.buffers = {{"", "mono", 4096, false, 2, {{0, builder.Page(1000, 5, 50)}, {1, builder.Page(2000, 3, 51)}}},
                       {"sys", "boot", 4096, false, 2, {{1, builder.Page(3000, 7, 52)}}},
                       {"idle", "boot", 4096, false, 2, {}}};
    return builder;
  }
};

TEST_P(TraceDatMade, MainBufferIsTheDefaultAndInstancesAreChosenByName) {
  const std::vector<uint8_t> bytes = Build(ThreeBuffers());
  const auto main = MustOpen(bytes);
  ASSERT_NE(main, nullptr);
  EXPECT_EQ(CountsText(ReadAll(*main, 100)), "0 sched_waking 5\n1 sched_waking 3\n");
  EXPECT_THAT(main->metadata().buffers, ElementsAre("", "sys"));
  EXPECT_EQ(main->metadata().buffer, "");

  const auto sys = MustOpen(bytes, {"sys"});
  ASSERT_NE(sys, nullptr);
  EXPECT_EQ(CountsText(ReadAll(*sys, 100)), "1 sched_waking 7\n");
  EXPECT_EQ(sys->metadata().buffer, "sys");
  EXPECT_EQ(sys->metadata().clock, std::get<0>(GetParam()) == 7 ? "boot" : "");

  const auto idle = MustOpen(bytes, {"idle"});
  ASSERT_NE(idle, nullptr);
  EXPECT_EQ(ReadAll(*idle, 100).events(), 0u);

  const auto unknown = OpenTraceDatBytes("made.dat", bytes, {"sis"});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(unknown.error().Text(), HasSubstr("\"sys\""));
}

TEST_P(TraceDatMade, AnEmptyMainBufferGivesWayToTheFirstWithData) {
  TraceDatBuilder builder = ThreeBuffers();
  builder.buffers[0].cpus.clear();
  const auto input = MustOpen(Build(builder));
  ASSERT_NE(input, nullptr);
  EXPECT_EQ(input->metadata().buffer, "sys");
  EXPECT_THAT(input->metadata().buffers, ElementsAre("sys"));
  EXPECT_EQ(ReadAll(*input, 100).events(), 7u);
}

TEST_P(TraceDatMade, SubBuffersMayBeLargerThanThePagesOfTheMachine) {
  TraceDatBuilder builder(kSource);
  std::vector<uint8_t> pages = builder.Page(1000, 1500, 50, 65536);
  const std::vector<uint8_t> second = builder.Page(9'000'000, 1600, 50, 65536);
  pages.insert(pages.end(), second.begin(), second.end());
  const size_t size = builder.header_page.find("4080");
  ASSERT_NE(size, std::string::npos);
  builder.header_page.replace(size, 4, "65520");
  builder.buffers = {{"", "mono", 65536, false, 2, {{0, pages}}}};
  const auto input = MustOpen(Build(builder));
  ASSERT_NE(input, nullptr);
  EXPECT_EQ(input->formats().page().page_size, 65536u);
  EXPECT_EQ(ReadAll(*input, 100).events(), 3100u);
}

TEST_P(TraceDatMade, OptionsDescribeTheRecording) {
  TraceDatBuilder builder = ThreeBuffers();
  const auto stat = [](const std::string& cpu, const std::string& overrun) {
    return TraceDatBuilder::TextOption("CPU: " + cpu + "\nentries: 4\noverrun: " + overrun +
                                       "\ncommit overrun: 1\nbytes: 9\ndropped events: 2\nread events: 77\n");
  };
  builder.options = {{4, TraceDatBuilder::TextOption("local global [tai] boot\n")},
                     {5, TraceDatBuilder::TextOption("Linux box 6.12.9-rt x86_64")},
                     {1, TraceDatBuilder::TextOption("0x64")},
                     {2, stat("0", "10")},
                     {2, TraceDatBuilder::TextOption("\nBuffer: sys\n\n")},
                     {2, stat("1", "20")},
                     {8, ByteWriter().Int(uint32_t{2}).Take()},
                     {999, TraceDatBuilder::TextOption("from the future")}};
  const std::vector<uint8_t> bytes = Build(builder);
  const auto main = MustOpen(bytes), sys = MustOpen(bytes, {"sys"});
  ASSERT_TRUE(main != nullptr && sys != nullptr);
  const TraceMetadata& about = main->metadata();
  EXPECT_EQ(about.clock, std::get<0>(GetParam()) == 7 ? "mono" : "tai");  // version 7 has a clock for each buffer
  EXPECT_EQ(about.hostname, "box");
  EXPECT_EQ(about.kernel, "6.12.9-rt");
  EXPECT_EQ(about.cpus, 2u);
  ASSERT_EQ(about.clock_pairs.size(), 1u);
  EXPECT_EQ(about.clock_pairs[0].real_ns - about.clock_pairs[0].trace_ns, 100'000u);
  ASSERT_EQ(about.stats.size(), 1u);
  EXPECT_EQ(about.stats[0].overrun, 10u);
  EXPECT_EQ(about.stats[0].entries, 4u);
  EXPECT_EQ(about.stats[0].commit_overrun, 1u);
  EXPECT_EQ(about.stats[0].dropped, 2u);
  EXPECT_EQ(about.stats[0].read, 77u);
  ASSERT_EQ(sys->metadata().stats.size(), 1u);
  EXPECT_EQ(sys->metadata().stats[0].cpu, 1u);
  EXPECT_EQ(sys->metadata().stats[0].overrun, 20u);
  EXPECT_EQ(about.threads.Latest(14)->comm, "ksoftirqd/0");
  EXPECT_EQ(about.anomalies.Of(Anomaly::kBadSection), 0u);
}

TEST_P(TraceDatMade, CyclesBecomeNanoseconds) {
  TraceDatBuilder builder(kSource);
  builder.buffers = {{"", "x86-tsc", 4096, false, 2, {{0, builder.Page(4000, 3, 50)}}}};
  // ns = cycles * 3 >> 1
  builder.options = {{14, ByteWriter().Int(uint32_t{3}).Int(uint32_t{1}).Int(uint64_t{0}).Take()}};
  const auto input = MustOpen(Build(builder));
  ASSERT_NE(input, nullptr);
  EXPECT_THAT(ReadAll(*input, 100).times_ns[0], ElementsAre(6000u, 7500u, 9000u));
}

INSTANTIATE_TEST_SUITE_P(Shapes, TraceDatMade, testing::Values(Shape{6, false}, Shape{7, false}, Shape{7, true}),
                         [](const auto& info) {
                           return "V" + std::to_string(std::get<0>(info.param)) +
                                  (std::get<1>(info.param) ? "Zstd" : "Plain");
                         });

TEST(TraceDatLab, EveryLabRecordingOpensAndReads) {
  const auto lab = kSource / "../shared/lab/traces";
  if (!std::filesystem::is_directory(lab)) GTEST_SKIP() << "the lab's recordings are not beside this tree";
  int read_files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(lab)) {
    const auto path = entry.path() / "trace.dat";
    if (!std::filesystem::exists(path)) continue;  // kept as .xz
    const auto input = OpenTraceDat(path.string(), {});
    ASSERT_TRUE(input) << input.error().Text();
    const ReadResult read = ReadAll(**input, 4096);
    EXPECT_FALSE(read.error) << path;
    EXPECT_GT(read.events(), 1000u) << path;
    EXPECT_TRUE(read.in_order && read.in_bounds) << path;
    EXPECT_THAT(read.anomalies.all(), testing::Each(0u)) << path;
    ++read_files;
  }
  EXPECT_GT(read_files, 0);
}

TEST(TraceDatSniff, OnlyFilesThatBeginAsOne) {
  EXPECT_TRUE(SniffTraceDat(TempFile(BytesOf("\x17\x08\x44tracing9")).path()));
  EXPECT_FALSE(SniffTraceDat(TempFile(BytesOf("\x17\x08\x44tracin")).path()));
  EXPECT_FALSE(SniffTraceDat(TempFile({}).path()));
  EXPECT_FALSE(SniffTraceDat((kSource / "tests/data/traces").string()));
  EXPECT_FALSE(SniffTraceDat("no/such/file"));
}

}  // namespace
}  // namespace wakewatch
