#include "collector/kernel_functions.h"

#include <fstream>
#include <string_view>

namespace wakewatch {
namespace {

// "name.isra.0", "name.constprop.0" and their like take other arguments than `name`; "name.cold" is a part of it that
// is never entered from outside.
bool IsCopy(std::string_view suffix) {
  return suffix.starts_with("isra.") || suffix.starts_with("constprop.") || suffix.starts_with("part.");
}

}  // namespace

Result<KernelFunctions> KernelFunctions::Load(const std::string& tracefs, const std::string& kallsyms,
                                              const std::vector<std::string>& names) {
  KernelFunctions functions;
  for (const std::string& name : names) functions.seen_[name];
  bool any = false;
  std::string line;
  std::ifstream traceable(tracefs + "/available_filter_functions");
  while (std::getline(traceable, line)) {
    any = true;
    const auto at = functions.seen_.find(line);  // a module's functions have its name behind them
    if (at != functions.seen_.end()) at->second.traceable = true;
  }
  std::ifstream symbols(kallsyms);
  while (std::getline(symbols, line)) {  // "ffffffff813a8620 T try_to_wake_up", a module's with "\t[name]" behind
    any = true;
    const size_t type_at = line.find(' ');
    if (type_at == std::string::npos || type_at + 3 > line.size() || line.find('\t') != std::string::npos) continue;
    if (std::string_view("tTwW").find(line[type_at + 1]) == std::string_view::npos) continue;
    const std::string_view symbol = std::string_view(line).substr(type_at + 3);
    const size_t dot = symbol.find('.');
    const auto at = functions.seen_.find(std::string(symbol.substr(0, dot)));
    if (at == functions.seen_.end()) continue;
    if (dot == std::string_view::npos) {
      ++at->second.symbols;
    } else if (IsCopy(symbol.substr(dot + 1))) {
      at->second.copy = symbol;
    }
  }
  if (any) return functions;
  return Fail(Error{ErrorCode::kPermission,
                    "the kernel's functions are not listed there, nor in available_filter_functions",
                    kallsyms,
                    {},
                    "run as root"});
}

std::string KernelFunctions::Obstacle(const std::string& name) const {
  const auto at = seen_.find(name);
  if (at == seen_.end() || Absent(name)) return "this kernel has no function " + name + " (inlined, or not built in)";
  const Seen& seen = at->second;
  if (!seen.copy.empty()) return "the compiler made " + seen.copy + " of it, whose arguments may be others";
  if (seen.symbols > 1) return "this kernel has " + std::to_string(seen.symbols) + " functions of that name";
  return {};
}

bool KernelFunctions::Absent(const std::string& name) const {
  const auto at = seen_.find(name);
  return at == seen_.end() || (at->second.symbols == 0 && !at->second.traceable && at->second.copy.empty());
}

}  // namespace wakewatch
