// Why: what `wakewatch list` shows is rows of text under column names, whichever list it is and whoever has it.
#pragma once

#include <string>
#include <vector>

namespace wakewatch {

struct Listing {
  std::vector<std::string> columns;  // also the JSON keys
  std::vector<std::vector<std::string>> rows;
};

}  // namespace wakewatch
