#include "server/live/trace_import.h"

#include <atomic>
#include <utility>

#include <unistd.h>

#include "analysis/report/printable.h"
#include "server/live/import.h"
#include "server/live/replay.h"
#include "server/store/adoption.h"
#include "server/store/recording.h"

namespace wakewatch {
namespace {

constexpr size_t kFileNameMax = 200, kHostNameMax = 64;

bool IsPlain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

std::string_view LastComponent(std::string_view path) {
  const size_t slash = path.find_last_of("/\\");
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

// Errors speak of the file as its user knows it; where the server keeps it is nobody's business.
Error AboutUpload(Error error, const Upload& upload) {
  const bool of_file = error.file == upload.path();
  const bool broken =
      error.code == ErrorCode::kCorrupt || error.code == ErrorCode::kTruncated || error.code == ErrorCode::kUnsupported;
  for (size_t at; (at = error.cause.find(upload.path())) != std::string::npos;) {
    error.cause.replace(at, upload.path().size(), upload.about().file_name);
  }
  if (of_file && broken) error.code = ErrorCode::kInvalidArgument;
  // What is wrong with a recording that is being made is wrong on the server.
  if (!of_file) error.offset.reset();
  error.file = upload.about().file_name;
  if (error.code == ErrorCode::kNoSpace) error.remedy = "free space on the server's disk";
  if (of_file && error.remedy.empty()) error.remedy = "is it whole? record it anew, or copy it again";
  return error;
}

}  // namespace

std::string ShownFileName(std::string_view file_name) {
  const std::string name = PrintableText(LastComponent(file_name).substr(0, kFileNameMax));
  return name.empty() ? "upload" : name;
}

std::string HostNameOf(std::string_view file_name) {
  std::string_view stem = LastComponent(file_name);
  const size_t dot = stem.rfind('.');
  if (dot != std::string_view::npos && dot > 0) stem = stem.substr(0, dot);
  std::string name;
  for (const char c : stem) {
    if (name.size() == kHostNameMax) break;
    if (IsPlain(c)) {
      if (!name.empty() || (c != '.' && c != '-')) name += c;
    } else if (!name.empty() && name.back() != '-') {
      name += '-';
    }
  }
  while (!name.empty() && (name.back() == '-' || name.back() == '.')) name.pop_back();
  return name.empty() ? "imported" : name;
}

Status MayImportUnder(const Fleet& fleet, const std::string& host) {
  for (const HostState& state : fleet.Hosts()) {
    if (state.name != host) continue;
    const bool imported = state.boot_id.starts_with(kImportPrefix) || state.collector_version == kReplayVersion;
    if (imported && state.status != HostStatus::kStreaming) return {};
    return Fail(Error{.code = ErrorCode::kConflict,
                      .cause = "host \"" + host + "\" has a collector of its own",
                      .remedy = "import under another name"});
  }
  return {};
}

Result<ImportedTrace> ImportUpload(Fleet* fleet, const Upload& upload,
                                   const std::function<bool(const ImportProgress&)>& go_on) {
  const auto fail = [&](const Error& error) { return Fail(AboutUpload(error, upload)); };
  const auto input = OpenTraceOrRecording(upload.path());
  if (!input) return fail(input.error());
  std::atomic<uint64_t> bytes_read{0};
  std::atomic<bool> stop{false};
  ImportJob job{.path = upload.recording_path(), .replace = true, .engine = fleet->options().live.engine};
  job.pipeline.stop = &stop;
  job.pipeline.progress = [&](uint64_t events) { stop = stop || !go_on({bytes_read.load(), events}); };
  job.bytes_read = &bytes_read;
  job.verdicts = [&] { return fleet->verdicts().Known(); };
  const auto report = ImportToFile(**input, job);
  Error error{.code = ErrorCode::kInterrupted, .cause = "the import was given up"};
  if (report && go_on({bytes_read.load(), report->events}) && !stop) {
    auto row = fleet->Adopt(job.path, upload.about().host, upload.id());
    if (row) return ImportedTrace{std::move(*row), report->events, ImportWarnings(*report)};
    error = row.error();
  } else if (!report) {
    error = report.error();
  }
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) unlink((job.path + suffix).c_str());
  return fail(error);
}

}  // namespace wakewatch
