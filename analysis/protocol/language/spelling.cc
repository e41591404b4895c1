#include "analysis/protocol/language/spelling.h"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace wakewatch::protocol {

namespace {

// How many letters to insert, remove, change or swap with their neighbour.
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) {
    for (size_t k = 0; k <= b.size(); ++k) {
      if (i == 0 || k == 0) {
        d[i][k] = i + k;
        continue;
      }
      d[i][k] = std::min({d[i - 1][k] + 1, d[i][k - 1] + 1, d[i - 1][k - 1] + (a[i - 1] == b[k - 1] ? 0 : 1)});
      if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
        d[i][k] = std::min(d[i][k], d[i - 2][k - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

}  // namespace

std::string_view NearestWord(std::string_view word, std::span<const std::string_view> words) {
  constexpr size_t kLongWord = 6;
  std::string_view nearest;
  size_t best = 3;
  for (const std::string_view candidate : words) {
    const size_t length = std::min(word.size(), candidate.size());
    const size_t allowed = length >= kLongWord ? 2 : 1;
    if (std::max(word.size(), candidate.size()) - length > allowed || length < 2) continue;
    const size_t distance = Distance(word, candidate);
    if (distance == 0 || distance > allowed || distance >= best) continue;
    best = distance;
    nearest = candidate;
  }
  return nearest;
}

}  // namespace wakewatch::protocol
