// Why: what the checker says of the protocols it ships with does not change while a program runs, and is asked for
// often: it is found out once, on a thread of its own, and not at all where it is known already.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "server/store/protocol_verdicts.h"

namespace wakewatch {

// What the text of a shipped protocol says about itself.
struct ShippedAbout {
  std::string name, title;
  std::vector<std::string> explains;      // classes of lost wakeups
  std::string expected_sc, expected_tso;  // "safe", "loses"; empty: it does not say
};
// By name; those that cannot be read are left out (a test reads them all).
std::vector<ShippedAbout> ShippedProtocolsAbout();

// For each of them where somebody waits: none takes as much.
inline constexpr std::chrono::seconds kVerdictMax{2};

class ShippedVerdicts {
 public:
  struct Options {
    std::chrono::milliseconds time_max{0};    // for each check; 0: nothing is checked, what is known is all
    std::vector<ProtocolVerdict> known = {};  // taken over where the checker and the text are the same
    std::function<void(const std::vector<ProtocolVerdict>&)> keep = {};  // called once, at the end, if there is news
  };
  // Starts the thread, where there is something to find out.
  explicit ShippedVerdicts(Options options);
  ~ShippedVerdicts() { Stop(); }
  ShippedVerdicts(const ShippedVerdicts&) = delete;
  ShippedVerdicts& operator=(const ShippedVerdicts&) = delete;

  // Those that are known by now, by name, then memory.
  std::vector<ProtocolVerdict> Known() const;
  // Nothing more will come.
  bool complete() const { return complete_; }
  // Waits for all of them, until `stop` (may be empty) is true.
  void Wait(const std::function<bool()>& stop);
  // Gives up the check that runs; what is known stays.
  void Stop();

 private:
  struct Question {
    std::string_view name, text;
    ProtocolVerdict verdict;  // without the answer
  };
  void Run();
  void Add(ProtocolVerdict verdict);

  const Options options_;
  std::vector<Question> open_;
  mutable std::mutex mutex_;  // guards known_
  std::vector<ProtocolVerdict> known_;
  std::atomic<bool> complete_{false}, stopping_{false};
  std::thread thread_;
};

}  // namespace wakewatch
