// Why: the links of a chain of wakes stand in the answer about a chain and under each of a thread's worst waits; both
// are written here.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "analysis/model/wake_history.h"

namespace wakewatch {

// "rx_drain (210)".
std::string TaskText(int32_t pid, const std::string& comm);
// What an interrupt was about: "hrtimer hrtimer_wakeup, in a hard interrupt".
std::string SourceText(WakeContext context, const std::string& source);
// One line a link, `indent` spaces in front; `woken` is who was woken first.
std::string ChainLinksText(std::string woken, const std::vector<ChainLink>& chain, size_t indent);

nlohmann::ordered_json KnownOrNull(bool known, nlohmann::ordered_json value);
nlohmann::ordered_json ChainLinkValue(const ChainLink& link);

}  // namespace wakewatch
