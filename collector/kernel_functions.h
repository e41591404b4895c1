// Why: a probe sits on a function by its name, and not every kernel has every function under it: a compiler inlines
// some, and makes copies of others whose arguments are not what the source says. Source: available_filter_functions of
// tracefs, /proc/kallsyms.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "analysis/base/result.h"

namespace wakewatch {

class KernelFunctions {
 public:
  // Looks up `names` only. The first list that can be read answers for presence; copies are seen in kallsyms alone.
  // Errors: neither can be read.
  static Result<KernelFunctions> Load(const std::string& tracefs, const std::string& kallsyms,
                                      const std::vector<std::string>& names);

  // Why `name` cannot be probed; empty when it can.
  std::string Obstacle(const std::string& name) const;
  // True when the kernel has neither it nor a copy of it.
  bool Absent(const std::string& name) const;

 private:
  struct Seen {
    unsigned symbols = 0;    // in the kernel itself, modules aside
    bool traceable = false;  // in available_filter_functions
    std::string copy = {};   // "try_to_wake_up.isra.0"
  };

  std::map<std::string, Seen> seen_;
};

}  // namespace wakewatch
