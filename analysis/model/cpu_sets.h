// Why: many tasks may run on the same few sets of CPUs. Each set is kept once, and a task carries its number.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

namespace wakewatch {

class CpuSets {
 public:
  using Words = std::vector<uint64_t>;  // bit c % 64 of word c / 64 stands for CPU c; the last word is not 0
  static constexpr uint32_t kUnknown = 0;

  // The number of the set that a list such as "0-3,8" names, made on first sight. kUnknown for an empty list, one that
  // cannot be read, and when there are too many.
  uint32_t Of(std::string_view list);
  uint32_t OfCpu(uint32_t cpu);
  // Nothing for kUnknown.
  const Words& At(uint32_t set) const { return sets_[set < sets_.size() ? set : kUnknown]; }
  // The one CPU in it; -1: none or several.
  int32_t Only(uint32_t set) const;

  static void Fields(auto& self, auto& archive) {
    archive(self.sets_);
    if constexpr (std::remove_reference_t<decltype(archive)>::kReads) {
      if (self.sets_.empty()) archive.Spoil();
      self.Index();
    }
  }

 private:
  static constexpr size_t kSetsMax = 4096;
  uint32_t Number(Words words);
  void Index();

  std::vector<Words> sets_{Words{}};
  std::map<Words, uint32_t> numbers_;
};

}  // namespace wakewatch
