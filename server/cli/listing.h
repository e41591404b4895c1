// Why: what `wakewatch list` shows is rows of text under column names, whichever list it is and whoever has it.
#pragma once

#include <string>
#include <vector>

#include "analysis/report/output_format.h"

namespace wakewatch {

struct Listing {
  std::vector<std::string> columns;  // also the JSON keys
  std::vector<std::vector<std::string>> rows;
};
std::string ListingText(const Listing& listing, OutputFormat format);

// The protocols that come with the checker, and what each says of itself.
Listing ListShippedProtocols();

}  // namespace wakewatch
