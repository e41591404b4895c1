#include "analysis/base/cpu_list.h"

#include <algorithm>
#include <charconv>

namespace wakewatch {
namespace {

constexpr uint32_t kCpuMax = 65535;

// Takes a CPU number off the front; none when there is none there, or too large a one.
std::optional<uint32_t> TakeCpu(std::string_view* text) {
  uint32_t cpu = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), cpu);
  if (error != std::errc() || cpu > kCpuMax) return std::nullopt;
  text->remove_prefix(static_cast<size_t>(end - text->data()));
  return cpu;
}

bool TakeChar(std::string_view* text, char c) {
  if (!text->starts_with(c)) return false;
  text->remove_prefix(1);
  return true;
}

}  // namespace

std::optional<std::vector<uint32_t>> ParseCpuList(std::string_view text) {
  std::vector<uint32_t> cpus;
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.empty()) return cpus;
  do {
    const auto first = TakeCpu(&text);
    if (!first) return std::nullopt;
    const auto last = TakeChar(&text, '-') ? TakeCpu(&text) : first;
    if (!last || *last < *first) return std::nullopt;
    for (uint32_t cpu = *first; cpu <= *last; ++cpu) cpus.push_back(cpu);
  } while (TakeChar(&text, ','));
  if (!text.empty()) return std::nullopt;
  std::sort(cpus.begin(), cpus.end());
  cpus.erase(std::unique(cpus.begin(), cpus.end()), cpus.end());
  return cpus;
}

}  // namespace wakewatch
