// Any bytes as a CPU's ring-buffer pages, under the formats of a real kernel. The first byte chooses the page size and
// the machine's byte order. What comes out must be in order, lie inside the pages, and be printable.
#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>

#include "analysis/trace/format.h"
#include "analysis/trace/page_decoder.h"
#include "analysis/trace/reader.h"
#include "analysis/trace/record_decoder.h"

namespace {

using wakewatch::AnomalyCounts;
using wakewatch::Bytes;
using wakewatch::Event;
using wakewatch::EventBlock;
using wakewatch::EventType;
using wakewatch::FormatTable;
using wakewatch::PageDecoder;
using wakewatch::RecordDecoder;

constexpr uint32_t kPageBytes[] = {4096, 65536, 1024, 512};
constexpr size_t kEventsPrinted = 16;  // printing is slow; the first few of a page reach every field kind

std::string ReadWhole(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

FormatTable* LoadFormats(std::endian order) {
  const std::filesystem::path root = std::filesystem::path(WAKEWATCH_SOURCE_DIR) / "tests/data/formats";
  auto formats = FormatTable::Create({order, 8}, ReadWhole(root / "header_page"));
  if (!formats) std::abort();
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root / "events")) {
    if (entry.path().filename() != "format") continue;
    const std::string system = entry.path().parent_path().parent_path().filename();
    if (!formats->Add(system, ReadWhole(entry.path()))) std::abort();
  }
  return new FormatTable(std::move(*formats));  // lives as long as the process
}

FormatTable* FormatsFor(uint8_t choice) {
  static FormatTable* const kLittle = LoadFormats(std::endian::little);
  static FormatTable* const kBig = LoadFormats(std::endian::big);
  FormatTable* formats = (choice & 4) != 0 ? kBig : kLittle;
  formats->set_page_size(kPageBytes[choice & 3]);
  return formats;
}

void Check(const EventBlock& block, Bytes pages, const FormatTable& formats) {
  uint64_t last_ns = 0;
  size_t printed = 0;
  for (const Event& event : block.events) {
    if (event.ts_ns < last_ns) std::abort();
    last_ns = event.ts_ns;
    if (event.type == EventType::kGap) {
      if (event.gap.end_ns < event.ts_ns) std::abort();
      continue;
    }
    if (event.format >= formats.events().size()) std::abort();
    const bool in_pages = event.record >= pages.data() && event.record <= pages.data() + pages.size() &&
                          event.record_size <= pages.data() + pages.size() - event.record;
    if (!in_pages) std::abort();
    if (printed++ >= kEventsPrinted || formats.events()[event.format].fields.empty()) continue;
    if (EventText(event, formats).empty()) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const FormatTable& formats = *FormatsFor(data[0]);
  const RecordDecoder records(formats);
  PageDecoder decoder(records, 0);
  // A copy of its own for the input, so that the sanitizer guards both of its ends.
  const size_t pages_size = size - 1;
  const auto copy = std::make_unique<uint8_t[]>(pages_size);
  std::copy(data + 1, data + size, copy.get());
  const Bytes pages(copy.get(), pages_size);
  const uint32_t page_size = formats.page().page_size;
  EventBlock block;
  AnomalyCounts anomalies;
  for (size_t at = 0; at < pages.size(); at += page_size) {
    decoder.Decode(pages.subspan(at, std::min<size_t>(page_size, pages.size() - at)), &block, &anomalies);
  }
  Check(block, pages, formats);
  return 0;
}
