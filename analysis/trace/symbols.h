// Why: events carry function addresses; people read names. Source: kallsyms text, or symbols resolved by the collector.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace wakewatch {

class SymbolTable {
 public:
  // kallsyms text ("ffffffff81000000 T name [module]" lines). Kept as text and indexed at the first look-up, so the
  // first look-up is not for two threads at once. Lines that do not parse and zeroed addresses (kptr_restrict) are
  // ignored; data symbols name nothing, but where one begins the function in front of it ends.
  void SetKallsyms(std::string text);
  // One resolved address; wins over kallsyms.
  void Add(uint64_t address, std::string name) { exact_[address] = std::move(name); }

  // "vmstat_update", or "name+0x10" inside a function; the address in hex ("0xffff…") when nothing covers it.
  std::string Name(uint64_t address) const;
  // The same without the "+0x10"; empty when unknown. Valid until the table changes.
  std::string_view Find(uint64_t address) const;
  bool empty() const { return exact_.empty() && kallsyms_.empty(); }
  const std::map<uint64_t, std::string>& exact() const { return exact_; }

 private:
  struct Entry {
    uint64_t address;
    uint32_t name_offset;  // into kallsyms_
    uint16_t name_size;    // 0: not a function
  };
  void Index() const;
  // The function that `address` lies in, or nullptr.
  const Entry* Covering(uint64_t address) const;

  std::string kallsyms_;
  std::map<uint64_t, std::string> exact_;
  mutable bool indexed_ = false;
  mutable std::vector<Entry> entries_;  // by address
};

}  // namespace wakewatch
