#include "server/store/part_files.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "server/store/session_store.h"

namespace wakewatch {
namespace {

namespace fs = std::filesystem;

constexpr size_t kFolderNameMax = 120;  // of 255 that file systems allow: a start time and a session go in front of it
constexpr std::string_view kPartPrefix = "part-", kPartSuffix = ".db";

bool Plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

Status Sync(const std::string& path, int flags) {
  const int file = open(path.c_str(), flags | O_RDONLY | O_CLOEXEC);
  if (file < 0) return Fail(ErrnoError(errno, "opening", path));
  const int answer = fsync(file);
  const int sync_errno = errno;
  close(file);
  if (answer != 0) return Fail(ErrnoError(sync_errno, "making durable", path));
  return {};
}

}  // namespace

std::string FolderName(std::string_view name) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string spelt;
  for (const char c : name) {
    if (Plain(c) && !(spelt.empty() && c == '.')) {
      spelt += c;
    } else {
      spelt += '%';
      spelt += kDigits[static_cast<uint8_t>(c) >> 4];
      spelt += kDigits[static_cast<uint8_t>(c) & 15];
    }
  }
  if (spelt.empty()) return "%";
  if (spelt.size() <= kFolderNameMax) return spelt;
  char hash[24];
  std::snprintf(hash, sizeof hash, "%%%016llx", static_cast<unsigned long long>(XXH3_64bits(name.data(), name.size())));
  return spelt.substr(0, kFolderNameMax - 17) + hash;
}

std::string HostsFolder(const std::string& data_folder) { return data_folder + "/hosts"; }

std::string RecordingFolder(const std::string& data_folder, std::string_view host, std::string_view id) {
  return HostsFolder(data_folder) + "/" + FolderName(host) + "/" + std::string(id);
}

std::string SessionFolderName(std::time_t now, std::string_view session) {
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &utc);
  return std::string(text) + "-" + FolderName(session);
}

std::optional<uint32_t> PartNumber(std::string_view path) {
  std::string_view name = path.substr(path.rfind('/') + 1);
  if (!name.starts_with(kPartPrefix) || !name.ends_with(kPartSuffix)) return std::nullopt;
  name.remove_prefix(kPartPrefix.size());
  name.remove_suffix(std::min(name.size(), kPartSuffix.size()));
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size() || name.size() < 4 || number == 0) return std::nullopt;
  return number;
}

std::string PartPath(const std::string& folder, uint32_t number) {
  char name[32];
  std::snprintf(name, sizeof name, "/part-%04u.db", number);
  return folder + name;
}

std::vector<std::string> Parts(const std::string& folder) {
  std::vector<std::pair<uint32_t, std::string>> found;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    const std::string name = entry->path().filename().string();
    if (const auto number = PartNumber(name); number && entry->is_regular_file(ignored)) {
      found.emplace_back(*number, folder + "/" + name);
    }
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> paths;
  for (auto& [number, path] : found) paths.push_back(std::move(path));
  return paths;
}

std::vector<std::string> FoldersIn(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    if (entry->is_directory(ignored) && !entry->is_symlink(ignored)) names.push_back(entry->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

void RemoveUnfinished(const std::string& folder) {
  std::vector<fs::path> unfinished;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.starts_with(kPartPrefix) && name.find(kUnfinishedSuffix) != std::string::npos) {
      unfinished.push_back(entry->path());
    }
  }
  for (const fs::path& path : unfinished) fs::remove(path, error);
}

uint64_t BytesOf(const std::string& path) {
  uint64_t bytes = 0;
  for (const char* suffix : {"", "-wal"}) {
    struct stat about {};
    if (stat((path + suffix).c_str(), &about) == 0) bytes += static_cast<uint64_t>(about.st_size);
  }
  return bytes;
}

uint64_t WrittenAt(const std::string& path) {
  uint64_t written_ns = 0;
  for (const char* suffix : {"", "-wal"}) {
    struct stat about {};
    if (stat((path + suffix).c_str(), &about) != 0 || about.st_mtim.tv_sec < 0) continue;
    if (about.st_size == 0) continue;  // the log that a reader has opened
    written_ns = std::max(written_ns, static_cast<uint64_t>(about.st_mtim.tv_sec) * 1'000'000'000 +
                                          static_cast<uint64_t>(about.st_mtim.tv_nsec));
  }
  return written_ns;
}

void SetWrittenAt(const std::string& path, uint64_t real_ns) {
  const timespec time{static_cast<time_t>(real_ns / 1'000'000'000), static_cast<long>(real_ns % 1'000'000'000)};
  const timespec times[] = {time, time};
  for (const char* suffix : {"", "-wal"}) utimensat(AT_FDCWD, (path + suffix).c_str(), times, 0);
}

Status MakeFolders(const std::string& folder) {
  struct stat about {};
  if (stat(folder.c_str(), &about) == 0) {
    if (S_ISDIR(about.st_mode)) return {};
    return Fail(Error{ErrorCode::kIo, "a file stands where a folder belongs", folder});
  }
  const size_t slash = folder.rfind('/');
  const std::string above = slash == std::string::npos ? "." : slash == 0 ? "/" : folder.substr(0, slash);
  STORE_TRY(MakeFolders(above));
  if (mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) return Fail(ErrnoError(errno, "making the folder", folder));
  return SyncFolder(above);
}

Status SyncFile(const std::string& path) { return Sync(path, 0); }
Status SyncFolder(const std::string& folder) { return Sync(folder, O_DIRECTORY); }

Status PutInPlace(const std::string& from, const std::string& to) {
  STORE_TRY(SyncFile(from));
  if (rename(from.c_str(), to.c_str()) != 0) return Fail(ErrnoError(errno, "renaming " + from + " to", to));
  return SyncFolder(fs::path(to).parent_path().string());
}

Status Settle(Database& db, std::chrono::milliseconds patience) {
  sqlite3_busy_timeout(db.get(), static_cast<int>(patience.count()));
  // A connection that has not read yet does not know of the log, and is refused.
  if (const auto read = db.Integer("PRAGMA user_version"); !read) return tl::unexpected<Error>(read.error());
  const auto busy = db.Integer("PRAGMA wal_checkpoint(TRUNCATE)");
  if (!busy) return tl::unexpected<Error>(busy.error());
  if (*busy != 0) {
    return Fail(Error{ErrorCode::kIo, "another program reads the recording", db.path()});
  }
  return db.Exec("PRAGMA journal_mode = DELETE");
}

}  // namespace wakewatch
