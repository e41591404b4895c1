// Why: work and tasklets are counted by the function that they run. A kernel has some thousands of those; a hostile or
// corrupt trace can name any number, and they must not fill the memory of a server.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "analysis/trace/symbols.h"

namespace wakewatch {

template <typename Counts>
class FunctionTable {
 public:
  Counts& Of(uint64_t address) {
    const auto found = counts_.find(address);
    if (found != counts_.end()) return found->second;
    return counts_[counts_.size() < kFunctionsMax ? address : kOthers];
  }
  // Where Of puts this one, if it has been asked; else null.
  const Counts* Find(uint64_t address) const {
    const auto found = counts_.find(address);
    return found == counts_.end() ? nullptr : &found->second;
  }
  // Calls visit(address, counts) by address.
  template <typename Visit>
  void ForEach(Visit&& visit) const {
    for (const auto& [address, counts] : counts_) visit(address, counts);
  }
  static void Fields(auto& self, auto& archive) { archive(self.counts_); }
  static std::string Name(uint64_t address, const SymbolTable& symbols) {
    return address == kOthers ? "other functions" : symbols.Name(address);
  }

 private:
  static constexpr size_t kFunctionsMax = 1u << 14;
  static constexpr uint64_t kOthers = UINT64_MAX;

  std::map<uint64_t, Counts> counts_;
};

}  // namespace wakewatch
