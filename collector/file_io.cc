#include "collector/file_io.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <memory>

namespace wakewatch {
Result<Descriptor> OpenToRead(const std::string& path, int flags) {
  Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | flags));
  if (file.get() < 0) return Fail(ErrnoError(errno, "cannot open for reading", path));
  return file;
}

Result<std::string> ReadTextFile(const std::string& path, size_t limit) {
  const auto file = OpenToRead(path);
  if (!file) return Fail(file.error());
  return ReadDescriptor(file->get(), path, limit);
}

Result<std::string> ReadDescriptor(int fd, const std::string& path, size_t limit) {
  std::string text;
  size_t used = 0;
  for (;;) {
    if (text.size() - used < 4096) text.resize(std::max<size_t>(8192, text.size() * 2));
    const ssize_t got = read(fd, text.data() + used, text.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Fail(ErrnoError(errno, "cannot read", path));
    if (got == 0) break;
    used += static_cast<size_t>(got);
    if (used > limit) {
      return Fail(Error{ErrorCode::kTooLarge, "the file is larger than " + std::to_string(limit) + " bytes", path});
    }
  }
  text.resize(used);
  return text;
}

namespace {

Status WriteOnce(const std::string& path, std::string_view text, int mode) {
  const Descriptor file(open(path.c_str(), O_WRONLY | O_CLOEXEC | mode));
  if (file.get() < 0) return Fail(ErrnoError(errno, "cannot open for writing", path));
  for (;;) {
    const ssize_t put = write(file.get(), text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return Fail(ErrnoError(errno, "cannot write \"" + std::string(Trimmed(text)) + "\"", path));
    if (static_cast<size_t>(put) != text.size()) return Fail(Error{ErrorCode::kIo, "the write was cut short", path});
    return {};
  }
}

}  // namespace

Status WriteTextFile(const std::string& path, std::string_view text) { return WriteOnce(path, text, O_TRUNC); }
Status AppendTextFile(const std::string& path, std::string_view text) { return WriteOnce(path, text, O_APPEND); }

Result<std::vector<std::string>> ListFolder(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir(path.c_str()), closedir);
  if (!folder) return Fail(ErrnoError(errno, "cannot list the folder", path));
  std::vector<std::string> names;
  while (const dirent* entry = readdir(folder.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool IsFolder(const std::string& path) {
  struct stat status;
  return stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

bool FileExists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

bool ParseUnsigned(std::string_view text, uint64_t* value) {
  text = Trimmed(text);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

}  // namespace wakewatch
