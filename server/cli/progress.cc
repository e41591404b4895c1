#include "server/cli/progress.h"

#include <unistd.h>

#include <cstdio>

#include <fmt/format.h>

#include "analysis/report/printable.h"

namespace wakewatch {

Progress::Progress(std::string what)
    : what_(std::move(what)),
      terminal_(isatty(STDERR_FILENO) == 1),
      begun_(std::chrono::steady_clock::now()),
      last_(begun_) {}

Progress::~Progress() {
  if (drawn_) std::fputs("\r\x1b[K", stderr);
}

void Progress::Show(uint64_t events) {
  constexpr std::chrono::milliseconds kInterval{200};
  if (!terminal_) return;
  const auto now = std::chrono::steady_clock::now();
  if (now - last_ < kInterval) return;
  last_ = now;
  drawn_ = true;
  const double seconds = std::chrono::duration<double>(now - begun_).count();
  fmt::print(stderr, "\r{} {} events in {:.0f} s\x1b[K", what_, CountText(events), seconds);
  std::fflush(stderr);
}

}  // namespace wakewatch
