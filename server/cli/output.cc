#include "server/cli/output.h"

#include <unistd.h>

#include <cerrno>

namespace wakewatch {

Status Output::Write(std::string_view text) {
  constexpr size_t kBufferBytes = 64 * 1024;
  buffer_ += text;
  return buffer_.size() >= kBufferBytes ? Flush() : Status();
}

Status Output::Flush() {
  if (error_) return Fail(*error_);
  std::string_view rest = buffer_;
  while (!rest.empty() && !reader_left_) {
    const ssize_t written = ::write(fd_, rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EPIPE) {
      reader_left_ = true;
    } else if (errno != EINTR) {
      error_ = ErrnoError(errno, "cannot write", "standard output");
      return Fail(*error_);
    }
  }
  buffer_.clear();
  return {};
}

Status Print(std::string_view text) {
  Output output;
  if (auto status = output.Write(text); !status) return status;
  return output.Flush();
}

}  // namespace wakewatch
