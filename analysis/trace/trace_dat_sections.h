// Why: what versions 6 and 7 of trace.dat share once their framing is off: the pieces that describe the recording, the
// options, and where each CPU's pages lie. Private to the trace.dat reader.
#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "analysis/base/bytes.h"
#include "analysis/base/result.h"
#include "analysis/trace/format.h"
#include "analysis/trace/page_stream.h"
#include "analysis/trace/reader.h"
#include "analysis/trace/symbols.h"

namespace wakewatch::trace_dat {

// Both protect this process from sizes that a file merely claims. Real sections stay under 20 MiB (kallsyms of a large
// distribution kernel), real chunks under 1 MiB.
inline constexpr uint64_t kSectionBytesMax = 64 << 20;
inline constexpr uint64_t kChunkBytesMax = 64 << 20;
inline constexpr uint32_t kPageBytesMin = 512;
inline constexpr uint32_t kPageBytesMax = 16 << 20;

// The input, and what its first bytes said.
struct File {
  std::string path;
  Bytes bytes;
  FormatTable::Machine machine;
  uint32_t page_size = 0;   // bytes, of the machine that was recorded
  std::string compression;  // v7: "zstd", "zlib", "none"; empty in v6

  Error At(ErrorCode code, uint64_t offset, std::string cause, std::string remedy) const {
    return Error{code, std::move(cause), path, offset, std::move(remedy)};
  }
};

// One CPU's pages in the file: plain, or (v7) a count of chunks followed by the compressed chunks.
struct CpuStream {
  uint32_t cpu = 0;
  uint64_t offset = 0, size = 0;  // bytes; the part that is in the file
  bool truncated = false;         // the file announced more
};

struct Buffer {
  std::string name;        // "" is the main one
  std::string clock;       // v7 only
  uint32_t page_size = 0;  // bytes of a sub-buffer
  bool compressed = false;
  std::vector<CpuStream> streams;  // in CPU order, those with data
};

// What is learnt from a file, however it was framed.
struct Contents {
  TraceMetadata metadata;
  FormatTable formats;
  SymbolTable symbols;
  std::vector<Buffer> buffers;
  std::vector<std::pair<std::string, CpuStats>> stats;  // with the name of their buffer
  std::string stats_buffer;                             // the buffer that the next CPUSTAT option speaks of
  CycleScale cycles;
  std::optional<uint64_t> text_trace_offset;  // of a latency trace, which holds text instead of events
};

// A cursor over one section (v7) or the whole header (v6) that knows where in the file it stands.
class SectionReader {
 public:
  // `offset`: of the first byte in the file. `packed`: the bytes were decompressed, so errors point at the section.
  SectionReader(const File& file, Bytes bytes, uint64_t offset, bool packed)
      : file_(&file), cursor_(bytes, file.machine.order), offset_(offset), packed_(packed) {}

  ByteCursor& cursor() { return cursor_; }
  const File& file() const { return *file_; }
  uint64_t file_offset() const { return packed_ ? offset_ : offset_ + cursor_.at(); }

  // Text that follows its own length of 4 or 8 bytes. `what` names it in the error.
  Result<std::string_view> SizedText(int width, std::string_view what);
  // The magic words between a header's parts.
  Status Expect(std::string_view word, std::string_view what);
  // The section ended inside `what`.
  Error Ended(std::string_view what) const;
  Error Broken(std::string cause) const;

 private:
  const File* file_;
  ByteCursor cursor_;
  uint64_t offset_;
  bool packed_;
};

// header_page and header_event; makes contents->formats.
Status ReadHeaderInfo(SectionReader* in, Contents* contents);
Status ReadFtraceFormats(SectionReader* in, FormatTable* formats);
Status ReadEventFormats(SectionReader* in, FormatTable* formats);
Status ReadKallsyms(SectionReader* in, Contents* contents);
Status ReadCommandLines(SectionReader* in, Contents* contents);

enum OptionId : uint16_t {
  kOptionDone = 0,
  kOptionDate = 1,
  kOptionCpuStat = 2,
  kOptionBuffer = 3,
  kOptionTraceClock = 4,
  kOptionUname = 5,
  kOptionCpuCount = 8,
  kOptionTscToNs = 14,
  kOptionHeaderInfo = 16,
  kOptionFtraceEvents = 17,
  kOptionEventFormats = 18,
  kOptionKallsyms = 19,
  kOptionCommandLines = 21,
  kOptionBufferText = 22,
};

struct Option {
  uint16_t id = 0;
  Bytes data;
  uint64_t offset = 0;  // of the data in the file, or of the compressed section it is in
};

// The next option; kOptionDone ends a list (its data, in v7, says where the next list is).
Result<Option> ReadOption(SectionReader* in, bool sized_done);
// Takes over what an option says about the recording. Options that only frame (buffers, sections) and those that are
// not known are left alone. One that cannot be read counts as Anomaly::kBadSection.
void ApplyOption(const Option& option, std::endian order, Contents* contents);

// Cuts a stream to what the file holds; counts Anomaly::kTruncatedInput when it announced more.
void ClipStream(const File& file, CpuStream* stream, AnomalyCounts* counts);
// Puts streams in CPU order and drops what names a CPU twice or beyond 65535 (Anomaly::kBadSection).
void TidyStreams(std::vector<CpuStream>* streams, AnomalyCounts* counts);

// `in` stands behind the initial format (magic, version, byte order, long size, page size).
Status LoadV6(SectionReader* in, Contents* contents);
Status LoadV7(SectionReader* in, Contents* contents);

}  // namespace wakewatch::trace_dat
