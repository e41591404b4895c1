// Version 7 is a chain of option lists; each option that frames something holds the file offset of its section. The
// chain and the sections that decoding needs must be sound; the others may be broken.
#include <deque>
#include <map>
#include <set>

#include "analysis/trace/trace_dat_sections.h"
#include "analysis/trace/zstd_frame.h"

namespace wakewatch::trace_dat {
namespace {

constexpr uint16_t kSectionOptions = 0;
constexpr uint16_t kSectionBuffer = 3;
constexpr uint16_t kFlagCompressed = 1;
constexpr uint64_t kSectionHeaderBytes = 16;
constexpr uint64_t kPackHeaderBytes = 8;
constexpr uint64_t kChunkCountBytes = 4;

struct SectionHeader {
  uint16_t id = 0;
  bool compressed = false;
  uint64_t size = 0;  // bytes in the file, behind the header
};

struct Section {
  Bytes bytes;
  uint64_t offset = 0;  // of the bytes in the file
  bool packed = false;
};

class V7Loader {
 public:
  V7Loader(const File& file, Contents* contents) : file_(file), contents_(contents) {}

  Status ReadOptionLists(uint64_t offset);
  Status ReadSections();
  Status ReadBuffers();

 private:
  Result<SectionHeader> ReadSectionHeader(uint64_t offset, uint16_t id) const;
  Result<Section> ReadSection(uint64_t offset, uint16_t id);
  Result<Section> Unpack(uint64_t offset, const SectionHeader& header);
  Result<uint64_t> ReadOptionList(uint64_t offset);
  void TakeOption(const Option& option);
  Status ReadBuffer(const Option& option);
  Result<SectionReader> OpenSection(uint16_t id);
  template <typename Read>
  void ReadOptional(uint16_t id, Read read);

  const File& file_;
  Contents* contents_;
  ZstdFrameReader zstd_;
  std::deque<std::vector<uint8_t>> unpacked_;     // what Section::bytes of packed sections point into
  std::map<uint16_t, uint64_t> section_offsets_;  // by option id; the last one wins
  std::vector<Option> buffer_options_;
};

Result<SectionHeader> V7Loader::ReadSectionHeader(uint64_t offset, uint16_t id) const {
  if (offset > file_.bytes.size() || file_.bytes.size() - offset < kSectionHeaderBytes) {
    return Fail(file_.At(ErrorCode::kTruncated, offset,
                         "section " + std::to_string(id) + " lies beyond the end of the file (" +
                             std::to_string(file_.bytes.size()) + " bytes)",
                         "the file was cut short or its recording was interrupted; "
                         "copy it again or repeat the recording"));
  }
  ByteCursor in(file_.bytes.subspan(offset, kSectionHeaderBytes), file_.machine.order);
  SectionHeader header;
  const uint16_t found = in.U16();
  header.id = found;
  header.compressed = (in.U16() & kFlagCompressed) != 0;
  in.Skip(4);  // the section's description in the strings section
  header.size = in.U64();
  if (found != id) {
    return Fail(file_.At(ErrorCode::kCorrupt, offset,
                         "here should be section " + std::to_string(id) + ", found " + std::to_string(found),
                         "the file is damaged; copy it again or repeat the recording"));
  }
  return header;
}

Result<Section> V7Loader::ReadSection(uint64_t offset, uint16_t id) {
  const auto header = ReadSectionHeader(offset, id);
  if (!header) return Fail(header.error());
  const uint64_t start = offset + kSectionHeaderBytes;
  if (header->size > file_.bytes.size() - start) {
    return Fail(file_.At(ErrorCode::kTruncated, offset,
                         "section " + std::to_string(id) + " should be " + std::to_string(header->size) +
                             " bytes long, but only " + std::to_string(file_.bytes.size() - start) + " follow",
                         "the file was cut short; copy it again"));
  }
  if (header->compressed) return Unpack(start, *header);
  return Section{file_.bytes.subspan(start, header->size), start, false};
}

Result<Section> V7Loader::Unpack(uint64_t offset, const SectionHeader& header) {
  const std::string what = "compressed section " + std::to_string(header.id);
  const std::string remedy = "the file is damaged; copy it again or repeat the recording";
  ByteCursor in(file_.bytes.subspan(offset, header.size), file_.machine.order);
  const uint32_t packed_size = in.U32(), size = in.U32();
  const Bytes packed = in.Span(packed_size);
  if (!in.ok()) return Fail(file_.At(ErrorCode::kCorrupt, offset, what + " is longer than its section", remedy));
  if (size > kSectionBytesMax) {
    return Fail(file_.At(ErrorCode::kTooLarge, offset, what + " announces more than 64 MiB", remedy));
  }
  if (!ZstdFrameReader::Plausible(packed, size)) {
    return Fail(file_.At(ErrorCode::kCorrupt, offset + kPackHeaderBytes,
                         what + " does not hold what its sizes announce", remedy));
  }
  std::vector<uint8_t>& bytes = unpacked_.emplace_back(size);
  if (auto status = zstd_.Read(packed, bytes.data(), bytes.size()); !status) {
    return Fail(file_.At(status.error().code, offset + kPackHeaderBytes, what + ": " + status.error().cause, remedy));
  }
  return Section{bytes, offset, true};
}

Status V7Loader::ReadOptionLists(uint64_t offset) {
  if (offset == 0) {
    return Fail(file_.At(ErrorCode::kTruncated, file_.bytes.size(), "the file has no list of sections yet",
                         "its recording did not end; let it end, or repeat it"));
  }
  std::set<uint64_t> seen;
  while (offset != 0) {
    if (!seen.insert(offset).second) {
      return Fail(file_.At(ErrorCode::kCorrupt, offset, "the list of sections leads back to itself",
                           "the file is damaged; copy it again or repeat the recording"));
    }
    const auto next = ReadOptionList(offset);
    if (!next) {
      // A buffer that is known already can be read without the rest of the chain.
      if (next.error().code != ErrorCode::kTruncated || buffer_options_.empty()) return Fail(next.error());
      contents_->metadata.anomalies.Add(Anomaly::kTruncatedInput);
      return {};
    }
    offset = *next;
  }
  return {};
}

Result<uint64_t> V7Loader::ReadOptionList(uint64_t offset) {
  const auto section = ReadSection(offset, kSectionOptions);
  if (!section) return Fail(section.error());
  SectionReader in(file_, section->bytes, section->offset, section->packed);
  for (;;) {
    const auto option = ReadOption(&in, /*sized_done=*/true);
    if (!option) return Fail(option.error());
    if (option->id == kOptionDone) {
      ByteCursor data(option->data, file_.machine.order);
      const uint64_t next = data.U64();
      if (!data.ok()) return Fail(in.Broken("the end of the list of options does not say where the next one is"));
      return next;
    }
    TakeOption(*option);
  }
}

void V7Loader::TakeOption(const Option& option) {
  switch (option.id) {
    case kOptionBuffer: buffer_options_.push_back(option); return;
    case kOptionHeaderInfo:
    case kOptionFtraceEvents:
    case kOptionEventFormats:
    case kOptionKallsyms:
    case kOptionCommandLines:
    case kOptionBufferText: {
      ByteCursor data(option.data, file_.machine.order);
      const uint64_t offset = data.U64();
      if (!data.ok())
        contents_->metadata.anomalies.Add(Anomaly::kBadSection);
      else if (option.id == kOptionBufferText)
        contents_->text_trace_offset = offset;
      else
        section_offsets_[option.id] = offset;
      return;
    }
    default: ApplyOption(option, file_.machine.order, contents_);
  }
}

Result<SectionReader> V7Loader::OpenSection(uint16_t id) {
  const auto section = ReadSection(section_offsets_.at(id), id);
  if (!section) return Fail(section.error());
  return SectionReader(file_, section->bytes, section->offset, section->packed);
}

template <typename Read>
void V7Loader::ReadOptional(uint16_t id, Read read) {
  if (!section_offsets_.contains(id)) return;
  const size_t kept = unpacked_.size();
  auto in = OpenSection(id);
  if (!in || !read(&*in)) contents_->metadata.anomalies.Add(Anomaly::kBadSection);
  unpacked_.resize(kept);  // kallsyms is large and was copied
}

Status V7Loader::ReadSections() {
  for (const uint16_t id : {kOptionHeaderInfo, kOptionEventFormats}) {
    if (section_offsets_.contains(id)) continue;
    return Fail(file_.At(ErrorCode::kCorrupt, file_.bytes.size(),
                         "the list of sections names no section " + std::to_string(id) +
                             (id == kOptionHeaderInfo ? " (page header)" : " (event formats)"),
                         "without it no event can be read; copy the file again or repeat the recording"));
  }
  auto header = OpenSection(kOptionHeaderInfo);
  if (!header) return Fail(header.error());
  if (auto status = ReadHeaderInfo(&*header, contents_); !status) return status;
  FormatTable* formats = &contents_->formats;
  ReadOptional(kOptionFtraceEvents, [&](SectionReader* in) { return ReadFtraceFormats(in, formats); });
  auto events = OpenSection(kOptionEventFormats);
  if (!events) return Fail(events.error());
  if (auto status = ReadEventFormats(&*events, formats); !status) return status;
  ReadOptional(kOptionKallsyms, [&](SectionReader* in) { return ReadKallsyms(in, contents_); });
  ReadOptional(kOptionCommandLines, [&](SectionReader* in) { return ReadCommandLines(in, contents_); });
  return {};
}

Status V7Loader::ReadBuffers() {
  for (const Option& option : buffer_options_) {
    if (auto status = ReadBuffer(option); !status) return status;
  }
  return {};
}

Status V7Loader::ReadBuffer(const Option& option) {
  SectionReader in(file_, option.data, option.offset, /*packed=*/false);
  ByteCursor& data = in.cursor();
  AnomalyCounts* anomalies = &contents_->metadata.anomalies;
  const uint64_t section_offset = data.U64();
  Buffer buffer;
  buffer.name = data.CString();
  buffer.clock = data.CString();
  buffer.page_size = data.U32();
  const uint32_t cpus = data.U32();
  constexpr uint64_t kCpuBytes = 20;
  if (!data.ok() || cpus > data.left() / kCpuBytes) return Fail(in.Ended("the description of a buffer"));

  const auto section = ReadSectionHeader(section_offset, kSectionBuffer);
  if (!section && section.error().code != ErrorCode::kTruncated) return Fail(section.error());
  buffer.compressed = section && section->compressed;
  for (uint32_t i = 0; i < cpus; ++i) {
    CpuStream stream;
    stream.cpu = data.U32();
    stream.offset = data.U64();
    stream.size = data.U64();
    if (stream.size == 0) continue;
    ClipStream(file_, &stream, anomalies);
    if (buffer.compressed) {
      // trace-cmd does not count the number of chunks, which stands in front of them, as data.
      const uint64_t behind = stream.size == 0 ? 0 : file_.bytes.size() - stream.offset - stream.size;
      stream.size += behind < kChunkCountBytes ? behind : kChunkCountBytes;
      ByteCursor count(file_.bytes.subspan(stream.size == 0 ? 0 : stream.offset, stream.size), file_.machine.order);
      if (count.U32() == 0 && count.ok()) continue;
    }
    buffer.streams.push_back(stream);
  }
  TidyStreams(&buffer.streams, anomalies);
  contents_->buffers.push_back(std::move(buffer));
  return {};
}

}  // namespace

Status LoadV7(SectionReader* in, Contents* contents) {
  const uint64_t options_offset = in->cursor().U64();
  if (!in->cursor().ok()) return Fail(in->Ended("the initial format"));
  V7Loader loader(in->file(), contents);
  if (auto status = loader.ReadOptionLists(options_offset); !status) return status;
  if (auto status = loader.ReadSections(); !status) return status;
  return loader.ReadBuffers();
}

}  // namespace wakewatch::trace_dat
