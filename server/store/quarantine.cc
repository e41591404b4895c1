#include "server/store/quarantine.h"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "server/store/part_files.h"

namespace wakewatch {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kNoteSuffix = ".txt";

std::string NoteText(const std::string& part, bool is_part, const Error& error) {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char time[32];
  std::strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return "Put away by wakewatch at " + std::string(time) + ", since it could not be read.\nIt was: " + part +
         "\nWhat was wrong: " + error.Text() +
         (is_part ? "\nThe recording goes on without it; reports of it have a gap in its place.\n"
                    "What can be saved: sqlite3 THIS-FILE .recover | sqlite3 saved.db; wakewatch report saved.db\n"
                  : "\nThe server began a new one.\n"
                    "What can be saved: sqlite3 THIS-FILE .recover | sqlite3 saved.db\n") +
         "From a backup: stop the server, put the file back where it was, start the server.\n"
         "Once nobody needs it, remove it together with this note.\n";
}

}  // namespace

std::string QuarantineFolder(const std::string& data_folder) { return data_folder + "/quarantine"; }

Result<std::string> PutAway(const std::string& data_folder, const std::string& part, const Error& error) {
  const std::string folder = QuarantineFolder(data_folder);
  STORE_TRY(MakeFolders(folder));
  const fs::path path(part);
  const bool is_part = PartNumber(part).has_value();
  const std::string name = is_part ? path.parent_path().parent_path().filename().string() + "-" +
                                         path.parent_path().filename().string() + "-" + path.filename().string()
                                   : path.filename().string();
  std::string target = folder + "/" + name;
  std::error_code ignored;
  for (int n = 2; fs::exists(target, ignored) && n < 10'000; ++n)
    target = folder + "/" + name + "." + std::to_string(n);
  // The log first: beside another file of the same name it would be taken for that one's.
  for (const char* suffix : {"-wal", "-shm", ""}) {
    std::error_code failed;
    if (fs::exists(part + suffix, ignored)) fs::rename(part + suffix, target + suffix, failed);
    if (failed && *suffix == '\0') return Fail(ErrnoError(failed.value(), "moving it away", target));
  }
  // A note that cannot be written (a full disk) is in the server's log all the same.
  std::ofstream(target + std::string(kNoteSuffix)) << NoteText(part, is_part, error);
  return target;
}

std::vector<std::string> Quarantined(const std::string& data_folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (fs::directory_iterator entry(QuarantineFolder(data_folder), error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string path = entry->path().string();
    if (!path.ends_with(kNoteSuffix) && !path.ends_with("-wal") && !path.ends_with("-shm")) files.push_back(path);
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace wakewatch
