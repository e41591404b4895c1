#include "analysis/trace/trace_dat.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "analysis/trace/file_view.h"
#include "analysis/trace/record_decoder.h"
#include "analysis/trace/trace_dat_cpu.h"
#include "analysis/trace/trace_dat_sections.h"

namespace wakewatch {
namespace {

using trace_dat::Buffer;
using trace_dat::Contents;
using trace_dat::CpuStream;
using trace_dat::File;
using trace_dat::SectionReader;

constexpr std::string_view kMagic{"\x17\x08\x44tracing", 10};

bool HasData(const Buffer& buffer) { return !buffer.streams.empty(); }

class TraceDat : public TraceInput {
 public:
  TraceDat(FileView view, Contents contents, Buffer buffer)
      : view_(std::move(view)), buffer_(std::move(buffer)), cycles_(contents.cycles) {
    metadata_ = std::move(contents.metadata);
    formats_ = std::move(contents.formats);
    symbols_ = std::move(contents.symbols);
    decoder_.emplace(formats_);
  }

  Result<std::vector<std::unique_ptr<CpuReader>>> OpenCpus() const override {
    std::vector<std::unique_ptr<CpuReader>> readers;
    readers.reserve(buffer_.streams.size());
    for (const CpuStream& stream : buffer_.streams) {
      readers.push_back(trace_dat::OpenStream(view_, *decoder_, buffer_, stream, cycles_));
    }
    return readers;
  }

 private:
  FileView view_;
  Buffer buffer_;
  CycleScale cycles_;
  std::optional<RecordDecoder> decoder_;
};

Error NotTraceDat(const File& file) {
  const bool empty = file.bytes.empty();
  return file.At(empty ? ErrorCode::kTruncated : ErrorCode::kUnsupported, 0,
                 empty ? "the file is empty" : "is not a trace.dat: it does not begin as one",
                 "give a file that `trace-cmd record` or `trace-cmd extract` wrote");
}

// The magic is checked by the caller. Leaves `in` behind the initial format.
Result<int> ReadInitialFormat(SectionReader* in, File* file) {
  in->cursor().Skip(kMagic.size());
  const std::string_view version = in->cursor().CString();
  const uint8_t big_endian = in->cursor().U8();
  const uint8_t long_size = in->cursor().U8();
  if (!in->cursor().ok()) return Fail(in->Ended("the initial format"));
  if (version != "6" && version != "7") {
    return Fail(file->At(ErrorCode::kUnsupported, kMagic.size(),
                         "is a trace.dat of version '" + std::string(version.substr(0, 16)) + "'",
                         "versions 6 and 7 are read; `trace-cmd convert --file-version 7` makes one"));
  }
  if (big_endian > 1) return Fail(in->Broken("the byte order is neither little nor big"));
  if (long_size != 4 && long_size != 8) return Fail(in->Broken("the size of a long is neither 4 nor 8 bytes"));
  file->machine = {big_endian == 1 ? std::endian::big : std::endian::little, long_size};
  // From here on numbers are in the recorded machine's byte order.
  const uint64_t at = in->cursor().at();
  *in = SectionReader(*file, file->bytes, 0, /*packed=*/false);
  in->cursor().Seek(at);
  file->page_size = in->cursor().U32();
  if (version == "7") {
    file->compression = in->cursor().CString();
    in->cursor().CString();  // its version: any one reads what any other wrote
  }
  if (!in->cursor().ok()) return Fail(in->Ended("the initial format"));
  return version == "6" ? 6 : 7;
}

Status CheckCompression(const File& file) {
  if (file.compression.empty() || file.compression == "none" || file.compression == "zstd") return {};
  return Fail(file.At(ErrorCode::kUnsupported, kMagic.size(),
                      "is compressed with '" + file.compression.substr(0, 16) + "'",
                      "zstd and uncompressed files are read; "
                      "`trace-cmd convert --compression zstd -i FILE -o NEW` makes one"));
}

std::string NamesOf(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) {
    if (!list.empty()) list += ", ";
    list += name.empty() ? "the main buffer (\"\")" : "\"" + name + "\"";
  }
  return list.empty() ? "none has data" : list;
}

Result<Buffer> ChooseBuffer(const File& file, const OpenOptions& options, Contents* contents) {
  std::vector<Buffer>& buffers = contents->buffers;
  // The main buffer comes first: it is the default when it has data.
  std::stable_partition(buffers.begin(), buffers.end(), [](const Buffer& buffer) { return buffer.name.empty(); });
  for (const Buffer& buffer : buffers) {
    if (HasData(buffer)) contents->metadata.buffers.push_back(buffer.name);
  }
  if (options.buffer) {
    const auto named = std::find_if(buffers.begin(), buffers.end(),
                                    [&](const Buffer& buffer) { return buffer.name == *options.buffer; });
    if (named != buffers.end()) return std::move(*named);
    return Fail({ErrorCode::kNotFound,
                 "has no buffer named \"" + *options.buffer + "\"",
                 file.path,
                 {},
                 "buffers with data: " + NamesOf(contents->metadata.buffers)});
  }
  const auto with_data = std::find_if(buffers.begin(), buffers.end(), HasData);
  if (with_data != buffers.end()) return std::move(*with_data);
  if (!buffers.empty()) return std::move(buffers.front());
  if (contents->text_trace_offset) {
    return Fail(file.At(ErrorCode::kUnsupported, *contents->text_trace_offset,
                        "is a latency trace: it holds text, not events",
                        "record events instead, for example `trace-cmd record -e sched`"));
  }
  return Fail(file.At(ErrorCode::kTruncated, file.bytes.size(), "no trace data follows the file's header",
                      "its recording did not end; let it end, or rebuild it with `trace-cmd restore`"));
}

Status CheckPages(const File& file, const Buffer& buffer, const FormatTable& formats) {
  const uint32_t size = buffer.page_size;
  if (size >= trace_dat::kPageBytesMin && size <= trace_dat::kPageBytesMax && size > formats.page().data_offset) {
    return {};
  }
  return Fail(file.At(ErrorCode::kCorrupt, kMagic.size(),
                      "a ring-buffer page of " + std::to_string(size) + " bytes is none that a kernel makes",
                      "the file is damaged; copy it again or repeat the recording"));
}

void DescribeBuffer(const Buffer& buffer, Contents* contents) {
  TraceMetadata& metadata = contents->metadata;
  metadata.buffer = buffer.name;
  if (!buffer.clock.empty()) metadata.clock = buffer.clock;
  for (const auto& [name, stats] : contents->stats) {
    if (name == buffer.name) metadata.stats.push_back(stats);
  }
  if (metadata.cpus == 0) metadata.cpus = static_cast<uint32_t>(buffer.streams.size());
}

Result<std::unique_ptr<TraceInput>> Open(FileView view, const OpenOptions& options) {
  File file;
  file.path = view.path();
  file.bytes = view.bytes();
  if (file.bytes.size() < kMagic.size() || std::memcmp(file.bytes.data(), kMagic.data(), kMagic.size()) != 0) {
    return Fail(NotTraceDat(file));
  }
  SectionReader in(file, file.bytes, 0, /*packed=*/false);
  const auto version = ReadInitialFormat(&in, &file);
  if (!version) return Fail(version.error());
  if (auto status = CheckCompression(file); !status) return Fail(status.error());

  Contents contents;
  contents.metadata.path = file.path;
  contents.metadata.input_kind = *version == 6 ? "trace.dat v6" : "trace.dat v7";
  auto status = *version == 6 ? trace_dat::LoadV6(&in, &contents) : trace_dat::LoadV7(&in, &contents);
  if (!status) return Fail(status.error());
  auto buffer = ChooseBuffer(file, options, &contents);
  if (!buffer) return Fail(buffer.error());
  if (auto pages = CheckPages(file, *buffer, contents.formats); !pages) return Fail(pages.error());
  contents.formats.set_page_size(buffer->page_size);
  DescribeBuffer(*buffer, &contents);
  return std::make_unique<TraceDat>(std::move(view), std::move(contents), std::move(*buffer));
}

}  // namespace

bool SniffTraceDat(const std::string& path) {
  // Anything else may block (a pipe nobody writes) or have effects (a device).
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return false;
  const auto close = [](std::FILE* file) { std::fclose(file); };
  const std::unique_ptr<std::FILE, decltype(close)> file(std::fopen(path.c_str(), "rbe"), close);
  char start[kMagic.size()];
  return file != nullptr && std::fread(start, 1, sizeof start, file.get()) == sizeof start &&
         std::string_view(start, sizeof start) == kMagic;
}

Result<std::unique_ptr<TraceInput>> OpenTraceDat(const std::string& path, const OpenOptions& options) {
  auto view = FileView::Open(path);
  if (!view) return Fail(view.error());
  return Open(std::move(*view), options);
}

Result<std::unique_ptr<TraceInput>> OpenTraceDatBytes(std::string name, std::vector<uint8_t> bytes,
                                                      const OpenOptions& options) {
  return Open(FileView::FromBytes(std::move(name), std::move(bytes)), options);
}

}  // namespace wakewatch
