#include "analysis/trace/raw_pages.h"

#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <limits>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "analysis/trace/file_view.h"
#include "analysis/trace/page_stream.h"
#include "analysis/trace/trace_text.h"
#include "analysis/trace/zstd_frame.h"

namespace wakewatch {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kTextBytesMax = 64 << 20;  // kallsyms of a large distribution kernel stays under 20 MiB

struct CpuFiles {
  uint32_t cpu = 0;
  fs::path pages, stats;
};

struct CpuPages {
  uint32_t cpu = 0;
  FileView view;
};

class RawPages : public TraceInput {
 public:
  RawPages(TraceMetadata metadata, FormatTable formats, SymbolTable symbols, std::vector<CpuPages> cpus)
      : cpus_(std::move(cpus)) {
    metadata_ = std::move(metadata);
    formats_ = std::move(formats);
    symbols_ = std::move(symbols);
    decoder_.emplace(formats_);
  }

  Result<std::vector<std::unique_ptr<CpuReader>>> OpenCpus() const override {
    std::vector<std::unique_ptr<CpuReader>> readers;
    for (const CpuPages& cpu : cpus_) {
      const PageRun run{cpu.cpu, 0, cpu.view.bytes().size(), false, formats_.page().page_size, {}};
      if (run.size != 0) readers.push_back(OpenPlainPages(cpu.view, *decoder_, run));
    }
    return readers;
  }

 private:
  std::vector<CpuPages> cpus_;
  std::optional<RecordDecoder> decoder_;
};

bool IsFile(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

// What a folder holds, sorted, since a listing comes in any order; empty when it cannot be listed.
std::vector<fs::path> Listing(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> paths;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    paths.push_back(at->path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

// The number in "cpu12" + `ending`.
std::optional<uint32_t> CpuOf(const fs::path& path, std::string_view ending) {
  const std::string name = path.filename();
  std::string_view rest = name;
  if (!rest.starts_with("cpu") || !rest.ends_with(ending)) return {};
  rest.remove_prefix(std::min<size_t>(rest.size(), 3));
  rest.remove_suffix(std::min(rest.size(), ending.size()));
  uint32_t cpu = 0;
  if (!ParseNumber(rest, 10, &cpu) || cpu > std::numeric_limits<uint16_t>::max()) return {};
  return cpu;
}

// The files of every CPU, in CPU order.
std::vector<CpuFiles> FindCpus(const fs::path& folder) {
  std::vector<CpuFiles> cpus;
  for (const fs::path& path : Listing(folder)) {
    const auto cpu = CpuOf(path, ".raw");
    if (cpu && IsFile(path)) cpus.push_back({*cpu, path, fs::path(path).replace_extension(".stats")});
  }
  for (const fs::path& path : Listing(folder / "per_cpu")) {
    const auto cpu = CpuOf(path, "");
    if (cpu && IsFile(path / "trace_pipe_raw")) cpus.push_back({*cpu, path / "trace_pipe_raw", path / "stats"});
  }
  std::stable_sort(cpus.begin(), cpus.end(), [](const CpuFiles& a, const CpuFiles& b) { return a.cpu < b.cpu; });
  return cpus;
}

// All of a small file; nothing when it is not there, and counted when it is, but cannot be read.
std::optional<std::string> ReadText(const fs::path& path, AnomalyCounts* anomalies) {
  if (!IsFile(path)) return {};
  const auto view = FileView::Open(path);
  if (!view || view->bytes().size() > kTextBytesMax) {
    anomalies->Add(Anomaly::kBadSection);
    return {};
  }
  return std::string(view->bytes().begin(), view->bytes().end());
}

Error Missing(const fs::path& folder, std::string cause, std::string remedy) {
  return Error{ErrorCode::kNotFound, std::move(cause), folder, {}, std::move(remedy)};
}

// A tracefs looks like a copy of itself, but reading a trace_pipe_raw there waits, and takes the events away.
Status RefuseLive(const fs::path& folder) {
  struct statfs about;
  if (statfs(folder.c_str(), &about) != 0) return Fail(ErrnoError(errno, "cannot stat", folder));
  if (about.f_type != TRACEFS_MAGIC && about.f_type != DEBUGFS_MAGIC) return {};
  return Fail(Error{ErrorCode::kUnsupported,
                    "is the kernel's own tracing directory, not a copy of one",
                    folder,
                    {},
                    "use `wakewatch record`, or copy each per_cpu/cpuN/trace_pipe_raw into a folder first"});
}

Result<std::vector<CpuPages>> MapPages(const std::vector<CpuFiles>& files, AnomalyCounts* anomalies) {
  std::vector<CpuPages> cpus;
  for (const CpuFiles& file : files) {
    if (!cpus.empty() && cpus.back().cpu == file.cpu) {
      anomalies->Add(Anomaly::kBadSection);  // kept twice; the cpuN.raw in front is read
      continue;
    }
    auto view = FileView::Open(file.pages);
    if (!view) return Fail(view.error());
    cpus.push_back({file.cpu, std::move(*view)});
  }
  return cpus;
}

// A page's commit word is small, so only one order makes sense of it. Little when no page tells.
std::endian OrderOf(const std::vector<CpuPages>& cpus, const PageLayout& layout) {
  const auto plausible = [&](const uint8_t* word, std::endian order) {
    constexpr uint64_t kMissed = 3u << 30;  // RB_MISSED_EVENTS, RB_MISSED_STORED
    const uint64_t commit = layout.commit_size == 4 ? Load<uint32_t>(word, order) : Load<uint64_t>(word, order);
    return (commit & ~kMissed) <= layout.page_size - layout.data_offset;
  };
  for (const CpuPages& cpu : cpus) {
    if (cpu.view.bytes().size() < layout.data_offset) continue;
    const uint8_t* const word = &cpu.view.bytes()[layout.commit_offset];
    const bool little = plausible(word, std::endian::little), big = plausible(word, std::endian::big);
    if (little != big) return little ? std::endian::little : std::endian::big;
  }
  return std::endian::little;
}

Result<FormatTable> ReadHeaderPage(const fs::path& folder, const std::vector<CpuPages>& cpus) {
  const fs::path beside = folder / "header_page";
  const fs::path path = IsFile(beside) ? beside : folder / "events/header_page";
  if (!IsFile(path)) {
    return Fail(Missing(folder, "has pages of CPUs, but no header_page that says how they begin",
                        "copy events/header_page of the machine that was traced into it"));
  }
  const auto text = FileView::Open(path);
  if (!text) return Fail(text.error());
  const std::string_view page(reinterpret_cast<const char*>(text->bytes().data()), text->bytes().size());
  const auto in_file = [&](Error error) {
    error.file = path;
    return Fail(std::move(error));
  };
  if (page.empty()) return in_file({ErrorCode::kTruncated, "is empty", {}, {}, "copy it again: `cat` it into a file"});
  const auto layout = FormatTable::Create({}, page);
  if (!layout) return in_file(layout.error());
  // The commit is a local_t, which is a long.
  return FormatTable::Create({OrderOf(cpus, layout->page()), layout->page().commit_size}, page);
}

Status ReadFormats(const fs::path& folder, FormatTable* formats, AnomalyCounts* anomalies) {
  for (const fs::path& system : Listing(folder / "events")) {
    for (const fs::path& event : Listing(system)) {
      const auto text = ReadText(event / "format", anomalies);
      // A format that cannot be used is counted by the table; its events are then unknown ids.
      if (text) static_cast<void>(formats->Add(system.filename().string(), *text));
    }
  }
  if (!formats->events().empty()) return {};
  return Fail(Missing(folder, "has pages of CPUs, but no event format that can be used in events/SYSTEM/EVENT/format",
                      "copy the events folder of the machine's tracefs into it, from the same boot"));
}

void ReadSymbols(const fs::path& folder, SymbolTable* symbols, AnomalyCounts* anomalies) {
  if (auto text = ReadText(folder / "kallsyms", anomalies)) return symbols->SetKallsyms(std::move(*text));
  if (const auto packed = ReadText(folder / "kallsyms.zst", anomalies)) {
    const Bytes bytes(reinterpret_cast<const uint8_t*>(packed->data()), packed->size());
    auto text = UnpackZstd(bytes, kTextBytesMax);
    if (text) return symbols->SetKallsyms(std::move(*text));
    return anomalies->Add(Anomaly::kBadSection);
  }
  // Other compressions would need a library each for this one file.
  const bool unread = IsFile(folder / "kallsyms.gz") || IsFile(folder / "kallsyms.xz");
  if (unread) anomalies->Add(Anomaly::kBadSection);
}

// False when a number in it is none.
bool ReadStats(std::string_view text, CpuStats* stats) {
  bool all_read = true;
  while (!text.empty()) {
    const std::string_view line = TakeLine(&text);
    const size_t colon = line.find(": ");
    if (colon == std::string_view::npos) continue;
    all_read = ParseCpuStat(line.substr(0, colon), line.substr(colon + 2), stats) && all_read;
  }
  return all_read;
}

void Describe(const fs::path& folder, const std::vector<CpuFiles>& files, TraceMetadata* metadata) {
  AnomalyCounts* const anomalies = &metadata->anomalies;
  if (const auto text = ReadText(folder / "trace_clock", anomalies)) {
    metadata->clock = ParseTraceClock(*text);
    if (metadata->clock.empty()) anomalies->Add(Anomaly::kBadSection);
  }
  if (const auto text = ReadText(folder / "saved_cmdlines", anomalies)) {
    if (!ParseCommandLines(*text, &metadata->threads)) anomalies->Add(Anomaly::kBadSection);
  }
  for (const CpuFiles& file : files) {
    const bool seen = !metadata->stats.empty() && metadata->stats.back().cpu == file.cpu;
    const auto text = seen ? std::nullopt : ReadText(file.stats, anomalies);
    if (!text) continue;
    CpuStats stats;
    stats.cpu = file.cpu;
    if (ReadStats(*text, &stats))
      metadata->stats.push_back(stats);
    else
      anomalies->Add(Anomaly::kBadSection);
  }
}

}  // namespace

bool SniffRawPages(const std::string& path) { return !FindCpus(path).empty(); }

Result<std::unique_ptr<TraceInput>> OpenRawPages(const std::string& path, const OpenOptions& options) {
  const fs::path folder(path);
  if (auto status = RefuseLive(folder); !status) return Fail(status.error());
  if (options.buffer && !options.buffer->empty()) {
    return Fail(Missing(folder, "has no buffer named \"" + *options.buffer + "\": a folder of pages holds one buffer",
                        "give the folder of that instance instead"));
  }
  const std::vector<CpuFiles> files = FindCpus(folder);
  if (files.empty()) {
    return Fail(Missing(folder, "has no pages of any CPU",
                        "put them there as cpu0.raw, cpu1.raw … or as per_cpu/cpuN/trace_pipe_raw"));
  }
  TraceMetadata metadata;
  auto cpus = MapPages(files, &metadata.anomalies);
  if (!cpus) return Fail(cpus.error());
  auto formats = ReadHeaderPage(folder, *cpus);
  if (!formats) return Fail(formats.error());
  if (auto status = ReadFormats(folder, &*formats, &metadata.anomalies); !status) return Fail(status.error());
  SymbolTable symbols;
  ReadSymbols(folder, &symbols, &metadata.anomalies);
  Describe(folder, files, &metadata);
  metadata.path = path;
  metadata.input_kind = "raw pages";
  metadata.cpus = static_cast<uint32_t>(cpus->size());
  const bool has_data =
      std::any_of(cpus->begin(), cpus->end(), [](const CpuPages& cpu) { return !cpu.view.bytes().empty(); });
  if (has_data) metadata.buffers.push_back("");
  return std::make_unique<RawPages>(std::move(metadata), std::move(*formats), std::move(symbols), std::move(*cpus));
}

}  // namespace wakewatch
