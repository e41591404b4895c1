// Why: the protocol checker is pure: it asks its caller for threads, for the time, and whether to go on. Here it gets
// them, for the command line as for the server, which also keeps how many checks run at once small.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "analysis/base/result.h"
#include "analysis/protocol/checker.h"

namespace wakewatch {

struct CheckRun {
  std::chrono::milliseconds time_max{0};  // 0: without limit
  unsigned threads = 0;                   // 0: one a hardware thread
  std::function<bool()> cancelled = {};   // asked every few thousand states; empty: never
};
// What is asked of a server, except the text and its name.
struct CheckWish {
  protocol::CheckOptions options;
  std::chrono::milliseconds time_max{0};
};
struct TimedCheck {
  protocol::CheckResult result;
  double seconds = 0;  // by the steady clock
};
// Errors: those of CheckProtocol; kTooLarge where the process runs out of memory. A check that is cancelled or runs out
// of time is a result with the verdict kUnfinished.
Result<TimedCheck> RunCheck(std::string_view text, const std::string& name, const protocol::CheckOptions& options,
                            const CheckRun& run);

// How a text is known in errors: the front of what the caller calls it, at most 100 bytes; "protocol" where it is
// empty.
std::string CheckName(std::string_view name);

// Lets a few through at once, and nobody wait: who checks, checks for seconds. Thread-safe.
class CheckGate {
 public:
  explicit CheckGate(unsigned checks_max) : checks_max_(checks_max) {}

  // A place inside, until it is destroyed.
  class Pass {
   public:
    explicit Pass(CheckGate* gate) : gate_(gate) {}
    Pass(Pass&& other) noexcept : gate_(other.gate_) { other.gate_ = nullptr; }
    Pass& operator=(Pass&&) = delete;
    ~Pass() {
      if (gate_ != nullptr) gate_->inside_.fetch_sub(1);
    }

   private:
    CheckGate* gate_;
  };
  // Error: kTooLarge, `checks_max` are inside.
  Result<Pass> Enter();

 private:
  const unsigned checks_max_;
  std::atomic<unsigned> inside_{0};
};

}  // namespace wakewatch
