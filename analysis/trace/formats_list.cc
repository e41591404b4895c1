#include "analysis/trace/formats_list.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "analysis/trace/raw_pages.h"
#include "analysis/trace/trace_dat.h"

namespace wakewatch {
namespace {

namespace fs = std::filesystem;

constexpr std::array kFormats = {
    InputFormat{"trace.dat", "what trace-cmd records: versions 6 and 7, plain or zstd, instance buffers included",
                SniffTraceDat, OpenTraceDat},
    InputFormat{"raw pages", "a folder of per-CPU ring-buffer pages (cpuN.raw, or a copy of a tracefs instance)",
                SniffRawPages, OpenRawPages},
};

// Files that people have at hand instead, by how they begin.
struct Foreign {
  std::string_view magic;
  std::string_view what;
  std::string_view remedy;  // empty: nothing better than the list of what is read
};
constexpr std::string_view kUnpack = "decompress it first; what is read of a trace stays compressed by its own format";
constexpr Foreign kForeign[] = {
    {{"SQLite format 3\0", 16}, "is an SQLite database, not a trace", "only Wakewatch's own recordings are databases"},
    {"PERFILE2", "is a perf.data file", "record with `trace-cmd record -e sched` or `wakewatch record` instead"},
    {"\x28\xb5\x2f\xfd", "is compressed with zstd", kUnpack},
    {{"\xfd\x37zXZ\0", 6}, "is compressed with xz", kUnpack},
    {"\x1f\x8b", "is compressed with gzip", kUnpack},
    {"BZh", "is compressed with bzip2", kUnpack},
    {"\x04\x22\x4d\x18", "is compressed with lz4", kUnpack},
    {"PK\x03\x04", "is a zip archive", "unpack it and give what is in it"},
    {"# tracer:", "is a trace as text", "keep the binary pages, or record with `trace-cmd record`"},
};
constexpr size_t kStartBytes = 16;

std::string WhatIsRead() {
  std::string list = "what is read: ";
  for (const InputFormat& format : kFormats) {
    if (&format != &kFormats.front()) list += "; ";
    list.append(format.name).append(", ").append(format.description);
  }
  return list;
}

Error Unsupported(const std::string& path, std::string cause, std::string_view remedy) {
  std::string advice(remedy);
  if (!advice.empty()) advice += "; ";
  return Error{ErrorCode::kUnsupported, std::move(cause), path, {}, advice + WhatIsRead()};
}

// The first bytes of a regular file.
Result<std::string> StartOf(const std::string& path) {
  // The file may have been replaced since it was looked at: O_NONBLOCK, so that a pipe in its place does not block.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return Fail(ErrnoError(errno, "cannot open", path));
  std::string start(kStartBytes, '\0');
  const ssize_t size = read(fd, start.data(), start.size());
  const int read_errno = errno;
  close(fd);
  if (size < 0) return Fail(ErrnoError(read_errno, "cannot read", path));
  start.resize(static_cast<size_t>(size));
  return start;
}

Error WhatFileItIs(const std::string& path) {
  const auto start = StartOf(path);
  if (!start) return start.error();
  if (start->empty()) return Unsupported(path, "is empty", "");
  for (const Foreign& foreign : kForeign) {
    if (start->starts_with(foreign.magic)) return Unsupported(path, std::string(foreign.what), foreign.remedy);
  }
  const bool one_cpu = fs::path(path).extension() == ".raw" || fs::path(path).filename() == "trace_pipe_raw";
  if (one_cpu) return Unsupported(path, "is no trace by itself", "give the folder that it is in");
  return Unsupported(path, "is not in a format that is known here", "");
}

Error WhatFolderItIs(const std::string& path) {
  std::error_code error;
  const fs::directory_iterator listing(path, error);
  if (error) return ErrnoError(error.value(), "cannot list the folder", path);
  if (listing == fs::directory_iterator()) return Unsupported(path, "is an empty folder", "");
  return Unsupported(path, "is a folder, but without the pages of any CPU", "");
}

Error WhatItIs(const std::string& path, fs::file_type type) {
  constexpr std::string_view kCopy = "a trace is mapped, not streamed: copy it into a file first";
  switch (type) {
    case fs::file_type::regular: return WhatFileItIs(path);
    case fs::file_type::directory: return WhatFolderItIs(path);
    case fs::file_type::fifo: return Unsupported(path, "is a pipe", kCopy);
    case fs::file_type::socket: return Unsupported(path, "is a socket", kCopy);
    case fs::file_type::block:
    case fs::file_type::character: return Unsupported(path, "is a device", kCopy);
    default: return Unsupported(path, "is neither a file nor a folder", kCopy);
  }
}

}  // namespace

std::span<const InputFormat> InputFormats() { return kFormats; }

Result<std::unique_ptr<TraceInput>> OpenTrace(const std::string& path, const OpenOptions& options) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) {
    const bool nothing_there = status.type() == fs::file_type::not_found || !error;
    return Fail(ErrnoError(nothing_there ? ENOENT : error.value(), "cannot find a trace there", path));
  }
  for (const InputFormat& format : kFormats) {
    if (format.sniff(path)) return format.open(path, options);
  }
  return Fail(WhatItIs(path, status.type()));
}

}  // namespace wakewatch
