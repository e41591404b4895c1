#include "server/cli/protocol_source.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analysis/protocol/language/parser.h"
#include "analysis/protocol/shipped.h"
#include "server/cli/interrupt.h"

namespace wakewatch {
namespace {

Result<std::string> ReadAll(int fd, const std::string& name) {
  std::string text;
  std::array<char, 1 << 16> piece;
  while (text.size() <= protocol::kTextBytesMax) {
    const ssize_t n = read(fd, piece.data(), piece.size());
    if (n == 0) break;
    if (n < 0 && errno == EINTR && !Interrupted()) continue;
    if (n < 0 && errno == EINTR) return Fail(ErrorCode::kInterrupted, "interrupted");
    if (n < 0) return Fail(ErrnoError(errno, "reading", name));
    text.append(piece.data(), static_cast<size_t>(n));
  }
  text.resize(std::min(text.size(), protocol::kTextBytesMax + 1));
  return text;
}

}  // namespace

Result<ProtocolSource> ReadProtocol(const std::string& named) {
  if (named == "-") {
    auto text = ReadAll(STDIN_FILENO, "stdin");
    if (!text) return Fail(std::move(text.error()));
    return ProtocolSource{"stdin", *std::move(text), false};
  }
  struct stat about {};
  const bool exists = stat(named.c_str(), &about) == 0;
  if (!exists || S_ISDIR(about.st_mode)) {
    if (const auto* shipped = protocol::ShippedProtocolNamed(named)) {
      return ProtocolSource{named, std::string(shipped->text), true};
    }
  }
  if (!exists) {
    return Fail(Error{.code = ErrorCode::kNotFound,
                      .cause = "there is no such file, and no shipped protocol of that name",
                      .file = named,
                      .remedy = "wakewatch check --list names those that come with it"});
  }
  const int fd = open(named.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Fail(ErrnoError(errno, "opening", named));
  auto text = ReadAll(fd, named);
  close(fd);
  if (!text) return Fail(std::move(text.error()));
  return ProtocolSource{named, *std::move(text), false};
}

}  // namespace wakewatch
