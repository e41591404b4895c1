#include "analysis/trace/trace_text.h"

#include <algorithm>
#include <utility>

namespace wakewatch {

std::string_view TakeLine(std::string_view* text) {
  const size_t end = text->find('\n');
  const std::string_view line = text->substr(0, end);
  text->remove_prefix(end == std::string_view::npos ? text->size() : end + 1);
  return line;
}

std::string_view TakeWord(std::string_view* text) {
  text->remove_prefix(std::min(text->find_first_not_of(' '), text->size()));
  const std::string_view word = text->substr(0, text->find(' '));
  text->remove_prefix(word.size());
  return word;
}

bool ParseCommandLines(std::string_view text, ThreadInfos* threads) {
  bool all_read = true;
  while (!text.empty()) {
    std::string_view line = TakeLine(&text);
    if (line.empty()) continue;
    ThreadInfo thread;
    if (!ParseNumber(TakeWord(&line), 10, &thread.pid) || line.size() < 2) {
      all_read = false;
      continue;
    }
    thread.comm = line.substr(1);
    threads->Add(std::move(thread));
  }
  return all_read;
}

std::string_view ParseTraceClock(std::string_view text) {
  const size_t open = text.find('[');
  if (open == std::string_view::npos) return {};
  const size_t close = text.find(']', open);
  return close == std::string_view::npos ? std::string_view() : text.substr(open + 1, close - open - 1);
}

bool ParseCpuStat(std::string_view key, std::string_view value, CpuStats* stats) {
  const std::pair<std::string_view, uint64_t*> kept[] = {{"entries", &stats->entries},
                                                         {"overrun", &stats->overrun},
                                                         {"commit overrun", &stats->commit_overrun},
                                                         {"dropped events", &stats->dropped},
                                                         {"read events", &stats->read}};
  for (const auto& [name, number] : kept) {
    if (key == name) return ParseNumber(value, 10, number);
  }
  return true;
}

}  // namespace wakewatch
