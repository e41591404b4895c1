#include "analysis/model/cpu_sets.h"

#include <bit>
#include <utility>

#include "analysis/base/cpu_list.h"

namespace wakewatch {
namespace {

void Put(uint32_t cpu, CpuSets::Words* words) {
  if (words->size() <= cpu / 64) words->resize(cpu / 64 + 1);
  (*words)[cpu / 64] |= uint64_t{1} << cpu % 64;
}

}  // namespace

uint32_t CpuSets::Of(std::string_view list) {
  const auto cpus = ParseCpuList(list);
  if (!cpus || cpus->empty()) return kUnknown;
  Words words;
  for (const uint32_t cpu : *cpus) Put(cpu, &words);
  return Number(std::move(words));
}

uint32_t CpuSets::OfCpu(uint32_t cpu) {
  Words words;
  Put(cpu, &words);
  return Number(std::move(words));
}

uint32_t CpuSets::Number(Words words) {
  const auto known = numbers_.find(words);
  if (known != numbers_.end()) return known->second;
  if (sets_.size() >= kSetsMax) return kUnknown;
  const auto number = static_cast<uint32_t>(sets_.size());
  sets_.push_back(words);
  numbers_.emplace(std::move(words), number);
  return number;
}

int32_t CpuSets::Only(uint32_t set) const {
  const Words& words = At(set);
  if (words.empty() || !std::has_single_bit(words.back())) return -1;
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] != 0) return -1;
  }
  return static_cast<int32_t>((words.size() - 1) * 64 + static_cast<size_t>(std::countr_zero(words.back())));
}

void CpuSets::Index() {
  numbers_.clear();
  for (uint32_t number = 1; number < sets_.size(); ++number) numbers_.emplace(sets_[number], number);
}

}  // namespace wakewatch
