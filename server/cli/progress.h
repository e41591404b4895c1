// Why: a long analysis shows that it lives, but only to a person: on standard error, and only when that is a terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace wakewatch {

class Progress {
 public:
  // `what`: "analysed", "recorded".
  explicit Progress(std::string what);
  ~Progress();  // clears the line
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Redraws at most five times a second. `events` so far, in all.
  void Show(uint64_t events);

 private:
  std::string what_;
  bool terminal_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point begun_, last_;
};

}  // namespace wakewatch
