#include "analysis/trace/trace_dat_sections.h"

#include <algorithm>
#include <limits>

#include "analysis/trace/trace_text.h"

namespace wakewatch::trace_dat {
namespace {

constexpr std::string_view kCutRemedy =
    "the file was cut short or its recording was interrupted; copy it again, or rebuild it with `trace-cmd restore`";
constexpr std::string_view kBrokenRemedy = "the file is damaged; copy it again or repeat the recording";

std::string_view AsText(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// Options are texts that end in a NUL, with or without a line feed in front of it.
std::string_view OptionText(Bytes data) {
  std::string_view text = AsText(data);
  text = text.substr(0, text.find('\0'));
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  return text;
}

// per_cpu/cpuN/stats. For an instance, an option of its own says "Buffer: NAME" in front of that instance's CPUs.
bool ApplyCpuStat(std::string_view text, Contents* contents) {
  CpuStats stats;
  bool have_cpu = false, have_buffer = false;
  while (!text.empty()) {
    const std::string_view line = TakeLine(&text);
    const size_t colon = line.find(": ");
    if (colon == std::string_view::npos) continue;
    const std::string_view key = line.substr(0, colon), value = line.substr(colon + 2);
    bool ok = true;
    if (key == "Buffer") {
      contents->stats_buffer = value;
      have_buffer = true;
    } else if (key == "CPU") {
      ok = have_cpu = ParseNumber(value, 10, &stats.cpu);
    } else {
      ok = ParseCpuStat(key, value, &stats);
    }
    if (!ok) return false;
  }
  if (have_cpu) contents->stats.emplace_back(contents->stats_buffer, stats);
  return have_cpu || have_buffer;
}

// "0x5f…": real time minus trace time in microseconds, as the recorder measured it.
bool ApplyDate(std::string_view text, Contents* contents) {
  const bool hex = text.starts_with("0x");
  uint64_t offset_us = 0;
  if (!ParseNumber(hex ? text.substr(2) : text, hex ? 16 : 10, &offset_us)) return false;
  if (offset_us > std::numeric_limits<uint64_t>::max() / 1000) return false;
  contents->metadata.clock_pairs.push_back({0, offset_us * 1000});
  return true;
}

bool ApplyTraceClock(std::string_view text, Contents* contents) {
  const std::string_view clock = ParseTraceClock(text);
  if (!clock.empty()) contents->metadata.clock = clock;
  return !clock.empty();
}

// "Linux host 6.1.0-56-amd64 x86_64"
bool ApplyUname(std::string_view text, Contents* contents) {
  TakeWord(&text);
  const std::string_view host = TakeWord(&text), release = TakeWord(&text);
  if (release.empty()) return false;
  contents->metadata.hostname = host;
  contents->metadata.kernel = release;
  return true;
}

bool ApplyTscToNs(ByteCursor data, Contents* contents) {
  const CycleScale scale{data.U32(), data.U32()};
  if (!data.ok() || scale.shift > 63) return false;
  contents->cycles = scale;
  return true;
}

Status AddFormats(SectionReader* in, std::string_view system, uint32_t count, FormatTable* formats) {
  for (uint32_t i = 0; i < count; ++i) {
    const auto text = in->SizedText(8, "the format of an event");
    if (!text) return Fail(text.error());
    // A format that cannot be used is counted by the table; its events are then unknown ids.
    static_cast<void>(formats->Add(system, *text));
  }
  return {};
}

}  // namespace

Result<std::string_view> SectionReader::SizedText(int width, std::string_view what) {
  const uint64_t start = file_offset();
  const uint64_t size = width == 4 ? cursor_.U32() : cursor_.U64();
  if (!cursor_.ok()) return Fail(Ended(what));
  if (size > cursor_.left()) {
    return Fail(file_->At(ErrorCode::kTruncated, start,
                          std::string(what) + " should be " + std::to_string(size) + " bytes long, but only " +
                              std::to_string(cursor_.left()) + " follow",
                          std::string(kCutRemedy)));
  }
  if (size > kSectionBytesMax) {
    return Fail(file_->At(ErrorCode::kTooLarge, start, std::string(what) + " is larger than 64 MiB",
                          std::string(kBrokenRemedy)));
  }
  return AsText(cursor_.Span(size));
}

Status SectionReader::Expect(std::string_view word, std::string_view what) {
  const uint64_t start = file_offset();
  if (cursor_.left() < word.size()) return Fail(Ended(what));
  if (AsText(cursor_.Span(word.size())) == word) return {};
  return Fail(file_->At(ErrorCode::kCorrupt, start, std::string(what) + " does not begin where it should",
                        std::string(kBrokenRemedy)));
}

Error SectionReader::Ended(std::string_view what) const {
  return file_->At(ErrorCode::kTruncated, file_offset(), "the data ends inside " + std::string(what),
                   std::string(kCutRemedy));
}

Error SectionReader::Broken(std::string cause) const {
  return file_->At(ErrorCode::kCorrupt, file_offset(), std::move(cause), std::string(kBrokenRemedy));
}

Status ReadHeaderInfo(SectionReader* in, Contents* contents) {
  if (auto status = in->Expect({"header_page\0", 12}, "the page header's description"); !status) return status;
  const auto page = in->SizedText(8, "the page header's description");
  if (!page) return Fail(page.error());
  if (auto status = in->Expect({"header_event\0", 13}, "the event header's description"); !status) return status;
  if (const auto event = in->SizedText(8, "the event header's description"); !event) return Fail(event.error());
  auto formats = FormatTable::Create(in->file().machine, *page);
  if (!formats) {
    Error error = formats.error();
    error.file = in->file().path;
    error.offset = in->file_offset();
    return Fail(std::move(error));
  }
  contents->formats = std::move(*formats);
  return {};
}

Status ReadFtraceFormats(SectionReader* in, FormatTable* formats) {
  const uint32_t count = in->cursor().U32();
  if (!in->cursor().ok()) return Fail(in->Ended("the list of ftrace formats"));
  return AddFormats(in, "ftrace", count, formats);
}

Status ReadEventFormats(SectionReader* in, FormatTable* formats) {
  const uint32_t systems = in->cursor().U32();
  for (uint32_t i = 0; i < systems && in->cursor().ok(); ++i) {
    const std::string_view system = in->cursor().CString();
    const uint32_t count = in->cursor().U32();
    if (!in->cursor().ok()) break;
    if (auto status = AddFormats(in, system, count, formats); !status) return status;
  }
  if (!in->cursor().ok()) return Fail(in->Ended("the list of event formats"));
  return {};
}

Status ReadKallsyms(SectionReader* in, Contents* contents) {
  const auto text = in->SizedText(4, "the list of kernel symbols");
  if (!text) return Fail(text.error());
  contents->symbols.SetKallsyms(std::string(*text));
  return {};
}

Status ReadCommandLines(SectionReader* in, Contents* contents) {
  const auto text = in->SizedText(8, "the list of command names");
  if (!text) return Fail(text.error());
  if (!ParseCommandLines(text->substr(0, text->find('\0')), &contents->metadata.threads)) {
    contents->metadata.anomalies.Add(Anomaly::kBadSection);
  }
  return {};
}

Result<Option> ReadOption(SectionReader* in, bool sized_done) {
  Option option;
  option.id = in->cursor().U16();
  if (!in->cursor().ok()) return Fail(in->Ended("the list of options"));
  if (option.id == kOptionDone && !sized_done) return option;
  const uint32_t size = in->cursor().U32();
  option.offset = in->file_offset();
  option.data = in->cursor().Span(size);
  if (!in->cursor().ok()) return Fail(in->Ended("option " + std::to_string(option.id)));
  return option;
}

void ApplyOption(const Option& option, std::endian order, Contents* contents) {
  const std::string_view text = OptionText(option.data);
  ByteCursor data(option.data, order);
  bool ok = true;
  switch (option.id) {
    case kOptionDate: ok = ApplyDate(text, contents); break;
    case kOptionCpuStat: ok = ApplyCpuStat(text, contents); break;
    case kOptionTraceClock: ok = ApplyTraceClock(text, contents); break;
    case kOptionUname: ok = ApplyUname(text, contents); break;
    case kOptionTscToNs: ok = ApplyTscToNs(data, contents); break;
    case kOptionCpuCount:
      contents->metadata.cpus = data.U32();
      ok = data.ok();
      break;
    default: break;
  }
  if (!ok) contents->metadata.anomalies.Add(Anomaly::kBadSection);
}

void ClipStream(const File& file, CpuStream* stream, AnomalyCounts* counts) {
  const uint64_t end = file.bytes.size();
  const uint64_t available = stream->offset < end ? end - stream->offset : 0;
  if (stream->size <= available) return;
  stream->size = available;
  stream->truncated = true;
  counts->Add(Anomaly::kTruncatedInput);
}

void TidyStreams(std::vector<CpuStream>* streams, AnomalyCounts* counts) {
  const auto by_cpu = [](const CpuStream& a, const CpuStream& b) { return a.cpu < b.cpu; };
  const auto same_cpu = [](const CpuStream& a, const CpuStream& b) { return a.cpu == b.cpu; };
  std::stable_sort(streams->begin(), streams->end(), by_cpu);
  const size_t announced = streams->size();
  streams->erase(std::unique(streams->begin(), streams->end(), same_cpu), streams->end());
  std::erase_if(*streams, [](const CpuStream& stream) { return stream.cpu > std::numeric_limits<uint16_t>::max(); });
  counts->Add(Anomaly::kBadSection, announced - streams->size());
}

}  // namespace wakewatch::trace_dat
