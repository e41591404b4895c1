// The page decoder against libtraceevent's own walker (kbuffer_*): the same records at the same places, with the same
// times and sizes, on real pages and on random ones.
#include <gtest/gtest.h>

#include <filesystem>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "analysis/trace/file_view.h"
#include "analysis/trace/page_builder.h"
#include "analysis/trace/page_decoder.h"
#include "analysis/trace/trace_dat_builder.h"
#include "analysis/trace/trace_dat_sections.h"
#include "analysis/trace/zstd_frame.h"

extern "C" {
#include <traceevent/kbuffer.h>
}

namespace wakewatch {
namespace {

using page_test::PageBuilder;
using page_test::Shape;
using trace_dat_test::ReadWhole;

const std::filesystem::path kSource = WAKEWATCH_SOURCE_DIR;

struct Record {
  uint64_t ts_ns = 0;
  size_t offset = 0;  // bytes from the page's start
  size_t size = 0;
  bool operator==(const Record&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Record& record) {
  return out << record.ts_ns << " at " << record.offset << " of " << record.size;
}

struct Walked {
  std::vector<Record> records;
  uint64_t lost = 0;  // in front of the page; kLostUnknown: some
};

Walked ByKbuffer(Bytes page, std::endian order, uint8_t long_size) {
  kbuffer* const walker = kbuffer_alloc(long_size == 4 ? KBUFFER_LSIZE_4 : KBUFFER_LSIZE_8,
                                        order == std::endian::big ? KBUFFER_ENDIAN_BIG : KBUFFER_ENDIAN_LITTLE);
  std::vector<uint8_t> copy(page.begin(), page.end());
  Walked walked;
  if (kbuffer_load_subbuffer(walker, copy.data()) != 0) ADD_FAILURE() << "kbuffer does not take the page";
  const int lost = kbuffer_missed_events(walker);
  walked.lost = lost < 0 ? kLostUnknown : static_cast<uint64_t>(lost);
  unsigned long long ts_ns = 0;
  for (void* data = kbuffer_read_event(walker, &ts_ns); data != nullptr; data = kbuffer_next_event(walker, &ts_ns)) {
    walked.records.push_back({ts_ns, static_cast<size_t>(static_cast<uint8_t*>(data) - copy.data()),
                              static_cast<size_t>(kbuffer_event_size(walker))});
  }
  kbuffer_free(walker);
  return walked;
}

Walked ByPageDecoder(Bytes page, PageDecoder* decoder, AnomalyCounts* anomalies) {
  Walked walked;
  EventBlock block;
  decoder->Decode(page, &block, anomalies);
  for (const Event& event : block.events) {
    if (event.type == EventType::kGap)
      walked.lost = event.gap.lost;
    else
      walked.records.push_back({event.ts_ns, static_cast<size_t>(event.record - page.data()), event.record_size});
  }
  return walked;
}

// One CPU's pages; the answer is how many records were compared.
size_t ComparePages(Bytes pages, const FormatTable& formats) {
  const RecordDecoder records(formats);
  PageDecoder decoder(records, 0);
  AnomalyCounts anomalies;
  size_t compared = 0;
  const uint32_t page_size = formats.page().page_size;
  for (size_t at = 0; at + page_size <= pages.size(); at += page_size) {
    const Bytes page = pages.subspan(at, page_size);
    const Walked expected = ByKbuffer(page, formats.machine().order, formats.machine().long_size);
    const Walked found = ByPageDecoder(page, &decoder, &anomalies);
    EXPECT_EQ(found.records, expected.records) << "the page at " << at;
    EXPECT_EQ(found.lost, expected.lost) << "the page at " << at;
    compared += expected.records.size();
  }
  EXPECT_EQ(page_test::TextOf(anomalies), "");
  return compared;
}

std::vector<uint8_t> Unpacked(const std::filesystem::path& path) {
  const std::string bytes = ReadWhole(path);
  if (path.extension() != ".zst") return {bytes.begin(), bytes.end()};
  const auto text = UnpackZstd(Bytes(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()), 64 << 20);
  EXPECT_TRUE(text) << path;
  return text ? std::vector<uint8_t>(text->begin(), text->end()) : std::vector<uint8_t>();
}

// The pages of a stream of a version 7 file, out of their chunks.
std::vector<uint8_t> ChunkPages(Bytes stream) {
  ByteCursor in(stream);
  ZstdFrameReader zstd;
  std::vector<uint8_t> pages;
  for (uint32_t chunks = in.U32(); chunks > 0 && in.ok(); --chunks) {
    const uint32_t packed_size = in.U32(), size = in.U32();
    const Bytes packed = in.Span(packed_size);
    pages.resize(pages.size() + size);
    EXPECT_TRUE(zstd.Read(packed, pages.data() + pages.size() - size, size));
  }
  return pages;
}

class PageOracle : public testing::TestWithParam<const char*> {};

TEST_P(PageOracle, FindsTheSameRecordsInARecording) {
  trace_dat::File file;
  file.path = GetParam();
  const std::vector<uint8_t> bytes = Unpacked(kSource / "tests/data/traces" / file.path);
  file.bytes = bytes;
  trace_dat::SectionReader in(file, file.bytes, 0, /*packed=*/false);
  in.cursor().Skip(10);  // the magic
  const bool version_6 = in.cursor().CString() == "6";
  in.cursor().Skip(2);  // little-endian, longs of 8 bytes, as the default is
  file.page_size = in.cursor().U32();
  if (!version_6) {
    file.compression = in.cursor().CString();
    in.cursor().CString();
  }
  trace_dat::Contents contents;
  const auto loaded = version_6 ? trace_dat::LoadV6(&in, &contents) : trace_dat::LoadV7(&in, &contents);
  ASSERT_TRUE(loaded) << loaded.error().Text();
  ASSERT_FALSE(contents.buffers.empty());
  size_t compared = 0;
  for (const trace_dat::CpuStream& stream : contents.buffers[0].streams) {
    const Bytes data = file.bytes.subspan(stream.offset, stream.size);
    compared += ComparePages(contents.buffers[0].compressed ? Bytes(ChunkPages(data)) : data, contents.formats);
  }
  EXPECT_GT(compared, 1000u);
}

INSTANTIATE_TEST_SUITE_P(Recordings, PageOracle, testing::Values("wq_hog-141-A.dat.zst", "tiny_lost-174-A.dat"),
                         [](const auto& info) {
                           return std::string(info.param).substr(0, 2) + std::to_string(info.index);
                         });

// A page that a kernel might have written.
PageBuilder RandomPage(const Shape& shape, std::mt19937* random, uint64_t stamp) {
  PageBuilder page(shape, stamp);
  const auto below = [&](uint32_t limit) { return static_cast<uint32_t>((*random)() % limit); };
  page.Event(0);  // kbuffer forgets a count of lost events when anything else comes first
  constexpr uint32_t kStepBytesMax = 48;
  const uint32_t steps =
      (shape.page_size - shape.header_size() - 24) / kStepBytesMax;  // leaves room for the first and a count
  for (uint32_t i = 0; i < steps; ++i) {
    const uint32_t delta = below(100'000);
    switch (below(6)) {
      case 0: page.Extend(uint64_t{below(5000)} << 27 | delta); break;
      case 1: page.LongEvent(delta, 12 + 4 * below(8)); break;
      case 2: page.Discarded(2 + delta); break;  // of a delta of 1 kbuffer makes a nanosecond
      default: page.Event(delta); break;
    }
  }
  if (below(4) == 0) page.MissedCount(1 + below(1000));
  return page;
}

TEST(PageOracleMade, FindsTheSameRecordsInRandomPages) {
  for (const std::endian order : {std::endian::little, std::endian::big}) {
    for (const uint8_t long_size : {uint8_t{4}, uint8_t{8}}) {
      const Shape shape{order, long_size, 4096};
      const FormatTable formats = page_test::Formats(shape);
      std::mt19937 random(20);
      std::vector<uint8_t> pages;
      for (uint64_t i = 1; i <= 40; ++i) {
        const auto page = RandomPage(shape, &random, i << 50).Take();
        pages.insert(pages.end(), page.begin(), page.end());
      }
      EXPECT_GT(ComparePages(pages, formats), 1000u);
    }
  }
}

TEST(PageOracleMade, ReadsAbsoluteStampsAlike) {
  const Shape shape{std::endian::little, 8, 4096};
  const FormatTable formats = page_test::Formats(shape);
  for (const uint64_t stamp : {uint64_t{1000}, uint64_t{1} << 58, uint64_t{0x0800000000001000}}) {
    PageBuilder page(shape, stamp);
    page.Event(0).Absolute(stamp + 500'000).Event(0).Absolute(stamp + 50'000'000'000).Event(0).Event(9);
    EXPECT_EQ(ComparePages(page.Take(), formats), 4u) << stamp;
  }
}

}  // namespace
}  // namespace wakewatch
