// Any text as a query of a recording: it is answered within its limits or refused with a reason, and the file stays as
// it was. What is answered is a query: a statement of another kind must not get as far as the file's own protection.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <string>
#include <string_view>

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

// The first word behind blanks, comments and empty statements, in small letters.
std::string FirstWord(std::string_view sql) {
  while (!sql.empty()) {
    size_t skip = 0;
    if (sql.starts_with("--")) {
      skip = sql.find('\n');
    } else if (sql.starts_with("/*")) {
      skip = sql.find("*/", 2);
      if (skip != sql.npos) skip += 2;
    } else if (sql.starts_with("\xef\xbb\xbf")) {
      skip = 3;
    } else if (std::string_view(" \t\n\f\r;").find(sql[0]) != std::string_view::npos) {
      skip = 1;
    } else {
      break;
    }
    sql.remove_prefix(std::min(skip, sql.size()));
  }
  std::string word;
  for (const unsigned char c : sql) {
    if (std::isalpha(c) == 0) break;
    word += static_cast<char>(std::tolower(c));
  }
  return word;
}

bool IsQuery(std::string_view sql) {
  constexpr std::string_view kWords[] = {"select", "values", "with", "explain", "pragma"};
  return std::find(std::begin(kWords), std::end(kWords), FirstWord(sql)) != std::end(kWords);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Place& place = *new Place;
  const QueryLimits limits{.deadline = std::chrono::milliseconds(100), .rows_max = kRowsMax};
  uint64_t rows = 0;
  const std::string sql(reinterpret_cast<const char*>(data), size);
  const auto end = place.query->Run(
      sql, limits, [](const std::vector<std::string>&) {},
      [&](const std::vector<SqlValue>&) {
        ++rows;
        return true;
      });
  if (rows > kRowsMax || (end && !IsQuery(sql))) std::abort();
  if (!end) {
    const ErrorCode code = end.error().code;
    const bool expected = code == ErrorCode::kInvalidArgument || code == ErrorCode::kPermission ||
                          code == ErrorCode::kDeadline || code == ErrorCode::kTooLarge;
    if (!expected || end.error().cause.empty()) std::abort();
  }
  if (Place::Size(place.path) != place.bytes) std::abort();
  return 0;
}
