// Why: a recording outlives the kernel it was made on, so the names of the functions that occur in it travel with it.
// Source: /proc/kallsyms, read when the first function address is seen.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/chunk/batch.h"
#include "analysis/chunk/functions_seen.h"
#include "analysis/trace/event.h"
#include "analysis/trace/symbols.h"

namespace wakewatch {

inline constexpr size_t kKallsymsMax = 256u << 20;

class SymbolCollector {
 public:
  explicit SymbolCollector(std::string kallsyms = "/proc/kallsyms") : path_(std::move(kallsyms)) {}

  // The text of kallsyms comes from `read` from now on; for who may not see addresses itself.
  void ReadBy(std::function<Result<std::string>()> read) { read_ = std::move(read); }

  // Called for every event: a few nanoseconds for an address that was seen lately.
  void See(const Event& event) { functions_.See(event); }

  // Names of the addresses seen since the last call. Addresses without a name (a module that was loaded after the last
  // reading of kallsyms) are tried once more, after `now_ns` has moved on by ten seconds. Appends at most one warning
  // ever.
  std::vector<Symbol> TakeNew(uint64_t now_ns, std::vector<std::string>* warnings);

 private:
  static constexpr uint64_t kReloadEveryNs = 10'000'000'000;
  // New functions become rare soon; until the next one comes, megabytes of names need not be held.
  static constexpr uint64_t kKeepNs = 300'000'000'000;

  void Load(std::vector<std::string>* warnings);

  std::string path_;
  std::function<Result<std::string>()> read_;  // none: from path_
  FunctionsSeen functions_;
  std::vector<uint64_t> unresolved_;
  bool hidden_ = false;  // kallsyms cannot be read or shows zeros: never tried again
  bool loaded_ = false;
  uint64_t loaded_at_ns_ = 0;
  SymbolTable table_;
};

}  // namespace wakewatch
