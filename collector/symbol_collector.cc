#include "collector/symbol_collector.h"

#include <algorithm>

#include "collector/file_io.h"

namespace wakewatch {
namespace {

// Without the right to see addresses (kptr_restrict, no CAP_SYSLOG) every line of kallsyms begins with zeros. Some
// symbols (per-CPU ones) are near zero legitimately, so one line that is not all zeros is enough.
bool AllZero(std::string_view kallsyms) {
  while (!kallsyms.empty()) {
    const std::string_view line = kallsyms.substr(0, kallsyms.find('\n'));
    const std::string_view address = line.substr(0, line.find(' '));
    if (address.find_first_not_of('0') != std::string_view::npos) return false;
    kallsyms.remove_prefix(std::min(line.size() + 1, kallsyms.size()));
  }
  return true;
}

}  // namespace

void SymbolCollector::Load(std::vector<std::string>* warnings) {
  auto text = read_ ? read_() : ReadTextFile(path_, kKallsymsMax);
  if (!text || AllZero(*text)) {
    hidden_ = true;
    warnings->push_back(text ? path_ +
                                   ": addresses are hidden; functions will be shown as addresses "
                                   "(run as root with kernel.kptr_restrict at most 1)"
                             : text.error().Text() + "; functions will be shown as addresses");
    return;
  }
  text->shrink_to_fit();  // it was read into twice as much, and stays for a while
  table_.SetKallsyms(*std::move(text));
}

std::vector<Symbol> SymbolCollector::TakeNew(uint64_t now_ns, std::vector<std::string>* warnings) {
  std::vector<Symbol> found;
  if (loaded_ && unresolved_.empty() && now_ns - loaded_at_ns_ >= kKeepNs) {
    table_ = SymbolTable();
    loaded_ = false;
  }
  const std::vector<uint64_t> addresses = functions_.TakeNew();
  if (hidden_) return found;
  unresolved_.insert(unresolved_.end(), addresses.begin(), addresses.end());
  if (unresolved_.empty()) return found;
  const bool reload = loaded_ && now_ns - loaded_at_ns_ >= kReloadEveryNs;
  if (addresses.empty() && !reload) return found;
  if (!loaded_ || reload) {
    loaded_ = true;
    loaded_at_ns_ = now_ns;
    Load(warnings);
    if (hidden_) unresolved_.clear();
  }
  std::erase_if(unresolved_, [&](uint64_t address) {
    if (table_.Find(address).empty()) return false;
    found.push_back({address, table_.Name(address)});
    return true;
  });
  if (reload) unresolved_.clear();  // they had their second try
  return found;
}

}  // namespace wakewatch
