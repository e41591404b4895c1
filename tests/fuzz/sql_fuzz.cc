// Any text as a query of a recording: it is answered within its limits or refused with a reason, and the file stays as
// it was.
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "server/store/query.h"
#include "server/store/recording.h"
#include "server/store/stored_formats.h"
#include "tests/fuzz/fuzz_input.h"

namespace {

using namespace wakewatch;

constexpr uint64_t kRowsMax = 50;

std::string MakeRecording() {
  static std::string folder = (std::filesystem::temp_directory_path() / "wakewatch-sql-fuzz-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) std::abort();
  std::atexit([] { std::filesystem::remove_all(folder); });
  const std::string path = folder + "/a.db";
  const auto sample = fuzz::OpenSample();
  Batch batch;
  batch.sequence = 1;
  batch.session = SessionInfo{"box", "boot", "s1", "6.1.0", "mono", "0.1", 2, true};
  batch.formats = DeltaOf(sample->formats());
  batch.chunks = fuzz::SampleChunks(*sample, 40);
  auto writer = RecordingWriter::Create(path, false);
  if (!writer || !(*writer)->Append(batch) || !(*writer)->Close()) std::abort();
  return path;
}

struct Place {
  const std::string path = MakeRecording();
  const off_t bytes = Size(path);
  std::unique_ptr<RecordingQuery> query = std::move(RecordingQuery::Open(path).value());

  static off_t Size(const std::string& path) {
    struct stat about {};
    return stat(path.c_str(), &about) == 0 ? about.st_size : -1;
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Place& place = *new Place;
  const QueryLimits limits{.deadline = std::chrono::milliseconds(100), .rows_max = kRowsMax};
  uint64_t rows = 0;
  const auto end = place.query->Run(
      std::string(reinterpret_cast<const char*>(data), size), limits, [](const std::vector<std::string>&) {},
      [&](const std::vector<SqlValue>&) {
        ++rows;
        return true;
      });
  if (rows > kRowsMax) std::abort();
  if (!end) {
    const ErrorCode code = end.error().code;
    const bool expected = code == ErrorCode::kInvalidArgument || code == ErrorCode::kPermission ||
                          code == ErrorCode::kDeadline || code == ErrorCode::kTooLarge;
    if (!expected || end.error().cause.empty()) std::abort();
  }
  if (Place::Size(place.path) != place.bytes) std::abort();
  return 0;
}
