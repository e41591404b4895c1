#include "analysis/trace/symbols.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace wakewatch {
namespace {

// kallsyms does not say where a function ends, only where the next symbol begins. Behind the last one of the kernel or
// of a module comes nothing, or what was loaded later: there no name is better than a wrong one.
constexpr uint64_t kFunctionBytesMax = 64 << 10;

std::string Hex(uint64_t value) {
  char digits[16];
  const auto end = std::to_chars(digits, digits + sizeof digits, value, 16).ptr;
  return "0x" + std::string(digits, end);
}

}  // namespace

void SymbolTable::SetKallsyms(std::string text) {
  kallsyms_ = std::move(text);
  entries_.clear();
  indexed_ = false;
}

// "ffffffff81000000 T name\t[module]"
void SymbolTable::Index() const {
  indexed_ = true;
  const char* const begin = kallsyms_.data();
  const char* const end = begin + std::min<size_t>(kallsyms_.size(), UINT32_MAX);
  entries_.reserve(static_cast<size_t>(end - begin) / 45);  // bytes a line, as a rule
  for (const char* line = begin; line < end;) {
    const auto* stop = static_cast<const char*>(std::memchr(line, '\n', static_cast<size_t>(end - line)));
    if (stop == nullptr) stop = end;
    uint64_t address = 0;
    const auto [at, error] = std::from_chars(line, stop, address, 16);
    line = stop + 1;
    if (error != std::errc() || address == 0 || stop - at < 4 || at[0] != ' ' || at[2] != ' ') continue;
    const char* const name = at + 3;
    const char* const name_end = std::find_if(name, stop, [](char c) { return c == ' ' || c == '\t'; });
    if (name_end == name || name_end - name > UINT16_MAX) continue;
    const bool function = at[1] == 't' || at[1] == 'T' || at[1] == 'w' || at[1] == 'W';
    entries_.push_back({address, static_cast<uint32_t>(name - begin),
                        function ? static_cast<uint16_t>(name_end - name) : uint16_t{0}});
  }
  // Of several names for one address the first function in the text stays.
  std::stable_sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
    return a.address != b.address ? a.address < b.address : (a.name_size != 0) > (b.name_size != 0);
  });
  entries_.erase(std::unique(entries_.begin(), entries_.end(),
                             [](const Entry& a, const Entry& b) { return a.address == b.address; }),
                 entries_.end());
  entries_.shrink_to_fit();
}

const SymbolTable::Entry* SymbolTable::Covering(uint64_t address) const {
  if (!indexed_) Index();
  const auto after = std::upper_bound(entries_.begin(), entries_.end(), address,
                                      [](uint64_t wanted, const Entry& entry) { return wanted < entry.address; });
  if (after == entries_.begin()) return nullptr;
  const Entry& entry = *(after - 1);
  return entry.name_size == 0 || address - entry.address >= kFunctionBytesMax ? nullptr : &entry;
}

std::string_view SymbolTable::Find(uint64_t address) const {
  if (const auto known = exact_.find(address); known != exact_.end()) return known->second;
  const Entry* entry = Covering(address);
  if (entry == nullptr) return {};
  return std::string_view(kallsyms_).substr(entry->name_offset, entry->name_size);
}

std::string SymbolTable::Name(uint64_t address) const {
  if (const auto known = exact_.find(address); known != exact_.end()) return known->second;
  const Entry* entry = Covering(address);
  if (entry == nullptr) return Hex(address);
  std::string name = kallsyms_.substr(entry->name_offset, entry->name_size);
  if (address != entry->address) name += "+" + Hex(address - entry->address);
  return name;
}

}  // namespace wakewatch
